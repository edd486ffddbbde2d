//! What a receiver may have stored, and what is said about it.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn line(sequence: u64, id: &str, key: &str) -> String {
    json!({ "event": "alert.triggered", "id": id, "stream": "S", "sequence": sequence, "given_up": [], "dedup_key": key, "test": false })
        .to_string()
}

fn told(sequence: u64, from: u64, to: u64) -> String {
    json!({ "id": format!("id-{sequence}"), "stream": "S", "sequence": sequence, "dedup_key": "k",
            "given_up": [{ "from": from, "to": to, "why": "expired" }] })
    .to_string()
}

fn check(lines: &[String], places: Places, tail: bool) -> Report {
    let mut checker = Checker::new(places, tail);
    for (number, line) in (1..).zip(lines) {
        checker.take(number, Some(line.as_bytes()));
    }
    if checker.needs_second_look() {
        for line in lines {
            checker.take_again(Some(line.as_bytes()));
        }
    }
    checker.report()
}

fn usual(lines: &[String]) -> Report {
    check(lines, Places::default(), false)
}

#[test]
fn every_number_once_is_fine_and_a_repeat_with_the_same_id_is_too() {
    let lines = [
        line(1, "a", "k"),
        line(2, "b", "k"),
        line(1, "a", "k"),
        line(3, "c", "k"),
    ];
    let report = usual(&lines);
    assert!(report.fine, "{report:?}");
    let one = &report.streams[0];
    assert_eq!((one.received, one.repeated, one.last), (3, 1, 3));
}

#[test]
fn a_number_that_never_came_is_missing_also_before_the_first() {
    let report = usual(&[line(2, "b", "k"), line(6, "f", "k")]);
    assert!(!report.fine);
    let one = &report.streams[0];
    assert_eq!((one.missing, one.missing_numbers.as_str()), (4, "1, 3-5"));
    let tail = check(
        &[line(5, "b", "k"), line(6, "f", "k")],
        Places::default(),
        true,
    );
    assert!(tail.fine);
    assert_eq!(tail.streams[0].first, 5);
}

#[test]
fn what_was_given_up_is_not_missing_and_may_come_after_all() {
    let report = usual(&[line(1, "a", "k"), told(5, 2, 4), line(3, "c", "k")]);
    assert!(report.fine, "{report:?}");
    let one = &report.streams[0];
    assert_eq!((one.given_up, one.returned, one.disorders), (2, 1, 0));
}

#[test]
fn one_number_with_two_ids_is_a_conflict() {
    let report = usual(&[line(1, "a", "k"), line(1, "z", "k")]);
    assert!(!report.fine);
    let expected = Conflict {
        sequence: 1,
        id: "a".to_owned(),
        other: "z".to_owned(),
    };
    assert_eq!(report.streams[0].conflicting, [expected]);
}

#[test]
fn lanes_may_overtake_each_other_and_a_lane_keeps_its_order() {
    let fine = usual(&[line(2, "b", "two"), line(1, "a", "one")]);
    assert!(fine.fine, "{fine:?}");
    let report = usual(&[line(2, "b", "one"), line(1, "a", "one")]);
    assert!(!report.fine);
    let expected = Disorder {
        sequence: 1,
        after: 2,
        line: 2,
    };
    assert_eq!(report.streams[0].disordered, [expected]);
}

#[test]
fn a_digest_counts_as_the_events_in_it() {
    let inside = |sequence: u64| json!({ "id": format!("id-{sequence}"), "sequence": sequence, "dedup_key": "k" });
    let digest = json!({ "event": "andon.digest", "id": "d", "stream": "S", "given_up": [{ "from": 3, "to": 3, "why": "dropped" }],
                         "events": [inside(1), inside(2), inside(4)] });
    let report = usual(&[digest.to_string(), line(5, "id-5", "k")]);
    assert!(report.fine, "{report:?}");
    let one = &report.streams[0];
    assert_eq!((one.received, one.given_up), (4, 1));
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_broken_is_named() {
    let lines = [
        "{\"event\":\"agent.heartbeat\",\"id\":7}".to_owned(),
        "[1, 2]".to_owned(),
        String::new(),
        "{\"stream\":\"S\",\"sequence\":\"one\"}".to_owned(),
        "{\"stream\":\"S\",\"sequence\":0,\"id\":\"x\"}".to_owned(),
        "{\"stream\":\"S\",\"seq".to_owned(),
        json!({ "id": "t", "stream": "", "sequence": 0, "test": true }).to_string(),
    ];
    let report = usual(&lines);
    assert!(report.fine, "nothing is known to be missing");
    assert_eq!((report.lines, report.foreign, report.tests), (6, 2, 1));
    assert_eq!(report.malformed_lines, [4, 5, 6]);
}

#[test]
fn several_destinations_and_envelopes_are_told_apart() {
    let wrap = |to: &str, inner: String| json!({ "to": to, "raw": inner }).to_string();
    let lines = [
        wrap("ops", line(1, "a", "k")),
        wrap("pager", line(1, "b", "k")),
        wrap("pager", line(3, "c", "k")),
    ];
    let places = Places {
        body: Some("/raw".to_owned()),
        by: Some("/to".to_owned()),
    };
    let report = check(&lines, places, false);
    let seen: Vec<(&str, u64)> = report
        .streams
        .iter()
        .map(|one| (one.by.as_str(), one.missing))
        .collect();
    assert_eq!(seen, [("ops", 0), ("pager", 1)]);
}

proptest! {
    /// Against a checker that simply remembers everything.
    #[test]
    fn it_says_what_remembering_every_line_would_say(
        arrived in prop::collection::vec((1u64..25, 0u8..3, 0u8..2, prop::option::of((1u64..25, 0u64..4))), 0..60)
    ) {
        let (mut lines, mut first_id, mut seen, mut given, mut highest) =
            (Vec::new(), BTreeMap::new(), Vec::new(), BTreeSet::new(), BTreeMap::new());
        let (mut disorders, mut conflicts, mut returned) = (0, 0, 0);
        for (sequence, id, key, told) in &arrived {
            let id = format!("{id}");
            let ranges: Vec<_> = told.iter().map(|(from, more)| json!({ "from": from, "to": from + more, "why": "x" })).collect();
            lines.push(json!({ "id": id, "stream": "S", "sequence": sequence, "dedup_key": key.to_string(), "given_up": ranges }).to_string());
            let known: &mut String = first_id.entry(*sequence).or_insert_with(|| id.clone());
            conflicts += u64::from(*known != id);
            if !seen.contains(sequence) {
                let top = highest.entry(*key).or_insert(0);
                if given.contains(sequence) { returned += 1 } else if sequence < top { disorders += 1 }
                *top = (*top).max(*sequence);
            }
            seen.push(*sequence);
            given.extend(told.iter().flat_map(|(from, more)| *from..=from + more));
        }
        let report = usual(&lines);
        let all: BTreeSet<u64> = seen.iter().copied().collect();
        let last = all.iter().chain(&given).max().copied().unwrap_or(0);
        let missing = (1..=last).filter(|n| !all.contains(n) && !given.contains(n)).count() as u64;
        let gone = given.iter().filter(|n| !all.contains(n)).count() as u64;
        let one = report.streams.first().cloned().unwrap_or_default();
        prop_assert_eq!(one.received, all.len() as u64);
        prop_assert_eq!(one.repeated, (seen.len() - all.len()) as u64);
        prop_assert_eq!((one.missing, one.given_up), (missing, gone));
        prop_assert_eq!((one.disorders, one.conflicts, one.returned), (disorders, conflicts, returned));
        prop_assert_eq!(report.fine, missing == 0 && disorders == 0 && conflicts == 0);
    }
}
