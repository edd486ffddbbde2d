//! What a destination forgets is told again, and never after what is newer.

use super::*;

const EVERY: Duration = Duration::from_secs(60);

/// A schedule with one destination that forgets, and what was told again when.
struct Forgetful {
    schedule: Schedule,
    now: Mono,
    next: i64,
}

impl Forgetful {
    fn new(change: impl FnOnce(&mut DestinationPlan)) -> Self {
        let mut plan = DestinationPlan::new("am");
        (plan.repost, plan.call_every) = (Some(EVERY), Duration::ZERO);
        change(&mut plan);
        Self {
            schedule: Schedule::new(vec![plan]),
            now: Mono::default() + secs(1000),
            next: 1,
        }
    }

    fn add(&mut self, key: u8, kind: Kind) -> i64 {
        let row = Row {
            id: self.next,
            destination: "am".into(),
            lane: lane(key),
            severity: Severity::Critical,
            decided: self.now,
            kind,
            not_before: None,
            attempts: 0,
            alert: u128::from(key),
            likeness: None,
            may_fall_back: false,
            from_before: false,
        };
        self.schedule.add(&row, self.now);
        self.next += 1;
        row.id
    }

    fn done(&mut self, row: i64, outcome: Outcome) {
        self.schedule.done(row, outcome, self.now, &mut || 0.5);
    }

    /// Tells one delivery and has it accepted.
    fn tell(&mut self, key: u8, kind: Kind) -> i64 {
        let row = self.add(key, kind);
        let due = self.schedule.next(self.now);
        assert_eq!(due.attempts.len(), 1, "{due:?}");
        self.done(row, Outcome::Accepted);
        row
    }

    fn next(&mut self) -> Due {
        self.schedule.next(self.now)
    }

    fn reposted(&mut self, repost: &Repost, outcome: Outcome) {
        self.schedule.reposted(repost, outcome, 0.5, self.now);
    }

    /// What is told again in this time, each accepted at once, by the row and how long it took.
    fn play(&mut self, time: Duration) -> Vec<(i64, u64)> {
        let (begin, mut told) = (self.now, Vec::new());
        loop {
            for repost in self.next().reposts {
                told.push((repost.row, self.now.since(begin).as_secs()));
                self.reposted(&repost, Outcome::Accepted);
            }
            match self.schedule.next_deadline() {
                Some(next) if next <= begin + time => {
                    assert!(self.now < next, "it lies in the future");
                    self.now = next;
                }
                _ => break,
            }
        }
        self.now = begin + time;
        told
    }
}

#[test]
fn what_is_active_is_told_again_until_something_newer_is() {
    let mut am = Forgetful::new(|_| {});
    let first = am.tell(1, Kind::Call);
    assert_eq!(
        am.play(secs(200)),
        [(first, 60), (first, 120), (first, 180)]
    );
    let second = am.tell(1, Kind::Other);
    assert_eq!(am.play(secs(100)), [(second, 60)]);
    let end = am.tell(1, Kind::End);
    let ends: Vec<(i64, u64)> = (1..=5).map(|n| (end, n * 60)).collect();
    assert_eq!(am.play(secs(3600)), ends);
    assert_eq!(am.schedule.next_deadline(), None);
}

#[test]
fn nothing_is_told_again_where_nothing_is_forgotten() {
    let mut ops = Forgetful::new(|plan| plan.repost = None);
    ops.tell(1, Kind::Call);
    assert_eq!(ops.play(secs(3600)), []);
}

#[test]
fn what_is_newer_waits_for_what_is_in_flight_and_ends_it() {
    let mut am = Forgetful::new(|_| {});
    let first = am.tell(1, Kind::Call);
    am.now = am.now + EVERY;
    let due = am.next();
    let [repost] = &due.reposts[..] else {
        panic!("{due:?}")
    };
    assert_eq!(repost.row, first);
    let end = am.add(1, Kind::End);
    assert_eq!(am.next(), Due::default(), "the old state is under way");
    assert_eq!(am.schedule.status("am").map(|am| am.in_flight), Some(1));
    am.reposted(repost, Outcome::Accepted);
    let due = am.next();
    assert_eq!(due.attempts.len(), 1);
    assert_eq!(due.attempts[0].row, end);
    // While it is under way, what was before is not told again.
    am.now = am.now + EVERY * 2;
    assert_eq!(am.next(), Due::default());
    am.done(end, Outcome::Accepted);
    assert_eq!(am.play(EVERY), [(end, 60)]);
}

#[test]
fn other_lanes_do_not_wait_for_it() {
    let mut am = Forgetful::new(|_| {});
    am.tell(1, Kind::Call);
    am.now = am.now + EVERY;
    assert_eq!(am.next().reposts.len(), 1);
    let other = am.add(2, Kind::Call);
    assert_eq!(am.next().attempts[0].row, other);
}

#[test]
fn it_takes_tokens_and_opens_and_closes_the_breaker() {
    let per = secs(600);
    let mut am =
        Forgetful::new(|plan| plan.rate = Some(crate::destination::Rate { count: 3, per }));
    am.tell(1, Kind::Call);
    am.tell(2, Kind::Call);
    // One token is left, and each other takes 200 s.
    let told = am.play(secs(500));
    assert_eq!(told.len(), 3, "{told:?}");

    let mut am = Forgetful::new(|_| {});
    let row = am.tell(1, Kind::Call);
    am.now = am.now + EVERY;
    let repost = am.next().reposts.remove(0);
    am.reposted(&repost, Outcome::Unreachable);
    let open = |am: &Forgetful| {
        am.schedule
            .status("am")
            .is_some_and(|am| am.breaker.is_some())
    };
    assert!(open(&am));
    // Nothing else waits, so it is its own probe.
    assert_eq!(am.play(EVERY * 2)[0].0, row);
    assert!(!open(&am));
    // What waits probes in its place.
    am.now = am.now + EVERY;
    let repost = am.next().reposts.remove(0);
    am.reposted(&repost, Outcome::Unreachable);
    let other = am.add(2, Kind::Call);
    am.now = am.now + EVERY * 5;
    let due = am.next();
    assert_eq!((due.reposts.len(), due.attempts.len()), (0, 1));
    assert_eq!(due.attempts[0].row, other);
}

#[test]
fn it_goes_on_after_a_restart_and_ends_when_there_is_nothing_to_tell() {
    let mut am = Forgetful::new(|_| {});
    let was = |row, key| Repost {
        row,
        destination: "am".into(),
        lane: lane(key),
    };
    let now = am.now;
    am.schedule.was_accepted(&was(7, 1), false, now);
    am.schedule.was_accepted(&was(8, 2), true, now);
    // Of one watch the later alert, which is named first, counts.
    am.schedule.was_accepted(&was(6, 1), false, now);
    let told = am.play(secs(3600));
    assert_eq!(told.iter().filter(|(row, _)| *row == 7).count(), 61);
    assert_eq!(told.iter().filter(|(row, _)| *row == 8).count(), 6);
    am.now = am.now + EVERY;
    let repost = am.next().reposts.remove(0);
    am.reposted(&repost, Outcome::Void);
    assert_eq!(am.play(secs(3600)), []);
}

#[test]
fn a_destination_that_left_the_configuration_is_not_told_again() {
    let mut am = Forgetful::new(|_| {});
    am.tell(1, Kind::Call);
    let now = am.now;
    am.schedule.reload(Vec::new(), now);
    assert_eq!(am.play(secs(3600)), []);
}
