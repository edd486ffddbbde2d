//! Messages that are lost, late, repeated, or too many.

use super::{
    super::session::{MOST_HELD, MOST_NODES},
    *,
};

/// The temperatures among the samples.
fn temperatures(samples: &[Sample]) -> Vec<f64> {
    let of = samples.iter().filter(|sample| sample.tag.0 == TEMPERATURE);
    of.filter_map(|sample| match sample.reading {
        Reading::Good(value) => Some(value.as_number()),
        Reading::Bad(_) => None,
    })
    .collect()
}

#[test]
fn messages_that_overtake_each_other_are_taken_in_order() {
    let mut bench = Bench::new();
    bench.born();
    let topic = "DDATA/gw-7/mill-1";
    assert_eq!(bench.hears(topic, temperature(3, 3.0)), []);
    assert_eq!(bench.hears(topic, temperature(4, 4.0)), []);
    assert_eq!(bench.back, [1, 2], "what waits is not dealt with");
    bench.wait(1);
    let samples = bench.hears(topic, temperature(2, 2.0));
    assert_eq!(temperatures(&samples), [2.0, 3.0, 4.0]);
    assert_eq!(bench.back, [1, 2, 5, 3, 4]);
    bench.wait(60);
    assert_eq!((bench.asks().len(), bench.session.counts.gaps), (0, 0));
}

#[test]
fn what_does_not_come_in_time_costs_the_node_its_birth() {
    let mut bench = Bench::new();
    bench.born();
    bench.hears("DDATA/gw-7/mill-1", temperature(3, 3.0));
    assert_eq!(bench.wait(1), []);
    let all = [UPTIME, LOAD, RUNNING, TEMPERATURE];
    assert_eq!(readings(&bench.wait(1)), bad(all, Bad::Gap));
    assert_eq!(bench.back, [1, 2, 3], "dropped, and so dealt with");
    assert_eq!(bench.remarks.len(), 1);
    assert!(bench.remarks[0].starts_with("hall/gw-7: messages are missing"));
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
    // Neither the late one nor those that follow mean anything now.
    for seq in [2, 4] {
        assert_eq!(bench.hears("DDATA/gw-7/mill-1", temperature(seq, 5.0)), []);
    }
    bench.born();
    assert_eq!(
        temperatures(&bench.hears("DDATA/gw-7/mill-1", temperature(2, 6.0))),
        [6.0]
    );
    bench.wait(60);
    assert_eq!((bench.asks().len(), bench.session.counts.gaps), (0, 1));
}

#[test]
fn a_node_that_said_goodbye_misses_nothing() {
    let mut bench = Bench::new();
    bench.born();
    bench.hears("NDEATH/gw-7", node_death(7));
    // It waits for a birth of its node that does not come.
    bench.hears("DBIRTH/gw-7/mill-1", device_birth(5, 20.0));
    assert_eq!(bench.wait(3), [], "all said goodbye, and that stays");
    assert_eq!(bench.session.counts.gaps, 0);
}

#[test]
fn where_messages_come_in_order_nobody_needs_to_wait_for_one_that_is_missing() {
    let settings = Settings {
        reorder_timeout: Duration::ZERO,
        ..Settings::default()
    };
    let mut bench = Bench::new();
    bench.session = Session::new(plan(None), settings);
    bench.born();
    let samples = bench.hears("DDATA/gw-7/mill-1", temperature(3, 3.0));
    assert_eq!(readings(&samples)[0], (UPTIME, Reading::Bad(Bad::Gap)));
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
}

#[test]
fn numbers_go_round_through_births_data_and_deaths_of_all_devices() {
    let mut bench = Bench::new();
    bench.hears("NBIRTH/gw-7", node_birth(254, 7));
    bench.hears("DBIRTH/gw-7/mill-1", device_birth(255, 1.0));
    bench.hears("DBIRTH/gw-7/mill-2", device_birth(0, 2.0));
    bench.hears("DBIRTH/gw-7/lathe", device_birth(1, 2.0));
    bench.hears("NDATA/gw-7", data(2, 1, Value::Int(1)));
    bench.hears("DDEATH/gw-7/lathe", payload(Some(3), Vec::new()));
    assert_eq!(
        temperatures(&bench.hears("DDATA/gw-7/mill-1", temperature(4, 9.0))),
        [9.0]
    );
    assert_eq!(bench.asks(), [""; 0]);
}

#[test]
fn a_repeated_message_does_nothing() {
    let mut bench = Bench::new();
    bench.born();
    let topic = "DDATA/gw-7/mill-1";
    assert_eq!(bench.hears(topic, temperature(2, 2.0)).len(), 1);
    assert_eq!(bench.hears(topic, temperature(2, 2.0)), []);
    assert_eq!(
        bench.hears_as(topic, Some(device_birth(1, 20.0)), false, true),
        []
    );
    assert_eq!(bench.hears(topic, temperature(3, 3.0)).len(), 1);
    bench.hears("NBIRTH/gw-7", node_birth(0, 7));
    assert_eq!(bench.hears("NBIRTH/gw-7", node_birth(0, 7)), []);
    assert_eq!(
        bench
            .hears("DBIRTH/gw-7/mill-1", device_birth(1, 20.0))
            .len(),
        3
    );
    bench.hears("NDEATH/gw-7", node_death(7));
    let again = bench.hears("NDEATH/gw-7", node_death(7));
    assert!(
        again
            .iter()
            .all(|sample| sample.reading == Reading::Bad(Bad::Goodbye))
    );
    bench.wait(60);
    assert_eq!((bench.asks().len(), bench.session.counts.gaps), (0, 0));
    assert_eq!(bench.back.len(), 11);
}

#[test]
fn a_device_may_be_born_before_its_node_if_that_follows() {
    let mut bench = Bench::new();
    assert_eq!(bench.hears("DBIRTH/gw-7/mill-1", device_birth(1, 20.0)), []);
    assert_eq!(bench.asks(), [""; 0]);
    let samples = bench.hears("NBIRTH/gw-7", node_birth(0, 7));
    assert_eq!(temperatures(&samples), [20.0]);
    assert_eq!(bench.back, [2, 1]);
    // If it does not, the node is asked.
    let mut bench = Bench::new();
    bench.hears("DBIRTH/gw-7/mill-1", device_birth(1, 20.0));
    bench.wait(2);
    assert_eq!(
        (bench.asks(), bench.back),
        (vec!["spBv1.0/hall/NCMD/gw-7".to_owned()], vec![1])
    );
}

#[test]
fn what_waits_when_a_node_is_born_is_taken_only_if_it_was_sent_after() {
    let mut bench = Bench::new();
    bench.born();
    // Of the old life, and behind a gap.
    bench.hears("DDATA/gw-7/mill-1", temperature(4, 4.0));
    let birth = Payload {
        timestamp: Some(2_000),
        ..Payload::decode(&node_birth(2, 8)[..]).unwrap()
    };
    bench.hears("NBIRTH/gw-7", birth.encode_to_vec());
    assert_eq!(bench.back, [1, 2, 3, 4]);
    assert_eq!(
        bench
            .hears("DBIRTH/gw-7/mill-1", device_birth(3, 20.0))
            .len(),
        3
    );
    assert_eq!(
        temperatures(&bench.hears("DDATA/gw-7/mill-1", temperature(4, 5.0))),
        [5.0]
    );
}

#[test]
fn what_waits_is_bounded_in_number_and_bytes() {
    let mut bench = Bench::new();
    bench.born();
    for seq in 3..103 {
        assert_eq!(bench.hears("DDATA/gw-7/mill-1", temperature(seq, 1.0)), []);
    }
    assert_eq!(
        bench
            .hears("DDATA/gw-7/mill-1", temperature(103, 1.0))
            .len(),
        4
    );
    assert_eq!(bench.back.len(), 103);

    let mut bench = Bench::new();
    bench.born();
    let large = |seq| {
        let text = Value::Text("x".repeat(MOST_HELD / 4));
        data(seq, 13, text)
    };
    for seq in 3..6 {
        assert_eq!(bench.hears("DDATA/gw-7/mill-1", large(seq)), []);
    }
    assert_eq!(bench.hears("DDATA/gw-7/mill-1", large(6)).len(), 4);
    assert_eq!(bench.back.len(), 6);
    // There is room again.
    bench.born();
    assert_eq!(bench.hears("DDATA/gw-7/mill-1", large(3)), []);
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", temperature(2, 2.0)).len(),
        1
    );
}

#[test]
fn nodes_are_bounded_and_those_that_are_watched_stay() {
    let mut bench = Bench::new();
    bench.born();
    for node in 0..MOST_NODES * 2 {
        bench.hears(&format!("NBIRTH/made-up-{node}"), node_birth(0, 1));
    }
    assert_eq!(bench.remarks, [""; 0]);
    assert_eq!(
        bench.hears("DDATA/gw-7/mill-1", temperature(2, 2.0)).len(),
        1
    );

    // Where all are watched, there is no room for another one.
    let mut plan = Plan::default();
    let names: Vec<String> = (0..=MOST_NODES).map(|node| format!("n-{node}")).collect();
    plan.listen(
        Template::parse("spBv1.0/hall/+/{node}").unwrap(),
        Naming::Pattern(vec![Piece::Capture("node".to_owned())]),
        None,
        names
            .iter()
            .zip(0..)
            .map(|(name, id)| machine(name, id, &["Uptime"])),
    );
    let mut bench = Bench::with(plan, true);
    for name in &names {
        bench.hears(&format!("NBIRTH/{name}"), node_birth(0, 1));
    }
    assert_eq!(bench.samples.len(), MOST_NODES);
    assert_eq!(bench.remarks.len(), 1);
    assert!(
        bench.remarks[0].contains("more nodes than are followed"),
        "{:?}",
        bench.remarks
    );
}

#[test]
fn two_births_of_a_device_before_that_of_its_node_are_both_dealt_with() {
    let mut bench = Bench::new();
    bench.hears("DBIRTH/gw-7/mill-1", device_birth(0, 20.0));
    assert_eq!(bench.hears("DBIRTH/gw-7/mill-1", device_birth(0, 20.0)), []);
    assert_eq!(bench.back, [2], "the same again");
    bench.hears("DBIRTH/gw-7/mill-1", device_birth(0, 21.0));
    assert_eq!(bench.back, [2, 1, 3]);
    assert_eq!(bench.asks(), ["spBv1.0/hall/NCMD/gw-7"]);
}
