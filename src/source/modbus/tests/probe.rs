//! What a probe prints to paste is what our own reader takes, and reads the same value.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::config::{fine, tag};
use crate::{
    sample::{Reading, Value},
    source::modbus::{
        decode::Answer,
        plan::{Kind, Span},
        probe::{
            guess::all,
            rank::{Expected, matching},
        },
    },
};

/// Expects each of the likeliest readings of these registers in turn, and reads every line that is offered for it.
fn pasted(registers: &[u16], expected: &str) -> usize {
    let words: BTreeMap<u16, u16> = (100..).zip(registers.iter().copied()).collect();
    let asked = Span {
        kind: Kind::Input,
        start: 100,
        count: u16::try_from(registers.len()).unwrap(),
    };
    let expected = Expected::parse(expected).unwrap();
    let matches = matching(&all(Kind::Input, &words), expected, asked);
    for found in &matches {
        let line = found.entry("spindle_temp");
        let entry = line.trim_start_matches('{').trim_end_matches("},");
        let config = fine(&tag(entry));
        let tag = &config.units[0].tags[0];
        let at = usize::from(tag.span.start - 100);
        let reading = tag
            .decoder
            .decode(&Answer::Registers(registers.to_vec()), at);
        assert_eq!(reading, Reading::Good(Value::Number(found.value)), "{line}");
    }
    matches.len()
}

#[test]
fn the_line_to_paste_reads_what_was_expected() {
    for (registers, expected) in [
        (&[0x42AE, 0x999A][..], "87.3"),
        (&[0x999A, 0x42AE, 873, 0x0873, 0x5757], "87.3"),
        (&[0x4055, 0xD333, 0x3333, 0x3333], "87.3"),
        (&[0, 0, 1, 0x86A0, 100, 0x6400], "100"),
        (&[0xFFFB, 0xFFFF, 0xFFFF, 0xFFFB], "-5"),
        (&[0x5575], "87.3"),
        (&[0; 5], "0"),
    ] {
        assert!(pasted(registers, expected) > 0, "{registers:x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_line_is_accepted_and_reads_the_same_value(registers in prop::collection::vec(any::<u16>(), 1..6), at in any::<prop::sample::Index>(), by in 0_usize..4) {
        let words = (100..).zip(registers.iter().copied()).collect();
        let guesses = all(Kind::Input, &words);
        let scaled = guesses[at.index(guesses.len())].raw.number() * [1.0, 0.1, 0.01, 10.0][by];
        let found = pasted(&registers, &scaled.to_string());
        // What is nearer to 0 than the digits of a display is no expectation.
        prop_assert!(found > 0 || scaled.abs() < 1e-7);
    }
}
