//! What births, data and deaths mean.

use super::*;

#[test]
fn a_birth_says_all_values_and_what_its_aliases_mean() {
    let mut bench = Bench::new();
    let of_node = bench.hears("NBIRTH/gw-7", node_birth(0, 7));
    assert_eq!(readings(&of_node), [number(UPTIME, 100.0)]);
    let of_device = bench.hears("DBIRTH/gw-7/mill-1", device_birth(1, 20.5));
    let on = (RUNNING, Reading::Good(Good::Bool(true)));
    assert_eq!(
        readings(&of_device),
        [number(TEMPERATURE, 20.5), on, number(LOAD, 5.0)]
    );
    // By alias with the type of the birth, by name, and something that is not watched.
    for (payload, expected) in [
        (
            data(2, 12, Value::Int(0xffff_ffff)),
            vec![number(LOAD, -1.0)],
        ),
        (data(3, 13, Value::Text("y".to_owned())), vec![]),
        (data(4, 99, Value::Int(1)), vec![]),
        (
            payload(
                Some(5),
                vec![
                    metric(Some("Load"), None, None, Value::Int(6)),
                    metric(Some("Load"), None, Some(7), Value::Int(7)),
                ],
            ),
            vec![number(LOAD, 6.0), number(LOAD, 7.0)],
        ),
    ] {
        assert_eq!(
            readings(&bench.hears("DDATA/gw-7/mill-1", payload)),
            expected
        );
    }
    // An alias of a device is none of its node.
    assert_eq!(bench.hears("NDATA/gw-7", data(6, 12, Value::Int(1))), []);
    let of_node = bench.hears("NDATA/gw-7", data(7, 1, Value::Int(101)));
    assert_eq!(readings(&of_node), [number(UPTIME, 101.0)]);
    assert_eq!(bench.asks(), [""; 0]);
    assert_eq!(bench.back, (1..=8).collect::<Vec<_>>());
}

#[test]
fn after_a_rebirth_an_alias_means_what_it_says_then() {
    let mut bench = Bench::new();
    bench.born();
    bench.hears("NBIRTH/gw-7", node_birth(9, 7));
    let metrics = vec![
        metric(Some("Load"), Some(10), Some(3), Value::Int(1)),
        metric(Some("Running"), Some(11), Some(11), Value::Boolean(true)),
        metric(
            Some("Spindle/Temperature"),
            Some(12),
            Some(9),
            Value::Float(2.0),
        ),
    ];
    bench.hears("DBIRTH/gw-7/mill-1", payload(Some(10), metrics));
    for (alias, value, expected) in [
        (10, Value::Int(30), number(LOAD, 30.0)),
        (12, Value::Float(31.0), number(TEMPERATURE, 31.0)),
    ] {
        let seq = alias + 1 - u64::from(alias == 12);
        let samples = bench.hears("DDATA/gw-7/mill-1", data(seq, alias, value));
        assert_eq!(readings(&samples), [expected]);
    }
}

#[test]
fn the_time_is_that_of_the_metric_or_else_of_the_message() {
    let mut bench = Bench::new();
    bench.born();
    let stamp = |samples: &[Sample]| samples[0].stamp.map(Wall::as_millis);
    assert_eq!(
        stamp(&bench.hears("DDATA/gw-7/mill-1", temperature(2, 1.0))),
        Some(1_000)
    );
    let timed = |seq, timestamp| {
        let timed = Metric {
            timestamp: Some(timestamp),
            ..metric(None, Some(10), None, Value::Double(2.0))
        };
        payload(Some(seq), vec![timed])
    };
    assert_eq!(
        stamp(&bench.hears("DDATA/gw-7/mill-1", timed(3, 900))),
        Some(900)
    );
    // One that is none: better the time of the message than that.
    assert_eq!(
        stamp(&bench.hears("DDATA/gw-7/mill-1", timed(4, u64::MAX))),
        Some(1_000)
    );
}

#[test]
fn what_was_true_once_is_no_value_of_now() {
    let mut bench = Bench::new();
    bench.born();
    let old = Metric {
        is_historical: Some(true),
        ..metric(None, Some(10), None, Value::Double(99.0))
    };
    let now = metric(None, Some(10), None, Value::Double(21.0));
    let samples = bench.hears(
        "DDATA/gw-7/mill-1",
        payload(Some(2), vec![old.clone(), now]),
    );
    assert_eq!(readings(&samples), [number(TEMPERATURE, 21.0)]);
    // Its message has a place in the order like every other.
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", payload(Some(3), vec![old])),
        []
    );
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", temperature(4, 22.0)).len(),
        1
    );
    assert_eq!(bench.asks(), [""; 0]);
}

#[test]
fn what_a_metric_cannot_be_read_as_is_bad_and_named() {
    let mut bench = Bench::new();
    bench.hears("NBIRTH/gw-7", node_birth(0, 7));
    let metrics = vec![
        metric(
            Some("Spindle/Temperature"),
            Some(10),
            Some(16),
            Value::Int(1),
        ),
        metric(Some("Load"), Some(10), Some(3), Value::Int(1)),
    ];
    let samples = bench.hears("DBIRTH/gw-7/mill-1", payload(Some(1), metrics));
    let mut last = readings(&samples);
    // Each is said once or twice; what it was last counts.
    last.reverse();
    last.sort_by_key(|(tag, _)| *tag);
    last.dedup_by_key(|(tag, _)| *tag);
    let malformed = |tag| (tag, Reading::Bad(Bad::Malformed));
    assert_eq!(
        last,
        [
            malformed(LOAD),
            (RUNNING, Reading::Bad(Bad::NeverHeard)),
            malformed(TEMPERATURE)
        ]
    );
    assert_eq!(
        bench.remarks,
        [
            "hall/gw-7/mill-1: a message is not understood: a metric is of type DataSet, which no tag can be: \"Spindle/Temperature\""
        ]
    );
    // Two metrics have this alias, so it says nothing.
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", data(2, 10, Value::Int(3))),
        []
    );
    let by_name = metric(Some("Load"), None, None, Value::Int(3));
    let samples = bench.hears("DDATA/gw-7/mill-1", payload(Some(3), vec![by_name]));
    assert_eq!(readings(&samples), [number(LOAD, 3.0)]);
}

#[test]
fn a_metric_that_its_birth_did_not_have_is_asked_for() {
    let mut bench = Bench::new();
    bench.hears("NBIRTH/gw-7", node_birth(0, 7));
    bench.hears("DBIRTH/gw-7/mill-1", payload(Some(1), Vec::new()));
    assert_eq!(
        bench.remarks,
        [
            "hall/gw-7/mill-1: a message is not understood: its birth has no metric \"Load\"; names are compared letter by letter"
        ]
    );
    let new = metric(Some("Load"), None, Some(3), Value::Int(3));
    let samples = bench.hears("DDATA/gw-7/mill-1", payload(Some(2), vec![new]));
    assert_eq!(readings(&samples), [number(LOAD, 3.0)]);
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
}

#[test]
fn a_message_that_is_not_understood_makes_its_device_bad_until_the_next_birth() {
    let three = || bad([LOAD, RUNNING, TEMPERATURE], Bad::Malformed);
    for (broken, expected) in [
        (Some(b"{}".to_vec()), three()),
        (None, three()),
        (Some(payload(None, Vec::new())), three()),
        (Some(payload(Some(256), Vec::new())), three()),
        // Its frame is whole, a name in it is not UTF-8.
        (Some(vec![0x18, 2, 0x12, 3, 0x0a, 1, 0xff]), three()),
    ] {
        let mut bench = Bench::new();
        bench.born();
        let samples = bench.hears_as("DDATA/gw-7/mill-1", broken.clone(), false, false);
        assert_eq!(readings(&samples), expected, "{broken:?}");
        assert_eq!((bench.remarks.len(), bench.session.counts.faults), (1, 1));
        assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
        bench.born();
        bench.wait(10);
        assert_eq!(bench.asks(), [""; 0]);
    }
}

#[test]
fn a_birth_that_is_not_understood_leaves_nothing_that_counts() {
    let mut bench = Bench::new();
    bench.born();
    let samples = bench.hears("NBIRTH/gw-7", vec![0x12]);
    let all = bad([UPTIME, LOAD, RUNNING, TEMPERATURE], Bad::Malformed);
    assert_eq!(readings(&samples), all);
    assert_eq!(bench.hears("DDATA/gw-7/mill-1", temperature(2, 1.0)), []);
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
}

#[test]
fn what_the_broker_had_kept_is_not_taken() {
    let mut bench = Bench::new();
    let birth = Some(node_birth(0, 7));
    assert_eq!(bench.hears_as("NBIRTH/gw-7", birth, true, false), []);
    assert!(bench.remarks[0].contains("the broker had kept it"));
    assert_eq!(bench.hears("NDATA/gw-7", data(1, 1, Value::Int(1))), []);
}

#[test]
fn machines_that_are_not_configured_are_told_when_they_are_born() {
    let mut bench = Bench::new();
    bench.born();
    assert_eq!(bench.hears("DBIRTH/gw-7/Lathe 9", device_birth(2, 1.0)), []);
    assert_eq!(bench.hears("DDATA/gw-7/Lathe 9", temperature(3, 1.0)), []);
    assert_eq!(bench.strangers, ["Lathe 9"]);
    assert_eq!(bench.asks(), [""; 0]);
}

#[test]
fn two_devices_that_are_one_machine_do_not_mix_their_values() {
    let mut bench = Bench::new();
    bench.born();
    bench.hears("NBIRTH/gw-8", node_birth(0, 3));
    assert_eq!(bench.hears("DBIRTH/gw-8/Mill-1", device_birth(1, 50.0)), []);
    assert!(bench.remarks[0].starts_with("hall/gw-8/Mill-1: another node or device"));
    assert_eq!(bench.hears("DDATA/gw-8/Mill-1", temperature(2, 51.0)), []);
    // Where the first one is gone, its successor is heard, and what is said of the first one later is not.
    bench.hears("DDEATH/gw-7/mill-1", payload(Some(2), Vec::new()));
    bench.hears("NBIRTH/gw-8", node_birth(3, 3));
    assert_eq!(
        bench
            .hears("DBIRTH/gw-8/Mill-1", device_birth(4, 52.0))
            .len(),
        3
    );
    assert_eq!(
        readings(&bench.hears("NDEATH/gw-7", node_death(7))),
        bad([UPTIME], Bad::Goodbye)
    );
    assert_eq!(
        bench.hears("DDATA/gw-8/Mill-1", temperature(5, 53.0)).len(),
        1
    );
}
