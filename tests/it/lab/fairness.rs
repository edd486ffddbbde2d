//! A receiver that hangs and one that is dead, with hundreds of deliveries waiting for them, delay nobody else: from the value to the
//! receiver that is well it takes as long as without them.

use std::time::Duration;

use super::bench::{Bench, Plan};
use crate::support::{Answer, text, wait};

/// How many alerts the two owe answers for.
const BACKLOG: usize = 520;
/// How many values are measured.
const MEASURED: usize = 20;
/// An attempt at the one that hangs lasts that long, so that all its places are taken while is measured.
const HANGS: &str = "timeout = \"20s\"\n";

#[test]
fn a_hanging_and_a_dead_receiver_with_a_backlog_do_not_delay_a_new_alert_elsewhere() {
    let mut bench = Bench::new(Plan {
        machines: BACKLOG + MEASURED,
        destinations: vec![("well", 4), ("hanging", 4), ("dead", 4)],
        terms: HANGS.to_owned(),
        ..Plan::default()
    });
    bench.run();
    // The first goes over no connection that is open already.
    bench.cross_these(0..1);
    bench.drain(Duration::from_secs(60));
    let before = measured(&mut bench);
    bench.drain(Duration::from_secs(60));

    bench.destinations[1].receiver.answer(Answer::Hang);
    bench.destinations[2].receiver.close();
    bench.cross_these(MEASURED..MEASURED + BACKLOG);
    let owed = 2 * BACKLOG as u64;
    bench.agent.shows("that only the two are owed", |view| {
        let pending = view["store"]["pending"].as_u64();
        pending >= Some(owed) && waiting(view, "well") == Some(0)
    });
    let after = measured(&mut bench);
    let view = bench.agent.status();
    assert!(
        waiting(&view, "hanging") >= Some(BACKLOG as u64),
        "{view:#}"
    );
    assert!(waiting(&view, "dead") >= Some(BACKLOG as u64), "{view:#}");

    let (median, most) = (
        |of: &[Duration]| of[of.len() / 2],
        |of: &[Duration]| *of.last().expect("a time"),
    );
    super::campaign::figure(&format!(
        "  value to a receiver: p50 {:?}, at most {:?}; beside {owed} deliveries that wait for a hanging and a dead one: p50 {:?}, at most {:?}",
        median(&before),
        most(&before),
        median(&after),
        most(&after),
    ));
    // Bounds for a machine that has other things to do; a wait for an attempt at one of the two would be twenty seconds.
    assert!(
        median(&after) < median(&before) * 10 + Duration::from_millis(250),
        "{before:?} became {after:?}"
    );
    assert!(most(&after) < Duration::from_secs(5), "{after:?}");

    bench.destinations[2].receiver.open();
    let account = bench.settle();
    super::campaign::table("a hanging and a dead receiver", &account, bench.age());
}

/// How long it takes from the value of a machine to the request at the receiver that is well, one after the other; sorted.
fn measured(bench: &mut Bench) -> Vec<Duration> {
    let mut took: Vec<Duration> = (0..MEASURED)
        .map(|machine| {
            let begin = wait::now();
            bench.cross_these(machine..machine + 1);
            let name = format!("m-{}", machine + 1);
            let well = &bench.destinations[0].receiver;
            let arrived = wait::until("the event at the receiver that is well", || {
                let all = well.all();
                let new = all.iter().rev().take_while(|one| one.at >= begin);
                let mut new = new.filter(|one| text(&one.json(), "/alert/machine_id") == name);
                new.next().map(|one| one.at)
            });
            arrived.duration_since(begin)
        })
        .collect();
    took.sort();
    took
}

/// How many deliveries wait for a destination.
fn waiting(view: &serde_json::Value, name: &str) -> Option<u64> {
    let all = view["destinations"].as_array()?;
    let named = all.iter().find(|one| text(one, "/name") == name)?;
    named["pending"].as_u64()
}
