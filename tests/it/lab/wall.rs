//! The wall clock jumps back and forth between and during deliveries and kills: order, ids and patience do not follow it.

use std::time::Duration;

use super::bench::{Bench, Plan, moods};
use crate::{
    clock::{set, with_wall_clock},
    support::wait,
};

/// Where the clock stands, one after the other: a gateway without a battery that finds the time and loses it again.
const OFFSETS: [&str; 6] = ["+0d", "-20000d", "+400d", "-2h", "+3d", "-1d"];

#[test]
fn a_wall_clock_that_jumps_changes_nothing_about_deliveries() {
    let plan = Plan::default();
    let seed = plan.seed;
    let mut bench = Bench::new(plan);
    moods(&bench.destinations[1].receiver, seed);
    let wall = with_wall_clock(&mut bench.agent);
    for (round, offset) in OFFSETS.iter().enumerate() {
        set(&wall, offset);
        bench.run();
        bench.cross(6);
        wait::pause(Duration::from_millis(bench.random.u64(50..400)));
        set(&wall, OFFSETS[(round + 2) % OFFSETS.len()]);
        bench.cross(6);
        wait::pause(Duration::from_millis(bench.random.u64(50..400)));
        bench.kill("kill -9");
    }
    set(&wall, "+0d");
    bench.run();
    let account = bench.settle();
    super::campaign::table("wall clock jumps", &account, bench.age());
}
