//! Which node or device fills which seat. Two that fill one would mix their values in the tags of one machine, so the first one
//! does, until it is gone. Pure.

use super::plan::SeatIx;
use std::sync::Arc;

/// Who fills the seats of a plan.
#[derive(Debug)]
pub(super) struct Claims(Vec<Option<Claim>>);

#[derive(Debug)]
struct Claim {
    node: Arc<str>,
    device: Box<str>,
    lives: bool,
}

impl Claims {
    pub(super) fn new(seats: usize) -> Self {
        Self((0..seats).map(|_| None).collect())
    }

    /// Gives the seat to this node's device, unless another one that lives has it.
    pub(super) fn take(&mut self, seat: SeatIx, node: &Arc<str>, device: &str) -> bool {
        let claim = &mut self.0[seat.0 as usize];
        match claim {
            Some(claim) if claim.is_of(node, device) => claim.lives = true,
            Some(claim) if claim.lives => return false,
            _ => {
                *claim = Some(Claim {
                    node: Arc::clone(node),
                    device: device.into(),
                    lives: true,
                });
            }
        }
        true
    }

    /// Whether this node's device has the seat.
    pub(super) fn has(&self, seat: SeatIx, node: &str, device: &str) -> bool {
        let claim = self.0[seat.0 as usize].as_ref();
        claim.is_some_and(|claim| claim.is_of(node, device))
    }

    /// The one that has it does not live any more: another one may have it.
    pub(super) fn let_go(&mut self, seat: SeatIx) {
        if let Some(claim) = &mut self.0[seat.0 as usize] {
            claim.lives = false;
        }
    }
}

impl Claim {
    fn is_of(&self, node: &str, device: &str) -> bool {
        &*self.node == node && &*self.device == device
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_changes_hands_only_when_who_has_it_is_gone() {
        let mut claims = Claims::new(1);
        let (seat, one, other) = (SeatIx(0), Arc::from("hall/gw-1"), Arc::from("hall/gw-2"));
        assert!(!claims.has(seat, &one, "press"));
        assert!(claims.take(seat, &one, "press"));
        assert!(claims.take(seat, &one, "press"));
        assert!(!claims.take(seat, &other, "press"));
        assert!(!claims.take(seat, &one, "oven"));
        assert!(claims.has(seat, &one, "press"));
        claims.let_go(seat);
        assert!(claims.has(seat, &one, "press"));
        assert!(claims.take(seat, &other, "press"));
        assert!(!claims.has(seat, &one, "press"));
    }
}
