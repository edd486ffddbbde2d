//! What a destination asks for beyond retry and breaker: a rate, being left alone, no repeats, no old news, no rush after an
//! outage, and somebody else who is told in its place.

use super::*;
use crate::destination::{Late, Rate};

fn rate(count: u32, per: u64) -> Option<Rate> {
    let per = secs(per);
    Some(Rate { count, per })
}

/// How many attempts started in any time of this length, at most.
fn most_in(starts: &[(Mono, i64)], time: Duration) -> usize {
    let within = |(at, _): &(Mono, i64)| {
        let end = *at + time;
        starts
            .iter()
            .filter(|(other, _)| (*at..end).contains(other))
            .count()
    };
    starts.iter().map(within).max().unwrap_or(0)
}

#[test]
fn every_attempt_takes_a_token_and_the_worst_goes_first() {
    let mut bench = Bench::one(|plan| plan.rate = rate(3, 30));
    for key in 1..=8 {
        bench.queue("ops", key, Severity::Warning, Kind::Call);
    }
    bench.run(secs(1));
    assert_eq!(bench.starts.len(), 3);
    let critical = bench.add(9, Severity::Critical, Kind::Call);
    bench.run(secs(10));
    assert_eq!(bench.heard()[3], critical);
    bench.run(secs(300));
    assert_eq!(bench.heard().len(), 9);
    // A full bucket, and what came back meanwhile.
    assert!(most_in(&bench.starts, secs(30)) <= 6);
}

#[test]
fn probes_and_retries_take_tokens_too() {
    let mut bench = Bench::one(|plan| plan.rate = rate(2, 60));
    for mode in [Mode::Down, Mode::Sick] {
        bench.mode(mode);
        for key in 1..=9 {
            bench.call(key);
        }
        bench.run(secs(3600));
    }
    assert!(bench.attempts > 20);
    assert!(most_in(&bench.starts, secs(60)) <= 3);
}

fn worn_out(groups: &[&[&str]]) -> Bench {
    let names = ["ops", "pager"];
    let plan = |name: &str| DestinationPlan {
        deactivate_after: Some(3),
        call_every: Duration::ZERO,
        ..DestinationPlan::new(name)
    };
    let mut bench = Bench::new(names.map(plan).to_vec());
    let list = |group: &&[&str]| group.iter().map(|name| Arc::from(*name)).collect();
    bench.schedule.set_groups(groups.iter().map(list).collect());
    bench
}

#[test]
fn failures_in_a_row_deactivate_and_one_probe_reactivates() {
    let mut bench = worn_out(&[&["ops", "pager"]]);
    bench
        .modes
        .insert("ops".into(), Mode::Refusing { give_up: false });
    for key in 1..=3 {
        bench.call(key);
    }
    bench.run(secs(1));
    let off = bench.status().deactivated.expect("it is deactivated");
    assert_eq!((bench.status().failures, bench.attempts), (3, 3));
    assert_eq!(off.until, off.since + secs(30 * 60));
    bench.call(4);
    bench.run(secs(29 * 60));
    assert_eq!(bench.attempts, 3, "it is left alone");
    bench.run(secs(31 * 60));
    assert_eq!(
        (bench.attempts, bench.status().failures),
        (5, 5),
        "one probe each half an hour"
    );
    bench.mode(Mode::Up);
    bench.run(secs(31 * 60));
    assert_eq!(bench.status().deactivated, None);
    assert_eq!((bench.status().failures, bench.status().queued), (0, 0));
}

#[test]
fn what_reaches_nobody_never_deactivates() {
    let mut bench = worn_out(&[]);
    bench.mode(Mode::Down);
    for key in 1..=20 {
        bench.call(key);
    }
    bench.run(secs(7200));
    assert!(bench.attempts > 20);
    assert_eq!(
        (bench.status().failures, bench.status().deactivated),
        (0, None)
    );
}

#[test]
fn the_last_active_destination_of_a_list_goes_on() {
    let mut bench = worn_out(&[&["ops", "pager"], &["pager"]]);
    bench.mode(Mode::Refusing { give_up: false });
    for key in 1..=5 {
        bench.queue("ops", key, Severity::Error, Kind::Call);
        bench.queue("pager", key, Severity::Error, Kind::Call);
    }
    bench.run(secs(3600));
    let stands = |bench: &Bench, name: &str| bench.schedule.status(name).unwrap();
    assert!(stands(&bench, "ops").deactivated.is_some());
    assert!(stands(&bench, "pager").deactivated.is_none());
    assert!(stands(&bench, "pager").failures > 10);
    // The other one is not there any more, so this one is needed.
    bench.schedule.set_groups(vec![vec!["ops".into()]]);
    assert!(stands(&bench, "ops").deactivated.is_none());
}

#[test]
fn a_deactivation_survives_a_restart_and_a_person_may_probe_at_once() {
    let mut bench = worn_out(&[]);
    bench.now = bench.now + secs(100_000);
    let since = bench.now - secs(3600 + 60);
    bench.schedule.restore("ops", 10, Some(since), bench.now);
    let id = bench.call(1);
    bench.run(secs(60));
    assert_eq!(bench.attempts, 0);
    let off = bench.status().deactivated.expect("it is deactivated");
    assert_eq!((off.since, off.until), (since, since + secs(5400)));
    assert!(bench.schedule.retry_now(id, bench.now));
    bench.run(secs(1));
    assert_eq!(
        (bench.heard(), bench.status().deactivated),
        (vec![id], None)
    );
}

#[test]
fn only_what_says_the_same_as_the_last_thing_accepted_is_left_out() {
    const RAISED: u64 = 1;
    const OVER: u64 = 2;
    let mut bench = Bench::one(|plan| plan.duplicate_window = secs(60));
    let first = bench.say(1, 1, Kind::Call, RAISED);
    let twin = bench.say(1, 1, Kind::Call, RAISED);
    let end = bench.say(1, 1, Kind::End, OVER);
    let again = bench.say(1, 1, Kind::Call, RAISED);
    let other = bench.say(2, 2, Kind::Call, RAISED);
    bench.run(secs(10));
    let last = bench.say(1, 1, Kind::Call, RAISED);
    bench.run(secs(59));
    let late = bench.say(1, 1, Kind::Call, RAISED);
    bench.run(secs(10));
    let mut heard = bench.heard();
    heard.sort_unstable();
    assert_eq!(heard, [first, end, again, other, late]);
    for row in [twin, last] {
        assert_eq!(bench.settled[&row], State::Deduplicated);
    }
}

#[test]
fn a_retry_is_never_a_duplicate_and_what_may_have_been_heard_counts() {
    let mut bench = Bench::one(|plan| plan.duplicate_window = secs(60));
    bench.say(1, 1, Kind::Call, 1);
    bench.run(secs(1));
    // The end may have been heard, so the same call says something new.
    bench.mode(Mode::Sick);
    let end = bench.say(1, 1, Kind::End, 2);
    bench.pump();
    let flying = bench.flying();
    assert_eq!(flying, [end]);
    bench.land(end);
    assert!(bench.schedule.discard(end, bench.now));
    bench.pump();
    let call = bench.say(1, 1, Kind::Call, 1);
    bench.mode(Mode::Up);
    bench.run(secs(1));
    assert_eq!(bench.settled[&call], State::Accepted);
}

/// An outage of `away`, during which this happens.
fn outage(late: Late, away: u64, during: impl FnOnce(&mut Bench)) -> Bench {
    let mut bench = Bench::one(|plan| {
        plan.late = late;
        plan.catch_up = secs(20);
    });
    bench.mode(Mode::Down);
    bench.call(200);
    during(&mut bench);
    bench.run(secs(away));
    bench.mode(Mode::Up);
    bench
}

#[test]
fn what_is_late_is_collapsed_to_the_latest_state_of_each_alert() {
    let mut rows = Vec::new();
    let mut bench = outage(Late::Collapse, 3600, |bench| {
        use Kind::{Call as C, End as E, Other as O};
        // An alert that goes on, one that ended, one after it, one that was known, and one that is alone.
        for (key, alert, kind) in [
            (1, 1, C),
            (1, 1, O),
            (1, 1, O),
            (2, 2, C),
            (2, 2, O),
            (2, 2, E),
            (2, 3, C),
            (3, 4, O),
            (3, 4, O),
            (4, 5, C),
        ] {
            rows.push(bench.say(key, alert, kind, 0));
        }
    });
    bench.run(secs(400));
    let told: BTreeSet<i64> = bench.heard().into_iter().collect();
    let expected = [2, 5, 6, 8, 9].map(|at: usize| rows[at]);
    assert_eq!(
        told.difference(&BTreeSet::from([1]))
            .copied()
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        bench.retold,
        [rows[2]],
        "only who was never told it is told a trigger"
    );
    let gone = rows.iter().filter(|row| !expected.contains(row));
    for row in gone {
        assert_eq!(bench.settled[row], State::Superseded);
    }
}

#[test]
fn what_is_young_or_never_had_to_wait_is_not_collapsed() {
    let fill = |bench: &mut Bench| {
        for kind in [Kind::Call, Kind::Other, Kind::End] {
            bench.say(1, 1, kind, 0);
        }
    };
    let mut short = outage(Late::Collapse, 200, fill);
    short.run(secs(400));
    assert_eq!(short.heard().len(), 4);
    // A rate is no trouble: what waits for it is told in full.
    let mut slow = Bench::one(|plan| {
        plan.late = Late::Collapse;
        plan.rate = rate(1, 600);
    });
    fill(&mut slow);
    slow.run(secs(3600));
    assert_eq!(slow.heard().len(), 3);
}

#[test]
fn what_grew_old_while_the_agent_was_down_is_late() {
    let mut bench = Bench::one(|plan| plan.late = Late::Collapse);
    for kind in [Kind::Call, Kind::Other] {
        bench.say(1, 1, kind, 0);
    }
    bench.now = bench.now + secs(301);
    bench.crash();
    bench.run(secs(10));
    assert_eq!((bench.heard(), bench.retold.clone()), (vec![2], vec![2]));
}

#[test]
fn what_stands_for_others_is_not_withdrawn() {
    let mut bench = Bench::one(|plan| plan.late = Late::Collapse);
    bench.say(1, 1, Kind::Call, 0);
    let escalated = bench.say(1, 1, Kind::Escalation, 0);
    bench.now = bench.now + secs(301);
    bench.mode(Mode::Down);
    bench.schedule.restored(bench.now);
    bench.pump();
    bench.land(escalated);
    assert!(bench.schedule.withdraw(&[escalated], bench.now).is_empty());
}

#[test]
fn a_digest_tells_what_is_late_in_all_lanes_at_once() {
    let mut rows = Vec::new();
    let mut bench = outage(Late::Digest, 3600, |bench| {
        for key in 1..=60 {
            rows.push(bench.say(key, key.into(), Kind::Call, 0));
            rows.push(bench.say(key, key.into(), Kind::End, 0));
        }
    });
    let before = bench.attempts;
    bench.run(secs(400));
    // 121 rows, at most 100 in one.
    assert_eq!(bench.attempts, before + 2);
    assert!(rows.iter().all(|row| bench.settled[row] == State::Accepted));
    for pair in rows.chunks(2) {
        let place = |row| bench.heard().iter().position(|heard| *heard == row);
        assert!(place(pair[0]) < place(pair[1]), "a lane stays in order");
    }
}

#[test]
fn what_a_digest_told_before_a_crash_is_no_chatter_after_it() {
    let mut bench = outage(Late::Digest, 3600, |bench| {
        bench.plans[0].call_every = secs(7200);
        bench.schedule.reload(bench.plans.clone(), bench.now);
        for (alert, kind) in [(1, Kind::Call), (1, Kind::End), (2, Kind::Call)] {
            bench.say(1, alert, kind, 0);
        }
    });
    // The probe of the other lane is accepted, and then the digest is under way.
    while bench
        .flying
        .values()
        .all(|(_, attempt)| attempt.digest.len() < 3)
    {
        bench.run(Duration::from_millis(1));
    }
    let told = bench.flying.values().next().unwrap().1.digest.clone();
    assert!(told.contains(&4), "{told:?}");
    let end = bench.say(1, 2, Kind::End, 0);
    // No clock was synchronised, so their age is not known, and each is told alone.
    let now = bench.now;
    bench.pending.values_mut().for_each(|row| row.decided = now);
    bench.crash();
    bench.run(secs(600));
    for row in 2..=end {
        assert_eq!(bench.settled[&row], State::Accepted, "{row}");
    }
}

#[test]
fn a_critical_alert_that_goes_on_is_told_alone_and_not_in_a_digest() {
    let mut rows = Vec::new();
    let mut bench = outage(Late::Digest, 3600, |bench| {
        let say = |bench: &mut Bench, key: u8, severity, kind| {
            bench.put(Row {
                alert: key.into(),
                ..bench.row("ops", key, severity, kind)
            })
        };
        for key in 1..=4 {
            rows.push(say(bench, key, Severity::Warning, Kind::Call));
        }
        // One that goes on, one that has ended, and one that is not critical any more and was.
        rows.push(say(bench, 5, Severity::Critical, Kind::Call));
        rows.push(say(bench, 6, Severity::Critical, Kind::Call));
        rows.push(say(bench, 6, Severity::Critical, Kind::End));
        rows.push(say(bench, 7, Severity::Critical, Kind::Call));
        rows.push(say(bench, 7, Severity::Warning, Kind::Other));
    });
    let before = bench.starts.len();
    bench.run(secs(400));
    assert!(bench.pending.is_empty());
    let alone: BTreeSet<i64> = bench.starts[before..].iter().map(|(_, row)| *row).collect();
    let ring: BTreeSet<i64> = [rows[4], rows[7], rows[8]].into();
    assert!(ring.is_subset(&alone), "{alone:?} carried, {ring:?} ring");
    // All others went out in the digest of one of them.
    assert_eq!(alone.difference(&ring).count(), 1, "{alone:?}");
}

#[test]
fn a_digest_that_fails_is_tried_again_as_a_whole() {
    let mut bench = outage(Late::Digest, 3600, |bench| {
        for key in 1..=3 {
            bench.say(key, key.into(), Kind::Call, 0);
        }
    });
    bench.mode(Mode::Busy(600));
    bench.run(secs(320));
    assert!(
        bench.pending.values().all(|row| row.attempts == 1),
        "{:?}",
        bench.pending
    );
    bench.mode(Mode::Up);
    let before = bench.attempts;
    bench.run(secs(620));
    assert!(bench.pending.is_empty());
    assert_eq!(bench.attempts, before + 1);
}

/// The next digest with all that is late, under way.
fn digest(bench: &mut Bench) -> (i64, Vec<i64>) {
    for _ in 0..400_000 {
        let flying = bench.flying.values();
        let told = flying.map(|(_, attempt)| (attempt.row, attempt.digest.clone()));
        if let Some(found) = told.into_iter().find(|(_, digest)| !digest.is_empty()) {
            return found;
        }
        bench.run(Duration::from_millis(1));
    }
    panic!("no digest");
}

#[test]
fn what_a_digest_was_refused_for_is_found_by_telling_each_alone() {
    let mut bench = outage(Late::Digest, 3600, |bench| {
        for key in 1..=3 {
            bench.say(key, key.into(), Kind::Call, 0);
            bench.say(key, key.into(), Kind::Other, 0);
        }
    });
    let (carrier, told) = digest(&mut bench);
    bench.mode(Mode::Refusing { give_up: true });
    bench.land(carrier);
    assert!(
        told.iter().all(|row| bench.pending.contains_key(row)),
        "nothing is lost for the sake of another: {:?}",
        bench.settled
    );
    bench.mode(Mode::Up);
    let before = bench.starts.len();
    bench.run(secs(400));
    let alone: BTreeSet<i64> = bench.starts[before..].iter().map(|(_, row)| *row).collect();
    assert!(told.iter().all(|row| alone.contains(row)), "{alone:?}");
    assert!(bench.pending.is_empty());
}

#[test]
fn who_carries_a_digest_and_is_not_owed_any_more_leaves_it_to_the_others() {
    let mut bench = outage(Late::Digest, 3600, |bench| {
        for key in 1..=3 {
            bench.say(key, key.into(), Kind::Call, 0);
            bench.say(key, key.into(), Kind::End, 0);
        }
    });
    let (carrier, told) = digest(&mut bench);
    bench.lose(carrier);
    bench.land(carrier);
    assert!(!bench.heard().contains(&carrier));
    let others = told.iter().filter(|row| **row != carrier);
    assert!(
        others
            .into_iter()
            .all(|row| bench.settled[row] == State::Accepted)
    );
    // It was told of, so the destination is there again; and nobody has heard the call that is gone.
    assert_eq!(bench.status().breaker, None);
    assert_eq!(bench.status().in_flight, 0);
}

#[test]
fn what_has_no_room_in_a_digest_is_told_by_the_next_one_and_no_attempt_of_it_is_used() {
    let mut bench = outage(Late::Digest, 3600, |bench| {
        for key in 1..=6 {
            bench.say(key, key.into(), Kind::Call, 0);
        }
    });
    let (carrier, told) = digest(&mut bench);
    let (first, left) = told.split_at(2);
    let (now, mut luck) = (bench.now, || 0.5);
    for row in &told {
        let own = match left.contains(row) {
            true => Outcome::Unreachable,
            false => Outcome::Accepted,
        };
        let said = Outcome::Accepted;
        let verdict = bench
            .schedule
            .done_in_digest(*row, own, said, now, &mut luck);
        assert_eq!(matches!(verdict, Verdict::Settled(_)), first.contains(row));
    }
    for row in first {
        bench.pending.remove(row);
    }
    bench.flying.remove(&carrier);
    assert_eq!(bench.status().breaker, None);
    let (_, next) = digest(&mut bench);
    assert!(left.iter().all(|row| next.contains(row)), "{next:?}");
    bench.run(secs(30));
    assert_eq!(bench.status().queued, 0);
}

#[test]
fn after_an_outage_the_backlog_waits_for_its_turn_among_the_sites() {
    let mut bench = outage(Late::Send, 3600, |bench| {
        for key in 1..=9 {
            bench.call(key);
        }
    });
    while bench.heard().is_empty() {
        bench.run(Duration::from_millis(100));
    }
    let back = bench.now;
    let critical = bench.add(10, Severity::Critical, Kind::Call);
    bench.run(secs(19));
    assert_eq!(bench.heard().len(), 1, "only the probe");
    bench.run(secs(2));
    assert_eq!(bench.heard()[1], critical);
    bench.run(secs(2));
    assert_eq!(bench.heard().len(), 11);
    assert!(bench.now.since(back) < secs(25));
    // A short one is nobody's rush.
    bench.mode(Mode::Down);
    bench.call(1);
    bench.call(2);
    bench.run(secs(2));
    bench.mode(Mode::Up);
    bench.run(secs(5));
    assert_eq!(bench.status().queued, 0);
}

#[test]
fn what_is_not_accepted_in_time_is_told_to_others_once() {
    let mut bench = Bench::one(|plan| {
        plan.fallback_after = Some(secs(600));
        plan.expire_after = secs(3600);
    });
    bench.mode(Mode::Down);
    let call = bench.call(1);
    bench.add(1, Severity::Error, Kind::Other);
    let escalated = bench.add(1, Severity::Error, Kind::Escalation);
    let told = Row {
        may_fall_back: false,
        ..bench.row("ops", 2, Severity::Error, Kind::Call)
    };
    bench.put(told);
    bench.run(secs(599));
    assert!(bench.fallbacks.is_empty());
    bench.run(secs(7200));
    assert_eq!(bench.fallbacks, [call, escalated]);
    // What is accepted in time is not told to others.
    bench.mode(Mode::Up);
    bench.call(3);
    bench.run(secs(7200));
    assert_eq!(bench.fallbacks.len(), 2);
}

#[test]
fn what_was_given_up_before_its_time_is_told_to_others_at_once() {
    let mut bench = Bench::one(|plan| plan.fallback_after = Some(secs(600)));
    bench.mode(Mode::Refusing { give_up: true });
    let refused = bench.call(1);
    bench.run(secs(1));
    assert_eq!(bench.fallbacks, [refused]);
    bench.mode(Mode::Down);
    let dropped = bench.call(2);
    bench.run(secs(1));
    bench.schedule.discard(dropped, bench.now);
    bench.run(secs(7200));
    assert_eq!(bench.fallbacks, [refused], "a person did not want it");
}

#[test]
fn what_expires_before_its_time_is_told_to_others_when_it_does() {
    for (expire_after, away) in [(300, 600), (3600, 7200)] {
        let mut bench = Bench::one(|plan| {
            plan.fallback_after = Some(secs(600));
            plan.expire_after = secs(expire_after);
        });
        bench.mode(Mode::Down);
        let call = bench.call(1);
        while bench.flying.is_empty() == bench.starts.is_empty() {
            bench.run(Duration::from_millis(5));
        }
        // The gateway sleeps meanwhile, so both are due when it wakes.
        bench.now = bench.now + secs(away);
        bench.pump();
        bench.run(secs(60));
        assert_eq!(bench.settled.get(&call), Some(&State::Expired));
        assert_eq!(bench.fallbacks, [call]);
    }
}

#[test]
fn what_is_held_has_its_time_from_the_end_of_the_hold() {
    let mut bench = Bench::one(|plan| {
        plan.fallback_after = Some(secs(250));
        plan.call_every = secs(300);
    });
    bench.call(1);
    bench.run(secs(100));
    let held = bench.call(1);
    bench.run(secs(199));
    assert!(!bench.heard().contains(&held));
    bench.mode(Mode::Down);
    bench.run(secs(250));
    assert!(bench.fallbacks.is_empty(), "it could not be told before");
    bench.run(secs(2));
    assert_eq!(bench.fallbacks, [held]);
}

#[test]
fn what_others_know_they_are_not_told_again_when_it_is_lost_or_collapsed() {
    let mut bench = Bench::one(|plan| {
        plan.fallback_after = Some(secs(600));
        plan.late = Late::Collapse;
        plan.concurrency = 1;
    });
    bench.mode(Mode::Down);
    let lost = bench.call(1);
    let collapsed = bench.say(2, 2, Kind::Call, 0);
    bench.run(secs(700));
    assert_eq!(bench.fallbacks, [lost, collapsed]);
    bench.say(2, 2, Kind::Other, 0);
    bench.mode(Mode::Refusing { give_up: true });
    bench.run(secs(3600));
    assert!(bench.pending.is_empty());
    assert_eq!(bench.fallbacks, [lost, collapsed]);
}

#[test]
fn a_probe_that_comes_back_while_its_destination_is_not_configured_frees_the_next() {
    let mut bench = Bench::one(|_| {});
    bench.mode(Mode::Down);
    let id = bench.call(1);
    bench.run(secs(1));
    while bench.flying.is_empty() {
        bench.run(Duration::from_millis(5));
    }
    bench.schedule.reload(Vec::new(), bench.now);
    bench.land(id);
    bench.mode(Mode::Up);
    bench.schedule.reload(bench.plans.clone(), bench.now);
    bench.pump();
    bench.run(secs(600));
    assert_eq!(bench.heard(), [id]);
}
