//! How much of a card goes into one message: all of it, or, where that is too long for a service, less and less.

/// How much there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::destination) struct Room {
    /// How long the sentence may be.
    pub(in crate::destination) text: usize,
    /// How long each fact may be.
    pub(in crate::destination) fact: usize,
    /// How many facts there may be.
    pub(in crate::destination) facts: usize,
}

/// From all to almost nothing: the sentence is cut first, then the facts, then they go.
const ROOMS: [Room; 7] = [
    room(4000, 1000, 25),
    room(1000, 1000, 25),
    room(500, 1000, 25),
    room(500, 300, 25),
    room(500, 100, 12),
    room(300, 50, 6),
    room(100, 0, 0),
];

const fn room(text: usize, fact: usize, facts: usize) -> Room {
    Room { text, fact, facts }
}

/// The first message that is small enough; the smallest if none is.
pub(in crate::destination) fn roomy<M>(make: impl Fn(Room) -> M, fits: impl Fn(&M) -> bool) -> M {
    let (last, before) = (ROOMS[ROOMS.len() - 1], &ROOMS[..ROOMS.len() - 1]);
    let mut made = before.iter().map(|room| make(*room));
    made.find(fits).unwrap_or_else(|| make(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_room_is_smaller_than_the_one_before() {
        for pair in ROOMS.windows(2) {
            let (big, small) = (pair[0], pair[1]);
            assert!(small.text <= big.text && small.fact <= big.fact && small.facts <= big.facts);
            assert_ne!(big, small);
        }
        assert_eq!(roomy(|room| room.text, |text| *text <= 500), 500);
        assert_eq!(roomy(|room| room.text, |text| *text <= 1), 100);
    }
}
