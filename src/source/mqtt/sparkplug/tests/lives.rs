//! Deaths, silence, and connections that come and go.

use super::*;

const DEVICE: [u32; 3] = [LOAD, RUNNING, TEMPERATURE];

#[test]
fn a_death_makes_everything_bad_that_it_is_about() {
    let mut bench = Bench::new();
    bench.born();
    let samples = bench.hears("DDEATH/gw-7/mill-1", payload(Some(2), Vec::new()));
    assert_eq!(readings(&samples), bad(DEVICE, Bad::Goodbye));
    // Its node lives, and so does what comes after.
    assert_eq!(
        bench.hears("NDATA/gw-7", data(3, 1, Value::Int(1))).len(),
        1
    );
    assert_eq!(bench.asks(), [""; 0]);
    assert_eq!(
        bench
            .hears("DBIRTH/gw-7/mill-1", device_birth(4, 20.0))
            .len(),
        3
    );
    let samples = bench.hears("NDEATH/gw-7", node_death(7));
    assert_eq!(
        readings(&samples),
        bad([UPTIME].into_iter().chain(DEVICE), Bad::Goodbye)
    );
    // A node that is known to be dead is not asked.
    bench.wait(600);
    assert_eq!(bench.asks(), [""; 0]);
    bench.born();
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", temperature(2, 1.0)).len(),
        1
    );
}

#[test]
fn a_death_of_an_earlier_session_is_none() {
    let mut bench = Bench::new();
    bench.hears("NBIRTH/gw-7", node_birth(0, 6));
    bench.born();
    // Before its number began anew it may have been any.
    for earlier in [6, 0, 255, 16, 100] {
        assert_eq!(bench.hears("NDEATH/gw-7", node_death(earlier)), []);
    }
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", temperature(2, 1.0)).len(),
        1
    );
    assert_eq!(bench.asks(), [""; 0]);
}

/// Its birth was missed, and so was the end of the one that is known.
#[test]
fn a_death_of_one_of_the_next_sessions_counts_and_is_questioned() {
    // The number goes round after 255.
    for (born, dies) in [(7, 8), (7, 15), (255, 0)] {
        let mut bench = Bench::new();
        bench.hears("NBIRTH/gw-7", node_birth(0, born));
        bench.hears("DBIRTH/gw-7/mill-1", device_birth(1, 20.0));
        let samples = bench.hears("NDEATH/gw-7", node_death(dies));
        let all = [UPTIME].into_iter().chain(DEVICE);
        assert_eq!(readings(&samples), bad(all, Bad::Goodbye), "{born}, {dies}");
        assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
    }
}

#[test]
fn a_death_that_does_not_say_of_which_session_counts_and_is_questioned() {
    for death in [payload(None, Vec::new()), vec![0x12]] {
        let mut bench = Bench::new();
        bench.born();
        let samples = bench.hears("NDEATH/gw-7", death);
        let all = [UPTIME].into_iter().chain(DEVICE);
        assert_eq!(readings(&samples), bad(all, Bad::Goodbye));
        assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
    }
}

#[test]
fn data_of_a_dead_device_or_node_is_not_taken_and_its_birth_is_asked_for() {
    let mut bench = Bench::new();
    bench.born();
    bench.hears("DDEATH/gw-7/mill-1", payload(Some(2), Vec::new()));
    assert_eq!(bench.hears("DDATA/gw-7/mill-1", temperature(3, 1.0)), []);
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
    bench.hears("NDEATH/gw-7", node_death(7));
    assert_eq!(bench.hears("NDATA/gw-7", data(4, 1, Value::Int(1))), []);
    bench.wait(5);
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
}

#[test]
fn a_device_that_is_not_born_again_with_its_node_is_gone() {
    let mut bench = Bench::new();
    bench.born();
    // What it said counts for the moment that its birth takes.
    assert_eq!(
        readings(&bench.hears("NBIRTH/gw-7", node_birth(0, 8))),
        [number(UPTIME, 100.0)]
    );
    assert_eq!(bench.wait(4), []);
    assert_eq!(readings(&bench.wait(1)), bad(DEVICE, Bad::Goodbye));
    // Where it is born in time, nothing ends.
    bench.born();
    bench.born();
    assert_eq!(bench.wait(60), []);
}

#[test]
fn data_before_any_birth_is_not_taken_and_the_node_is_asked() {
    let mut bench = Bench::new();
    assert_eq!(bench.hears("DDATA/gw-9/mill-1", temperature(7, 1.0)), []);
    let (requests, _) = bench.session.requests(bench.now);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].topic, "spBv1.0/hall/NCMD/gw-9");
    let command = Payload::decode(&requests[0].payload[..]).unwrap();
    assert_eq!(command.seq, None);
    assert_eq!(command.timestamp, Some(1_775_298_605_120));
    let [rebirth] = &command.metrics[..] else {
        panic!("{command:?}");
    };
    assert_eq!(rebirth.name.as_deref(), Some("Node Control/Rebirth"));
    assert_eq!(
        (rebirth.datatype, &rebirth.value),
        (Some(11), &Some(Value::Boolean(true)))
    );
    // Not for every message.
    bench.hears("DDATA/gw-9/mill-1", temperature(8, 1.0));
    bench.wait(4);
    assert_eq!(bench.asks(), [""; 0]);
    bench.wait(1);
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-9"]);
    bench.hears("NBIRTH/gw-9", node_birth(0, 1));
    bench.wait(600);
    assert_eq!(bench.asks(), [""; 0]);
}

#[test]
fn nobody_is_asked_who_must_not_be() {
    let mut bench = Bench::with(plan(None), false);
    bench.session.connected(bench.now);
    bench.hears("DDATA/gw-9/mill-1", temperature(7, 1.0));
    bench.wait(60);
    assert_eq!(bench.asks(), [""; 0]);
}

#[test]
fn with_each_connection_the_nodes_that_are_known_are_asked() {
    let mut bench = Bench::new();
    bench.session.connected(bench.now);
    assert_eq!(
        bench.asks(),
        [""; 0],
        "what was subscribed to is not heard yet"
    );
    bench.wait(1);
    // The configuration names one of them.
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
    bench.born();
    bench.hears("NBIRTH/gw-8", node_birth(0, 7));
    bench.hears("DBIRTH/gw-8/mill-2", device_birth(1, 20.0));
    bench.session.disconnected();
    bench.wait(60);
    assert_eq!(bench.asks(), [""; 0]);
    bench.session.connected(bench.now);
    // Nothing that was heard over the old connection counts: an alias may mean another metric by now.
    assert_eq!(bench.hears("DDATA/gw-8/mill-2", temperature(2, 1.0)), []);
    bench.wait(1);
    assert_eq!(
        bench.asks(),
        ["spBv1.0/hall/NCMD/gw-7", "spBv1.0/hall/NCMD/gw-8"]
    );
    bench.born();
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", temperature(2, 1.0)).len(),
        1
    );
}

#[test]
fn a_whole_plant_is_not_asked_in_one_instant() {
    let mut bench = Bench::new();
    for node in 0..25 {
        bench.hears(&format!("NDATA/gw-{node}"), data(1, 1, Value::Int(1)));
    }
    let mut asked = Vec::new();
    for expected in [10, 10, 5, 0] {
        let now = bench.asks();
        assert_eq!(now.len(), expected);
        asked.extend(now);
        bench.wait(1);
    }
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 25);
}

#[test]
fn a_silence_is_questioned_before_it_means_something() {
    let stale_after = Duration::from_secs(60);
    let mut bench = Bench::with(plan(Some(stale_after)), true);
    bench.born();
    assert_eq!(bench.wait(29), []);
    assert_eq!(bench.asks(), [""; 0]);
    assert_eq!(bench.wait(1), []);
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
    // It answers.
    bench.born();
    assert_eq!(bench.wait(59), []);
    assert_eq!(readings(&bench.wait(1)), bad(DEVICE, Bad::Stale));
    // Its node has no limit of its own.
    assert_eq!(
        bench.hears("NDATA/gw-7", data(2, 1, Value::Int(1))).len(),
        1
    );
    assert_eq!(bench.hears("DDATA/gw-7/mill-1", temperature(3, 1.0)), []);
    bench.born();
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", temperature(2, 1.0)).len(),
        1
    );
}

#[test]
fn a_node_that_does_not_answer_is_told_once() {
    let mut bench = Bench::new();
    bench.hears("NDATA/gw-9", data(1, 1, Value::Int(1)));
    for _ in 0..600 {
        bench.wait(1);
        bench.asks();
    }
    assert_eq!(bench.remarks.len(), 1, "{:?}", bench.remarks);
    assert!(bench.remarks[0].starts_with("hall/gw-9: it does not answer"));
    // Where it does, that is over.
    bench.hears("NBIRTH/gw-9", node_birth(0, 1));
    bench.wait(60);
    assert_eq!(bench.remarks.len(), 2);
}
