//! Sequence numbers of one destination that will never come: a short sorted list of ranges.
//!
//! It knows no rows and no destination. It errs to one side only: to stay short it may name a number that still comes,
//! which harms no receiver, and never leaves out one that does not.

use serde::{Deserialize, Serialize};

/// Most ranges that are kept; beyond it the two nearest become one.
pub const MAX_RANGES: usize = 100;

/// Numbers `from..=to` will never come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// First number.
    pub from: u64,
    /// Last number.
    pub to: u64,
    /// Why, in a word: `expired`, `superseded`, ..
    pub why: String,
}

/// Adds one number to a sorted list.
pub(crate) fn add(ranges: &mut Vec<Range>, number: u64, why: &str) {
    let at = ranges.partition_point(|range| range.to < number);
    if ranges.get(at).is_some_and(|range| range.from <= number) {
        return;
    }
    let one = Range {
        from: number,
        to: number,
        why: why.to_owned(),
    };
    ranges.insert(at, one);
    // First the right, then the left neighbour, so that `at` stays where it is.
    for left in [at, at.wrapping_sub(1)] {
        if touches(ranges, left) {
            join(ranges, left);
        }
    }
    while ranges.len() > MAX_RANGES {
        let gaps = ranges
            .windows(2)
            .map(|pair| pair[1].from - pair[0].to)
            .enumerate();
        match gaps.min_by_key(|(_, gap)| *gap) {
            Some((left, _)) => join(ranges, left),
            None => break,
        }
    }
}

/// Takes away what has been told, or numbers that come after all.
pub(crate) fn remove(ranges: &mut Vec<Range>, from: u64, to: u64) {
    let before = std::mem::take(ranges);
    for range in before {
        if range.to < from || range.from > to {
            ranges.push(range);
            continue;
        }
        if range.from < from {
            ranges.push(Range {
                to: from - 1,
                ..range.clone()
            });
        }
        if range.to > to {
            ranges.push(Range {
                from: to + 1,
                ..range
            });
        }
    }
}

fn touches(ranges: &[Range], left: usize) -> bool {
    match (ranges.get(left), ranges.get(left.wrapping_add(1))) {
        (Some(a), Some(b)) => a.to + 1 == b.from && a.why == b.why,
        _ => false,
    }
}

fn join(ranges: &mut Vec<Range>, left: usize) {
    let right = ranges.remove(left + 1);
    let left = &mut ranges[left];
    left.to = right.to;
    if left.why != right.why {
        left.why = "several".to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(ranges: &[Range]) -> Vec<(u64, u64)> {
        ranges.iter().map(|range| (range.from, range.to)).collect()
    }

    #[test]
    fn neighbours_with_the_same_reason_become_one_range() {
        let mut ranges = Vec::new();
        for number in [5, 3, 4, 9, 4] {
            add(&mut ranges, number, "expired");
        }
        add(&mut ranges, 6, "dropped");
        assert_eq!(numbers(&ranges), [(3, 5), (6, 6), (9, 9)]);
        remove(&mut ranges, 4, 6);
        assert_eq!(numbers(&ranges), [(3, 3), (9, 9)]);
    }

    proptest! {
        #[test]
        fn the_list_stays_short_and_sorted_and_leaves_no_number_out(given in prop::collection::vec(1u64..2000, 0..400)) {
            let mut ranges = Vec::new();
            for number in &given {
                add(&mut ranges, *number, if number % 3 == 0 { "expired" } else { "dropped" });
            }
            prop_assert!(ranges.len() <= MAX_RANGES);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].to < pair[1].from));
            for number in given {
                prop_assert!(ranges.iter().any(|range| range.from <= number && number <= range.to));
            }
        }

        #[test]
        fn removing_takes_exactly_what_was_told(given in prop::collection::btree_set(1u64..60, 0..40), from in 1u64..60, more in 0u64..30) {
            let mut ranges = Vec::new();
            for number in &given {
                add(&mut ranges, *number, "expired");
            }
            remove(&mut ranges, from, from + more);
            for number in 1..100 {
                let left = ranges.iter().any(|range| range.from <= number && number <= range.to);
                prop_assert_eq!(left, given.contains(&number) && !(from..=from + more).contains(&number));
            }
        }
    }
}
