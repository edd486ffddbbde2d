//! What the schedule holds in memory: per delivery its row and its times, whatever happens for however long, and nothing after it.

use std::mem::size_of;

use super::*;
use crate::delivery::schedule::lane::{Lane, Pending};

/// Entries of all maps and queues.
fn entries(schedule: &Schedule) -> usize {
    let desk = |desk: &Desk| {
        let lanes = desk.queues.lanes.values();
        lanes.map(|lane| lane.rows().count() + 1).sum::<usize>() + desk.queues.entries()
    };
    schedule.rows.len() + schedule.settled.len() + schedule.desks.values().map(desk).sum::<usize>()
}

#[test]
fn a_backlog_takes_four_entries_a_delivery_however_long_the_outage() {
    const DELIVERIES: usize = 10_000;
    let mut bench = Bench::one(|plan| plan.fallback_after = Some(secs(20 * 3600)));
    bench.mode(Mode::Down);
    for number in 0..DELIVERIES {
        let kind = if number < 100 {
            Kind::Call
        } else {
            Kind::Other
        };
        bench.queue("ops", (number % 100) as u8, Severity::Error, kind);
    }
    bench.pump();
    let at_once = entries(&bench.schedule);
    // Its row here and in its lane, its age, and when others are told; a lane that is not in flight stands in three queues.
    assert!(at_once <= 4 * DELIVERIES + 4 * 100, "{at_once}");
    for hour in 1..=10 {
        bench.run(secs(3600));
        let now = entries(&bench.schedule);
        assert!(
            now <= at_once + 4 * 3,
            "{now} after {hour} h, {at_once} at once"
        );
    }
    assert_eq!(bench.status().queued, DELIVERIES);
    bench.mode(Mode::Up);
    bench.run(secs(2 * 3600));
    assert_eq!(bench.heard().len(), DELIVERIES);
    bench.run(secs(3600));
    assert_eq!(entries(&bench.schedule), 0, "nothing stays of it");
}

#[test]
fn a_delivery_is_a_row_and_times_and_no_body() {
    let row = size_of::<(i64, (Arc<str>, LaneKey))>() + size_of::<(i64, Pending)>();
    let times = 2 * size_of::<(Mono, i64)>();
    assert!(row + times <= 288, "{} bytes", row + times);
    assert!(size_of::<Lane>() <= 256, "{} bytes", size_of::<Lane>());
}
