//! The disk is full, read-only or broken: machines are watched all the same, people hear of it, and nothing is lost without a kill.

use std::time::Duration;

use super::{
    bench::{Bench, Plan},
    needs::Need,
    trace,
};
use crate::support::{long, text, wait};

const MEBIBYTES: u64 = 24;
/// The agent looks every half minute whether the disk is well again.
const HEALED: Duration = Duration::from_secs(90);
const DRAINED: Duration = Duration::from_secs(120);

fn bench(more: &str) -> Bench {
    Bench::new(Plan {
        more: format!("\n[store]\nballast = \"512KiB\"\n{more}"),
        // Many, so that a full disk is soon used up.
        machines: 60,
        destinations: vec![("steady", 1), ("wide", 4)],
        ..Plan::default()
    })
}

fn is_durable(bench: &Bench) -> bool {
    bench.agent.status()["store"]["durable"] == true
}

fn becomes_durable(bench: &Bench) {
    wait::within(HEALED, "the database is on disk again", || {
        is_durable(bench).then_some(())
    });
}

fn acknowledged(bench: &Bench) {
    wait::within(DRAINED, "all is acknowledged", || {
        (bench.broker.unacknowledged() == 0).then_some(())
    });
}

/// Whether a destination heard that the disk is in trouble.
fn heard_of_the_disk(bench: &Bench) -> bool {
    let accepted = bench.destinations[0].receiver.accepted();
    accepted
        .iter()
        .any(|request| text(&request.json(), "/alert/rule_id") == "andon.disk")
}

/// Lets machines cross their limits on a full disk until nothing more can be written.
fn until_memory_mode(bench: &mut Bench) {
    let begin = wait::now();
    while is_durable(bench) {
        let patience = Duration::from_secs(300);
        assert!(
            begin.elapsed() < patience,
            "a full disk is written to for ever"
        );
        bench.cross_all();
        acknowledged(bench);
        // What the ballast left is taken too.
        bench.image().fill();
    }
}

#[test]
fn a_full_disk_and_a_restart_on_it_lose_nothing() {
    if !Need::Loop.is_met("a full disk") {
        return;
    }
    let mut bench = bench("");
    bench.use_image(MEBIBYTES);
    bench.run();
    bench.cross_all();
    bench.drain(DRAINED);

    bench.image().fill();
    bench.cross_all();
    bench.cross_all();
    acknowledged(&bench);
    assert!(is_durable(&bench), "there was room left ahead of this");
    bench.kill("kill -9");
    bench.run();
    bench.cross_all();
    bench.drain(DRAINED);
    let account = bench.account();
    assert!(account.is_clean(), "{account:#?}");

    until_memory_mode(&mut bench);
    bench.cross_all();
    bench.drain(DRAINED);
    wait::until("an alert about the disk", || {
        heard_of_the_disk(&bench).then_some(())
    });

    bench.image().free();
    becomes_durable(&bench);
    bench.cross_all();
    let account = bench.settle();
    assert!(account.not_durable > 0, "it was said what was not on disk");
    // Nothing of it hangs on memory any more.
    bench.kill("kill -9");
    bench.run();
    bench.cross_all();
    bench.settle();
}

/// The one case in which a kill may lose: what was acknowledged while `durable` was false.
#[test]
fn a_kill_in_memory_mode_loses_at_most_what_was_not_on_disk() {
    if !Need::Loop.is_met("a kill in memory mode") {
        return;
    }
    let mut bench = bench("");
    bench.use_image(MEBIBYTES);
    bench.run();
    bench.cross_all();
    bench.drain(DRAINED);
    assert!(bench.agent.stop().success());
    bench.ended("an orderly stop");
    bench.image().read_only(true);
    bench.run();
    assert!(!is_durable(&bench), "nothing can be written");
    let first = bench.next_number();
    // Nobody hears of these before the kill.
    for one in &mut bench.destinations {
        one.receiver.close();
    }
    bench.cross_all();
    acknowledged(&bench);
    bench.kill("kill -9 in memory mode");
    for one in &mut bench.destinations {
        one.receiver.open();
    }
    bench.image().read_only(false);
    bench.run();
    assert!(is_durable(&bench), "the disk is well");
    bench.drain(DRAINED);
    let account = bench.account();
    let early: Vec<_> = account.lost_numbers.range(..first).collect();
    assert!(early.is_empty(), "{early:?} were on disk: {account:#?}");
    assert!(
        account.lost > 0,
        "memory is lost by a kill, or this was not memory mode: {account:#?}"
    );
    super::campaign::table("kill in memory mode", &account, bench.age());
    // It watches as before.
    let before = account.acknowledged;
    bench.cross_all();
    bench.drain(DRAINED);
    assert!(bench.account().acknowledged > before);
}

#[test]
fn a_read_only_disk_costs_durability_until_it_can_be_written() {
    if !Need::Loop.is_met("a read-only disk") {
        return;
    }
    let mut bench = bench("");
    bench.use_image(MEBIBYTES);
    bench.run();
    bench.cross_all();
    bench.drain(DRAINED);
    // Something is owed when it happens.
    bench.destinations[0].receiver.close();
    bench.cross_all();
    acknowledged(&bench);
    assert!(bench.agent.stop().success());
    bench.ended("an orderly stop");
    bench.destinations[0].receiver.open();

    bench.image().read_only(true);
    bench.run();
    assert!(!is_durable(&bench), "nothing can be written");
    bench.cross_all();
    bench.drain(DRAINED);
    wait::until("an alert about the disk", || {
        heard_of_the_disk(&bench).then_some(())
    });

    bench.image().read_only(false);
    becomes_durable(&bench);
    bench.cross_all();
    let account = bench.settle();
    assert!(account.not_durable > 0, "it was said what was not on disk");
}

#[test]
fn an_io_error_stops_the_agent_and_another_one_costs_durability() {
    if !Need::Strace.is_met("IO errors") {
        return;
    }
    let mut bench = bench("");
    bench.run();
    bench.cross_all();
    bench.drain(DRAINED);
    bench.kill("kill -9");

    bench.agent.wrap(trace::fail("fsync", "EIO", 14, 14));
    bench.run();
    let begin = wait::now();
    while !bench.ends_within(Duration::from_millis(50)) {
        assert!(begin.elapsed() < DRAINED, "it does not mind an IO error");
        bench.cross(2);
    }
    let status = bench.agent.ends();
    bench.ended("an IO error");
    assert_eq!(status.code(), Some(1), "systemd has to start it again");
    assert!(bench.agent.data().join("andon.io-error").exists());

    // The fresh start finds out, and meets the next one.
    bench.run();
    while is_durable(&bench) {
        assert!(begin.elapsed() < DRAINED, "it does not mind an IO error");
        bench.cross(2);
        bench.drain(DRAINED);
    }
    bench.cross_all();
    bench.drain(DRAINED);
    wait::until("an alert about the disk", || {
        heard_of_the_disk(&bench).then_some(())
    });
    becomes_durable(&bench);
    bench.cross_all();
    let account = bench.settle();
    assert!(account.not_durable > 0, "it was said what was not on disk");
}

#[test]
fn the_ballast_is_given_up_before_anything_else() {
    if !Need::Strace.is_met("a write that finds no room") {
        return;
    }
    let mut bench = bench("");
    bench.run();
    bench.cross_all();
    bench.drain(DRAINED);
    bench.kill("kill -9");
    let ballast = bench.agent.data().join("andon.ballast");
    assert!(ballast.exists());

    bench
        .agent
        .wrap(trace::fail("pwrite64", "ENOSPC", 150, 150));
    bench.run();
    let begin = wait::now();
    while ballast.exists() {
        assert!(begin.elapsed() < DRAINED, "the ballast is not given up");
        bench.cross(4);
        bench.drain(DRAINED);
        assert!(is_durable(&bench), "there is room");
    }
    bench.cross_all();
    let account = bench.settle();
    assert_eq!(account.not_durable, 0);
}

/// For long runs: many errors at random places, each followed by a fresh start.
#[test]
fn io_errors_at_random_syncs_lose_nothing() {
    if !Need::Strace.is_met("IO errors at random syncs") {
        return;
    }
    let mut bench = bench("");
    let rounds = if long() { 40 } else { 4 };
    let begin = wait::now();
    for _ in 0..rounds {
        let at = bench.random.u32(1..30);
        bench.agent.wrap(trace::fail("fsync", "EIO", at, at));
        bench.spawn();
        bench.cross(6);
        // In memory mode a kill may lose, so only what ends by itself or is durable is killed.
        bench.ends_within(Duration::from_millis(800));
        if bench.agent.is_running() {
            bench.agent.is_ready();
            becomes_durable(&bench);
        }
        bench.kill("an IO error, or kill -9 without one");
        // Each is a first one: a second within an hour would mean memory mode.
        let _ = std::fs::remove_file(bench.agent.data().join("andon.io-error"));
    }
    bench.agent.wrap(Vec::new());
    bench.run();
    let account = bench.settle();
    super::campaign::table("IO errors at syncs", &account, begin.elapsed());
}
