//! The fewest requests, whole values, and what a unit may cap.

use proptest::prelude::*;

use super::*;

fn holding(start: u16, count: u16) -> Span {
    Span {
        kind: Kind::Holding,
        start,
        count,
    }
}

fn gap(max_gap: u16) -> Limits {
    Limits {
        max_gap,
        ..Limits::default()
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
    assert_eq!(asked(&plan(&spans, &gap(16))), [(100, 4), (200, 1)]);
    assert_eq!(
        asked(&plan(&spans, &gap(0))),
        [(100, 2), (103, 1), (200, 1)]
    );
}

#[test]
fn a_request_ends_before_the_value_that_would_be_split() {
    let spans: Vec<Span> = (0..63).map(|at| holding(at * 2, 2)).collect();
    assert_eq!(asked(&plan(&spans, &gap(16))), [(0, 124), (124, 2)]);
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
        asked(&plan(&spans, &gap(120))),
        [(1, 1), (0, 257), (2000, 1)],
        "120 registers are as long as 1920 bits, 1999 and 2000 bits fit in no request"
    );
}

#[test]
fn the_last_address_can_be_read() {
    assert_eq!(asked(&plan(&[holding(65534, 2)], &gap(16))), [(65534, 2)]);
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
    let whole = plan(&spans, &gap(16)).remove(0);
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

#[test]
fn a_unit_may_allow_less_than_the_protocol() {
    let small = Limits {
        max_registers: 10,
        max_bits: 16,
        ..gap(16)
    };
    let spans: Vec<Span> = (0..12).map(|at| holding(at, 1)).collect();
    assert_eq!(asked(&plan(&spans, &small)), [(0, 10), (10, 2)]);
    let bits: Vec<Span> = (0..20)
        .map(|start| Span {
            kind: Kind::Discrete,
            start,
            count: 1,
        })
        .collect();
    assert_eq!(asked(&plan(&bits, &small)), [(0, 16), (16, 4)]);
    let both = small.and(Limits {
        max_gap: 3,
        one_per_tag: true,
        ..Limits::default()
    });
    let expected = Limits {
        max_gap: 3,
        max_registers: 10,
        max_bits: 16,
        one_per_tag: true,
    };
    assert_eq!(both, expected);
}

#[test]
fn one_request_per_tag_still_asks_a_register_once_for_all_its_bits() {
    let single = Limits {
        one_per_tag: true,
        ..Limits::default()
    };
    let spans = [holding(5, 1), holding(6, 2), holding(5, 1), holding(5, 2)];
    let blocks = plan(&spans, &single);
    assert_eq!(asked(&blocks), [(5, 1), (5, 2), (6, 2)]);
    assert_eq!(blocks[0].reads, [0, 2]);
}

#[test]
fn a_block_knows_what_nobody_wants_and_how_it_is_typed() {
    let spans = [holding(0, 2), holding(1, 1), holding(5, 1), holding(9, 2)];
    let block = plan(&spans, &gap(16)).remove(0);
    assert_eq!((block.unused(&spans), block.span.count), (6, 11));
    assert_eq!(block.span.to_string(), "holding:0..10");
    assert_eq!(holding(65535, 1).to_string(), "holding:65535");
}

/// The fewest blocks over all partitions of the spans, whatever their order.
fn fewest(rest: &[Span], groups: &mut Vec<Vec<Span>>, limits: &Limits) -> usize {
    let Some((first, rest)) = rest.split_first() else {
        let fine = groups.iter().all(|group| fits(group, limits));
        return if fine { groups.len() } else { usize::MAX };
    };
    let mut best = usize::MAX;
    for at in 0..groups.len() {
        groups[at].push(*first);
        best = best.min(fewest(rest, groups, limits));
        groups[at].pop();
    }
    groups.push(vec![*first]);
    best = best.min(fewest(rest, groups, limits));
    groups.pop();
    best
}

/// Whether one request may serve all of these, said in another way than the plan does: address by address.
fn fits(group: &[Span], limits: &Limits) -> bool {
    let wanted = |address: u32| {
        let within = |span: &Span| (u32::from(span.start)..span.end()).contains(&address);
        group.iter().any(within)
    };
    let first = group.iter().map(|span| u32::from(span.start)).min();
    let last = group.iter().map(|span| span.end()).max();
    let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
    let unwanted: String = (first..last)
        .map(|address| if wanted(address) { ' ' } else { 'x' })
        .collect();
    let widest = unwanted.split(' ').map(str::len).max();
    last - first <= u32::from(limits.max_registers)
        && widest.unwrap_or(0) <= usize::from(limits.max_gap)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_plan_needs_fewer_requests(
        reads in proptest::collection::vec((0_u16..24, 1_u16..=9), 1..8), max_gap in 0_u16..5, max_registers in 1_u16..12,
    ) {
        let limits = Limits { max_registers, ..gap(max_gap) };
        let fitting = |(start, count): (u16, u16)| holding(start, count.min(max_registers));
        let spans: Vec<Span> = reads.into_iter().map(fitting).collect();
        let blocks = plan(&spans, &limits);
        prop_assert_eq!(blocks.len(), fewest(&spans, &mut Vec::new(), &limits));
    }

    #[test]
    fn every_value_is_whole_in_exactly_one_request(
        reads in proptest::collection::vec((0_usize..4, any::<u16>(), 1_u16..=125), 0..60),
        (max_gap, max_registers, max_bits, one_per_tag) in (0_u16..=120, 1_u16..=125, 1_u16..=2000, any::<bool>()),
    ) {
        let limits = Limits { max_gap, max_registers, max_bits, one_per_tag };
        let spans: Vec<Span> = reads.into_iter().map(|(kind, start, count)| {
            let (_, kind) = Kind::WORDS[kind];
            let count = if kind.is_bits() { 1 } else { count.min(max_registers) };
            Span { kind, start: start.min(u16::MAX - count + 1), count }
        }).collect();
        let blocks = plan(&spans, &limits);
        let mut served = vec![0; spans.len()];
        for block in &blocks {
            prop_assert!(block.span.count <= limits.of(block.span.kind) && block.span.end() <= 65536);
            for &read in &block.reads {
                let (span, block) = (spans[read], block.span);
                prop_assert!(span.kind == block.kind && span.start >= block.start && span.end() <= block.end());
                served[read] += 1;
            }
        }
        prop_assert!(served.iter().all(|times| *times == 1));
    }
}
