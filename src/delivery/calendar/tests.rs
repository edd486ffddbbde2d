//! When hours are open, above all on the two nights on which clocks on the wall jump.

use super::*;

fn berlin(hours: Vec<Hours>) -> Calendar {
    Calendar {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        hours,
    }
}

fn every_day(id: &str, from: u16, to: u16) -> Hours {
    Hours {
        id: id.into(),
        days: [true; 7],
        from,
        to,
        dates: BTreeSet::new(),
        holidays: BTreeSet::new(),
    }
}

fn at(text: &str) -> Wall {
    wall(text.parse().unwrap())
}

fn ids(ids: &[&str]) -> Vec<Arc<str>> {
    ids.iter().map(|id| Arc::from(*id)).collect()
}

/// At each of these instants, whether the hours `h` are open.
fn check(hours: Hours, table: &[(&str, bool)]) {
    let calendar = berlin(vec![hours]);
    for (instant, open) in table {
        let is = calendar.is_open(&ids(&["h"]), at(instant));
        assert_eq!(is, *open, "{instant}");
    }
}

#[test]
fn a_window_is_open_from_its_first_minute_and_closed_at_its_last() {
    check(
        every_day("h", 6 * 60, 14 * 60),
        &[
            ("2026-06-10T05:59:59.999+02:00", false),
            ("2026-06-10T06:00:00+02:00", true),
            ("2026-06-10T13:59:59.999+02:00", true),
            ("2026-06-10T14:00:00+02:00", false),
            // The same time of another zone is not meant.
            ("2026-06-10T05:00:00Z", true),
            ("2026-06-10T13:00:00Z", false),
        ],
    );
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
    let friday_night = Hours {
        days: [false, false, false, false, true, false, false],
        ..every_day("h", 22 * 60, 6 * 60)
    };
    check(
        friday_night,
        &[
            ("2026-06-12T05:00:00+02:00", false),
            ("2026-06-12T22:00:00+02:00", true),
            ("2026-06-13T05:59:00+02:00", true),
            ("2026-06-13T06:00:00+02:00", false),
            ("2026-06-13T22:00:00+02:00", false),
        ],
    );
}

#[test]
fn holidays_do_not_begin_and_dates_begin_whatever_day_they_are() {
    let working = Hours {
        days: [true, true, true, true, true, false, false],
        dates: BTreeSet::from([jiff::civil::date(2026, 12, 19)]),
        holidays: BTreeSet::from([jiff::civil::date(2026, 12, 25)]),
        ..every_day("h", 22 * 60, 6 * 60)
    };
    check(
        working,
        &[
            ("2026-12-19T23:00:00+01:00", true),
            // What began on Thursday goes on into the holiday; on the holiday itself nothing begins.
            ("2026-12-25T05:00:00+01:00", true),
            ("2026-12-25T23:00:00+01:00", false),
            ("2026-12-26T05:00:00+01:00", false),
        ],
    );
}

#[test]
fn what_would_open_in_the_hour_that_spring_leaves_out_opens_when_the_clock_jumps() {
    check(
        every_day("h", 150, 5 * 60),
        &[
            ("2026-03-29T00:59:59Z", false),
            // 03:00 in Berlin: the clock showed 01:59 a second ago.
            ("2026-03-29T01:00:00Z", true),
            ("2026-03-29T02:59:59Z", true),
            ("2026-03-29T03:00:00Z", false),
        ],
    );
    // What would also close in it is not open that night, and is the night after.
    check(
        every_day("h", 135, 165),
        &[
            ("2026-03-29T00:30:00Z", false),
            ("2026-03-29T01:00:00Z", false),
            ("2026-03-30T00:30:00Z", true),
        ],
    );
}

#[test]
fn the_hour_that_autumn_doubles_is_open_from_its_first_to_its_second_time() {
    // 02:30 comes at 00:30Z and at 01:30Z.
    check(
        every_day("h", 22 * 60, 150),
        &[
            ("2026-10-25T00:29:59Z", true),
            ("2026-10-25T00:45:00Z", true),
            ("2026-10-25T01:15:00Z", true),
            ("2026-10-25T01:30:00Z", false),
        ],
    );
    check(
        every_day("h", 150, 180),
        &[
            ("2026-10-25T00:29:59Z", false),
            ("2026-10-25T00:30:00Z", true),
            ("2026-10-25T01:10:00Z", true),
            ("2026-10-25T02:00:00Z", false),
        ],
    );
    // A night is as long as it is.
    check(
        every_day("h", 22 * 60, 6 * 60),
        &[
            ("2026-10-24T20:00:00Z", true),
            ("2026-10-25T04:59:59Z", true),
            ("2026-10-25T05:00:00Z", false),
        ],
    );
}

#[test]
fn the_next_change_is_that_of_all_hours_together() {
    let calendar = berlin(vec![
        every_day("early", 6 * 60, 14 * 60),
        every_day("late", 14 * 60, 22 * 60),
    ]);
    let next = |hours: &[&str], instant| {
        let next = calendar.next_change(&ids(hours), at(instant));
        next.map(|next| next.to_string())
    };
    let noon = "2026-06-10T12:00:00+02:00";
    assert_eq!(next(&["early"], noon).unwrap(), "2026-06-10T12:00:00.000Z");
    assert_eq!(
        next(&["early", "late"], noon).unwrap(),
        "2026-06-10T20:00:00.000Z"
    );
    assert_eq!(
        next(&["late"], "2026-06-10T23:00:00+02:00").unwrap(),
        "2026-06-11T12:00:00.000Z"
    );
    assert_eq!(next(&["other"], noon), None);
    let always = berlin(vec![every_day("always", 0, DAY)]);
    assert_eq!(always.next_change(&ids(&["always"]), at(noon)), None);
}

#[test]
fn two_windows_that_meet_leave_no_instant_out_on_any_night_of_the_year() {
    let calendar = berlin(vec![
        every_day("a", 150, 14 * 60),
        every_day("b", 14 * 60, 150),
    ]);
    let start = at("2026-01-01T00:00:00Z");
    let both = ids(&["a", "b"]);
    for quarter in 0..(365 * 96) {
        let instant = start + std::time::Duration::from_secs(quarter * 900);
        assert!(calendar.is_open(&both, instant), "{instant}");
    }
}
