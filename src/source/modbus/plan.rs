//! Which requests a unit is asked: the spans of its tags, merged into few blocks.
//!
//! Pure. It knows the limits of the protocol and nothing of connections; what a block's answer means is in
//! [`super::decode`], and what happens when a device refuses a block is in the poller.

/// The four address spaces of a unit; addresses are 0-based in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Read and written by the device's user, function 3.
    Holding,
    /// Read only, function 4.
    Input,
    /// Bits that can be written, function 1.
    Coil,
    /// Bits that are read only, function 2.
    Discrete,
}

impl Kind {
    /// All of them by the word that the configuration uses.
    pub const WORDS: [(&'static str, Kind); 4] = [
        ("holding", Kind::Holding),
        ("input", Kind::Input),
        ("coil", Kind::Coil),
        ("discrete", Kind::Discrete),
    ];

    /// The word that the configuration uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Holding => "holding",
            Self::Input => "input",
            Self::Coil => "coil",
            Self::Discrete => "discrete",
        }
    }

    /// Whether an address holds one bit rather than a register of 16.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }

    /// The most addresses that one request may ask for (MODBUS Application Protocol V1.1b3, sections 6.1 to 6.4).
    pub fn limit(self) -> u16 {
        if self.is_bits() { 2000 } else { 125 }
    }
}

/// Consecutive addresses of one kind. `start + count` is at most 65536 and `count` at least 1; the configuration sees to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which address space.
    pub kind: Kind,
    /// The first address.
    pub start: u16,
    /// How many addresses.
    pub count: u16,
}

impl Span {
    /// One past the last address.
    pub fn end(self) -> u32 {
        u32::from(self.start) + u32::from(self.count)
    }
}

/// One request and the reads that its answer serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is asked.
    pub span: Span,
    /// Indices into the spans that were planned, by address. Never empty.
    pub reads: Vec<usize>,
}

impl Block {
    /// Splits a block that a device refused, at its widest gap, or in the middle where it has none: an address that nobody
    /// asked for is the likeliest to be illegal. `None` for a block that serves one read.
    pub fn split(&self, spans: &[Span]) -> Option<(Block, Block)> {
        let middle = self.reads.len().div_ceil(2);
        let cuts = 1..self.reads.len();
        let at = cuts.max_by_key(|&cut| {
            let covered = self.reads[..cut].iter().map(|&read| spans[read].end());
            let end = covered.max().unwrap_or(0);
            let gap = u32::from(spans[self.reads[cut]].start).saturating_sub(end);
            (gap, std::cmp::Reverse(cut.abs_diff(middle)))
        })?;
        let (left, right) = self.reads.split_at(at);
        Some((around(left, spans), around(right, spans)))
    }
}

/// The fewest blocks that serve every span, none longer than its kind allows, none reading across more than `max_gap` registers
/// (or 16 times as many bits) that nobody asked for, and none splitting a value.
pub fn plan(spans: &[Span], max_gap: u16) -> Vec<Block> {
    merge(spans, max_gap, Kind::limit)
}

/// From left to right, as far as each block reaches: with values of one and two registers no other way needs fewer.
fn merge(spans: &[Span], max_gap: u16, limit: impl Fn(Kind) -> u16) -> Vec<Block> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&read| spans[read]);
    let mut blocks: Vec<Block> = Vec::new();
    for read in order {
        let span = spans[read];
        match blocks.last_mut() {
            Some(block) if fits(block.span, span, max_gap, limit(span.kind)) => {
                block.reads.push(read);
                block.span = cover(block.span, span);
            }
            _ => blocks.push(Block {
                span,
                reads: vec![read],
            }),
        }
    }
    blocks
}

fn fits(block: Span, next: Span, max_gap: u16, limit: u16) -> bool {
    let gap = u32::from(next.start).saturating_sub(block.end());
    let across = u32::from(max_gap) * if next.kind.is_bits() { 16 } else { 1 };
    let length = block.end().max(next.end()) - u32::from(block.start);
    block.kind == next.kind && gap <= across && length <= u32::from(limit)
}

fn cover(block: Span, next: Span) -> Span {
    let length = block.end().max(next.end()) - u32::from(block.start);
    Span {
        count: u16::try_from(length).unwrap_or(u16::MAX),
        ..block
    }
}

/// The block of some reads that are not empty and are in order of address.
fn around(reads: &[usize], spans: &[Span]) -> Block {
    let first = spans[reads[0]];
    let span = reads
        .iter()
        .fold(first, |block, &read| cover(block, spans[read]));
    Block {
        span,
        reads: reads.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holding(start: u16, count: u16) -> Span {
        Span {
            kind: Kind::Holding,
            start,
            count,
        }
    }

    fn asked(blocks: &[Block]) -> Vec<(u16, u16)> {
        blocks
            .iter()
            .map(|block| (block.span.start, block.span.count))
            .collect()
    }

    #[test]
    fn neighbours_are_one_request_and_far_ones_are_not() {
        let spans = [holding(100, 2), holding(103, 1), holding(200, 1)];
        assert_eq!(asked(&plan(&spans, 16)), [(100, 4), (200, 1)]);
        assert_eq!(asked(&plan(&spans, 0)), [(100, 2), (103, 1), (200, 1)]);
    }

    #[test]
    fn a_request_ends_before_the_value_that_would_be_split() {
        let spans: Vec<Span> = (0..63).map(|at| holding(at * 2, 2)).collect();
        assert_eq!(asked(&plan(&spans, 16)), [(0, 124), (124, 2)]);
    }

    #[test]
    fn kinds_are_never_mixed_and_bits_have_their_own_limit() {
        let bit = |start| Span {
            kind: Kind::Coil,
            start,
            count: 1,
        };
        let spans = [bit(0), bit(256), bit(2000), holding(1, 1)];
        assert_eq!(
            asked(&plan(&spans, 120)),
            [(1, 1), (0, 257), (2000, 1)],
            "120 registers are as long as 1920 bits, 1999 and 2000 bits fit in no request"
        );
    }

    #[test]
    fn the_last_address_can_be_read() {
        assert_eq!(asked(&plan(&[holding(65534, 2)], 16)), [(65534, 2)]);
    }

    #[test]
    fn a_refused_block_splits_at_its_widest_gap_then_in_the_middle() {
        let spans = [
            holding(0, 2),
            holding(2, 2),
            holding(10, 1),
            holding(11, 1),
            holding(12, 1),
        ];
        let whole = plan(&spans, 16).remove(0);
        let (left, right) = whole.split(&spans).unwrap();
        assert_eq!(
            asked(&[left, right.clone()]),
            [(0, 4), (10, 3)],
            "the gap is not asked for any more"
        );
        let (left, right) = right.split(&spans).unwrap();
        assert_eq!((left.reads, right.reads.clone()), (vec![2, 3], vec![4]));
        assert_eq!(right.split(&spans), None);
    }

    /// The fewest blocks over all partitions of the spans, whatever their order.
    fn fewest(rest: &[Span], groups: &mut Vec<Vec<Span>>, max_gap: u16, limit: u16) -> usize {
        let Some((first, rest)) = rest.split_first() else {
            let fine = groups
                .iter()
                .all(|group| merge(group, max_gap, |_| limit).len() == 1);
            return if fine { groups.len() } else { usize::MAX };
        };
        let mut best = usize::MAX;
        for at in 0..groups.len() {
            groups[at].push(*first);
            best = best.min(fewest(rest, groups, max_gap, limit));
            groups[at].pop();
        }
        groups.push(vec![*first]);
        best = best.min(fewest(rest, groups, max_gap, limit));
        groups.pop();
        best
    }

    proptest! {
        #[test]
        fn no_plan_needs_fewer_requests(
            reads in proptest::collection::vec((0_u16..24, 1_u16..=2), 1..7), max_gap in 0_u16..5, limit in 2_u16..9,
        ) {
            let spans: Vec<Span> = reads.into_iter().map(|(start, count)| holding(start, count)).collect();
            let blocks = merge(&spans, max_gap, |_| limit);
            prop_assert_eq!(blocks.len(), fewest(&spans, &mut Vec::new(), max_gap, limit));
        }

        #[test]
        fn every_value_is_whole_in_exactly_one_request(
            reads in proptest::collection::vec((0_usize..4, any::<u16>(), 1_u16..=2), 0..60), max_gap in 0_u16..=120,
        ) {
            let spans: Vec<Span> = reads.into_iter().map(|(kind, start, count)| {
                let (_, kind) = Kind::WORDS[kind];
                let count = if kind.is_bits() { 1 } else { count };
                Span { kind, start: start.min(u16::MAX - 1), count }
            }).collect();
            let blocks = plan(&spans, max_gap);
            let mut served = vec![0; spans.len()];
            for block in &blocks {
                prop_assert!(block.span.count <= block.span.kind.limit() && block.span.end() <= 65536);
                for &read in &block.reads {
                    let (span, block) = (spans[read], block.span);
                    prop_assert!(span.kind == block.kind && span.start >= block.start && span.end() <= block.end());
                    served[read] += 1;
                }
            }
            prop_assert!(served.iter().all(|times| *times == 1));
        }
    }
}
