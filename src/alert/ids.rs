//! Making ids and numbers that are unique, sortable by time, and the same whenever the same input is played again.
//!
//! A ULID has 48 bits of time and 80 bits that are usually random. Here they are SHA-256 of a seed, kept with the state, and of a
//! counter, so that the core needs no randomness and a replay gives the same ids.

use sha2::{Digest, Sha256};
use ulid::Ulid;

use crate::clock::Wall;

/// The state of id making; part of the durable state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    /// Random, made once for a database.
    pub(super) seed: [u8; 16],
    /// How many ids were made.
    pub(super) made: u64,
    /// The number that the next alert gets.
    pub(super) next_number: u64,
}

impl Ids {
    /// The first ids of a new database.
    pub(super) fn new(seed: [u8; 16]) -> Self {
        Self {
            seed,
            made: 0,
            next_number: 1,
        }
    }

    /// A new id, of this time.
    pub(super) fn id(&mut self, at: Wall) -> Ulid {
        self.made += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.made.to_be_bytes());
        let digest = hash.finalize();
        let mut tail = [0; 16];
        tail[6..].copy_from_slice(&digest[..10]);
        let time = u64::try_from(at.as_millis()).unwrap_or(0);
        Ulid::from_parts(time, u128::from_be_bytes(tail))
    }

    /// A new alert number.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_carry_their_time_and_repeat_in_a_replay() {
        let wall = Wall::from_millis(1_775_298_605_120);
        let (mut one, mut two) = (Ids::new([7; 16]), Ids::new([7; 16]));
        let first = one.id(wall);
        assert_eq!(first, two.id(wall));
        assert_ne!(first, one.id(wall));
        assert_eq!(first.timestamp_ms(), 1_775_298_605_120);
        assert_ne!(first, Ids::new([8; 16]).id(wall));
    }
}
