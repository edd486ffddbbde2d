//! Receivers are away while many alerts come, and the agent is killed in between: all arrive, in order, and memory stays flat.

use std::{fs, time::Duration};

use super::bench::{Bench, Plan};
use crate::support::{long, wait};

/// What the resident memory may grow by from the first alert to the last delivery.
const GROWTH_KIB: u64 = 24 << 10;

#[test]
fn an_outage_of_all_receivers_and_a_kill_in_it_delay_and_lose_nothing() {
    let (alerts, outage) = match long() {
        true => (1000, Duration::from_secs(60)),
        false => (200, Duration::from_secs(5)),
    };
    let mut bench = Bench::new(Plan {
        machines: alerts,
        destinations: vec![("steady", 1), ("wide", 4)],
        ..Plan::default()
    });
    bench.run();
    bench.cross(1);
    bench.drain(Duration::from_secs(60));

    let begin = wait::now();
    for one in &mut bench.destinations {
        one.receiver.close();
    }
    // One half before the kill, all of them again behind it.
    let first = alerts / 2;
    bench.cross_these(0..first);
    acknowledged(&bench);
    let before = resident(&bench);
    wait::pause(outage / 2);
    bench.kill("kill -9");
    bench.run();
    bench.cross_these(first..alerts);
    acknowledged(&bench);
    let mut most = resident(&bench);
    bench.cross_these(0..alerts);
    acknowledged(&bench);
    while begin.elapsed() < outage {
        most = most.max(resident(&bench));
        wait::pause(Duration::from_millis(200));
    }
    let pending = bench.agent.status()["store"]["pending"].as_u64();
    assert!(pending >= Some(2 * 2 * alerts as u64 - 2), "{pending:?}");

    for one in &mut bench.destinations {
        one.receiver.open();
    }
    let account = bench.settle();
    most = most.max(resident(&bench));
    assert_eq!(account.most_alone, 0, "nothing was on its way at the kill");
    super::campaign::table("outage of all receivers", &account, bench.age());
    super::campaign::figure(&format!(
        "  its memory: {before} KiB with half of the alerts waiting, at most {most} KiB with all and later"
    ));
    assert!(
        most < before + GROWTH_KIB,
        "memory grew from {before} KiB to {most} KiB"
    );
}

fn acknowledged(bench: &Bench) {
    wait::within(Duration::from_secs(120), "all is acknowledged", || {
        (bench.broker.unacknowledged() == 0).then_some(())
    });
}

/// The resident memory of the agent, in KiB.
fn resident(bench: &Bench) -> u64 {
    let pid = bench.agent.pid().expect("it runs");
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let status = fs::read_to_string(path).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.and_then(|line| line.split_whitespace().next());
    words.expect("VmRSS").parse().expect("a number")
}
