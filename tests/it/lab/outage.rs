//! Receivers are away while many alerts come, and the agent is killed in between: all arrive, in order, no faster than a destination
//! allows, and memory stays flat.

use std::{fs, time::Duration};

use super::bench::{Bench, Plan};
use crate::support::{Received, long, wait};

/// What the resident memory may grow by from the first alert to the last delivery.
const GROWTH_KIB: u64 = 24 << 10;

/// The name and the concurrency of the destination that wants no more than so many in a second.
const LIMITED: (&str, u64) = ("wide", 4);

#[test]
fn an_outage_of_all_receivers_and_a_kill_in_it_delay_and_lose_nothing() {
    let (alerts, outage, rate) = match long() {
        true => (1000, Duration::from_secs(60), 100),
        false => (200, Duration::from_secs(5), 50),
    };
    let mut bench = Bench::new(Plan {
        machines: alerts,
        destinations: vec![("steady", 1), LIMITED],
        own: (LIMITED.0, format!("rate = \"{rate} per 1s\"\n")),
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

    let before_it = bench.destinations[1].receiver.all().len();
    for one in &mut bench.destinations {
        one.receiver.open();
    }
    let account = bench.settle();
    let healed = bench.destinations[1].receiver.all().split_off(before_it);
    assert!(healed.len() >= 2 * alerts - 2, "{} came", healed.len());
    let most_in_a_second = within(&healed, rate, LIMITED.1);
    most = most.max(resident(&bench));
    assert_eq!(account.most_alone, 0, "nothing was on its way at the kill");
    super::campaign::table("outage of all receivers", &account, bench.age());
    super::campaign::figure(&format!(
        "  its memory: {before} KiB with half of the alerts waiting, at most {most} KiB with all and later; {} deliveries after the outage in {:.1} s, at most {most_in_a_second} in a second where {rate} are allowed and as many more at once after a quiet time",
        healed.len(),
        (healed[healed.len() - 1].at - healed[0].at).as_secs_f64(),
    ));
    assert!(
        most < before + GROWTH_KIB,
        "memory grew from {before} KiB to {most} KiB"
    );
}

/// The most that arrived within a second.
///
/// # Panics
/// When more arrived in any time than may have started in it: what a full bucket holds, what comes back to it, and those
/// that were under way when that time began.
fn within(arrived: &[Received], rate: u64, concurrency: u64) -> usize {
    let mut most = 0;
    for (first, from) in arrived.iter().enumerate() {
        for (last, until) in arrived.iter().enumerate().skip(first) {
            let time = until.at - from.at;
            let count = last - first + 1;
            let refilled = time.as_secs_f64() * rate as f64;
            let allowed = rate as f64 + refilled + concurrency as f64 + 1.0;
            assert!(
                count as f64 <= allowed,
                "{count} requests in {time:?} are more than {allowed:.0}"
            );
            if time <= Duration::from_secs(1) {
                most = most.max(count);
            }
        }
    }
    most
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
