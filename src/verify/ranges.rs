//! A set of numbers that mostly follow each other, kept as ranges: its size is that of its holes, not of its numbers.

use std::collections::BTreeMap;

/// A set of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// First number to last number; no two touch.
    map: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds a number; false if it was there.
    pub fn insert(&mut self, number: u64) -> bool {
        let new = !self.contains(number);
        if new {
            self.insert_range(number, number);
        }
        new
    }

    /// Adds `from..=to`; nothing if `to` is smaller.
    pub fn insert_range(&mut self, mut from: u64, mut to: u64) {
        if to < from {
            return;
        }
        let before = self.map.range(..=from).next_back();
        if let Some((&first, &last)) = before.filter(|(_, last)| last.saturating_add(1) >= from) {
            from = first;
            to = to.max(last);
        }
        while let Some((&first, &last)) = self.map.range(from..=to.saturating_add(1)).next() {
            self.map.remove(&first);
            to = to.max(last);
        }
        self.map.insert(from, to);
    }

    /// Whether a number is in it.
    pub fn contains(&self, number: u64) -> bool {
        let before = self.map.range(..=number).next_back();
        before.is_some_and(|(_, last)| *last >= number)
    }

    /// The smallest number.
    pub fn first(&self) -> Option<u64> {
        self.map.first_key_value().map(|(first, _)| *first)
    }

    /// The largest number.
    pub fn last(&self) -> Option<u64> {
        self.map.last_key_value().map(|(_, last)| *last)
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        let ranges = self.iter();
        ranges.fold(0, |sum, (first, last)| {
            sum.saturating_add(last - first).saturating_add(1)
        })
    }

    /// The ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.map.iter().map(|(first, last)| (*first, *last))
    }

    /// The numbers of `from..=to` that are not in it.
    pub fn holes(&self, from: u64, to: u64) -> Self {
        let mut holes = Self::default();
        let mut next = Some(from);
        for (first, last) in self.iter() {
            let Some(at) = next.filter(|at| *at <= to) else {
                break;
            };
            if last < at {
                continue;
            }
            if first > at {
                holes.insert_range(at, to.min(first - 1));
            }
            next = last.checked_add(1);
        }
        if let Some(at) = next {
            holes.insert_range(at, to);
        }
        holes
    }

    /// The numbers that are not in `others`.
    pub fn without(&self, others: &Self) -> Self {
        let mut left = Self::default();
        for (first, last) in self.iter() {
            for (from, to) in others.holes(first, last).iter() {
                left.insert_range(from, to);
            }
        }
        left
    }
}

/// `3, 7-9`: the first ranges, and that there are more.
impl std::fmt::Display for Ranges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 20;
        for (index, (first, last)) in self.iter().take(SHOWN).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        match self.map.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn numbers(ranges: &Ranges) -> BTreeSet<u64> {
        ranges.iter().flat_map(|(from, to)| from..=to).collect()
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_numbers(
            given in prop::collection::vec((0u64..80, 0u64..6), 0..40), others in prop::collection::vec(0u64..80, 0..40),
            from in 0u64..80, more in 0u64..40,
        ) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (number, length) in given {
                match length {
                    0 => prop_assert_eq!(ranges.insert(number), set.insert(number)),
                    _ => {
                        ranges.insert_range(number, number + length);
                        set.extend(number..=number + length);
                    }
                }
            }
            prop_assert_eq!(numbers(&ranges), set.clone());
            prop_assert_eq!(ranges.count(), set.len() as u64);
            prop_assert_eq!((ranges.first(), ranges.last()), (set.first().copied(), set.last().copied()));
            let parts: Vec<(u64, u64)> = ranges.iter().collect();
            prop_assert!(parts.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "ranges that touch are one");
            let holes: BTreeSet<u64> = (from..=from + more).filter(|number| !set.contains(number)).collect();
            prop_assert_eq!(numbers(&ranges.holes(from, from + more)), holes);
            let mut without = Ranges::default();
            for number in &others {
                without.insert(*number);
            }
            let left: BTreeSet<u64> = set.into_iter().filter(|number| !others.contains(number)).collect();
            prop_assert_eq!(numbers(&ranges.without(&without)), left);
        }
    }

    #[test]
    fn the_ends_of_the_range_of_numbers_are_numbers_too() {
        let mut ranges = Ranges::default();
        ranges.insert(u64::MAX);
        ranges.insert(0);
        ranges.insert_range(5, 3);
        assert_eq!(ranges.to_string(), format!("0, {}", u64::MAX));
        assert_eq!(
            ranges.holes(0, u64::MAX).iter().collect::<Vec<_>>(),
            [(1, u64::MAX - 1)]
        );
        ranges.insert_range(0, u64::MAX);
        assert_eq!(ranges.holes(0, u64::MAX), Ranges::default());
        assert_eq!(ranges.count(), u64::MAX);
    }
}
