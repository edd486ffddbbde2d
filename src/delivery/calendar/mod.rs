//! The hours of the site, `[[hours]]`: at which times of which days a route takes alerts.
//!
//! Pure: the instant is an argument and the zone is configuration. Whether the wall clock can be believed is not known here;
//! who asks must not restrict anything by hours while it cannot.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{
    Timestamp, ToSpan as _,
    civil::Date,
    tz::{AmbiguousOffset, TimeZone},
};

use crate::clock::Wall;

mod read;
#[cfg(test)]
mod tests;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// How far an opening or closing is looked for: a year and the month around its holidays.
const AHEAD: i32 = 400;

/// All hours, in the zone of the site.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// In which the times are meant.
    pub zone: TimeZone,
    /// Each by its id.
    pub hours: Vec<Hours>,
}

/// One `[[hours]]`: a window of the day on some days. It belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// `night`
    pub id: Arc<str>,
    /// On which days of the week it begins, Monday first.
    pub days: [bool; 7],
    /// The minute of the day at which it opens, 0 to 1439.
    pub from: u16,
    /// The minute at which it closes, 0 to 1440; on the day after if it is not later than `from`.
    pub to: u16,
    /// Dates on which it begins too, whatever day they are.
    pub dates: BTreeSet<Date>,
    /// Dates on which it does not begin.
    pub holidays: BTreeSet<Date>,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            hours: Vec::new(),
        }
    }
}

impl Calendar {
    /// Whether any of these hours is open. An id that is not configured is never open.
    pub fn is_open(&self, ids: &[Arc<str>], at: Wall) -> bool {
        let Some(at) = timestamp(at) else {
            // Beyond the calendar; better heard than not.
            return true;
        };
        self.named(ids).any(|hours| hours.is_open(at, &self.zone))
    }

    /// When these hours, taken together, next open if they are closed, or close if they are open; none within 400 days.
    pub fn next_change(&self, ids: &[Arc<str>], at: Wall) -> Option<Wall> {
        let from = timestamp(at)?;
        let now = self.is_open(ids, at);
        let today = from.to_zoned(self.zone.clone()).date();
        for day in -1..AHEAD {
            let date = today.checked_add(day.days()).ok()?;
            let windows = self.named(ids);
            let windows = windows.filter_map(|hours| hours.window(date, &self.zone));
            let mut edges: Vec<Timestamp> =
                windows.flat_map(|(open, close)| [open, close]).collect();
            edges.sort_unstable();
            let mut later = edges.into_iter().filter(|edge| *edge > from);
            let changed = later.find(|edge| self.is_open(ids, wall(*edge)) != now);
            if changed.is_some() {
                return changed.map(wall);
            }
        }
        None
    }

    /// The week from `now`, and every date that hours name within 400 days with the day after it, cut where any hours open or
    /// close: nothing changes within a piece.
    pub fn pieces(&self, now: Wall) -> Vec<(Wall, Wall)> {
        let Some(from) = timestamp(now) else {
            return vec![(now, now)];
        };
        let today = from.to_zoned(self.zone.clone()).date();
        let day = |after: i32| today.checked_add(after.days()).unwrap_or(today);
        let mut dates: BTreeSet<Date> = (0..=7).map(day).collect();
        for hours in &self.hours {
            let named = hours.dates.iter().chain(&hours.holidays);
            let ahead = named.filter(|date| (today..=day(AHEAD)).contains(*date));
            dates.extend(
                ahead
                    .flat_map(|date| [Some(*date), date.tomorrow().ok()])
                    .flatten(),
            );
        }
        let begin = |date: Date| instant(date, 0, &self.zone, Edge::Opens);
        let mut edges: BTreeSet<Timestamp> = BTreeSet::new();
        for date in &dates {
            edges.extend(begin(*date));
            for begun in [date.yesterday().ok(), Some(*date)].into_iter().flatten() {
                let windows = self
                    .hours
                    .iter()
                    .filter_map(|hours| hours.window(begun, &self.zone));
                edges.extend(windows.flat_map(|(open, close)| [open, close]));
            }
        }
        let mut pieces = Vec::new();
        for date in dates {
            let end = date.tomorrow().ok().and_then(begin);
            let (Some(start), Some(end)) = (begin(date), end) else {
                continue;
            };
            let mut at = start.max(from);
            let cuts: Vec<Timestamp> = edges.range(at..end).copied().chain([end]).collect();
            for cut in cuts {
                if cut > at {
                    pieces.push((wall(at), wall(cut)));
                    at = cut;
                }
            }
        }
        pieces
    }

    fn named<'a>(&'a self, ids: &'a [Arc<str>]) -> impl Iterator<Item = &'a Hours> {
        self.hours.iter().filter(|hours| ids.contains(&hours.id))
    }
}

impl Hours {
    /// Whether it begins on this date.
    pub fn begins_on(&self, date: Date) -> bool {
        let weekday = date.weekday().to_monday_zero_offset();
        let on_day = self.days[usize::from(weekday.unsigned_abs()) % 7];
        self.dates.contains(&date) || on_day && !self.holidays.contains(&date)
    }

    /// Whether it ends on the day after the one on which it begins.
    pub fn is_over_midnight(&self) -> bool {
        self.to <= self.from
    }

    fn is_open(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let today = at.to_zoned(zone.clone()).date();
        let dates = [today.yesterday().ok(), Some(today)];
        let windows = dates.into_iter().flatten();
        let mut windows = windows.filter_map(|date| self.window(date, zone));
        windows.any(|(open, close)| open <= at && at < close)
    }

    /// From when until when it is open, if it begins on this date.
    fn window(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if !self.begins_on(date) {
            return None;
        }
        let last = match self.is_over_midnight() {
            true => date.tomorrow().ok()?,
            false => date,
        };
        let open = instant(date, self.from, zone, Edge::Opens)?;
        let close = instant(last, self.to, zone, Edge::Closes)?;
        Some((open, close))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Opens,
    Closes,
}

/// When a clock on the wall shows this minute of this date. Where it shows it twice, in autumn, hours open the first time and
/// close the second; where it never does, in spring, it is when the clock jumps over it.
fn instant(date: Date, minute: u16, zone: &TimeZone, edge: Edge) -> Option<Timestamp> {
    let (date, minute) = match minute {
        DAY => (date.tomorrow().ok()?, 0),
        minute => (date, minute),
    };
    let (hour, minute) = (minute / 60, minute % 60);
    let shown = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
    let ambiguous = zone.to_ambiguous_timestamp(shown);
    match (ambiguous.offset(), edge) {
        (AmbiguousOffset::Gap { .. }, _) => {
            let before = ambiguous.earlier().ok()?;
            let jump = zone.following(before).next();
            jump.map(|jump| jump.timestamp())
        }
        (_, Edge::Opens) => ambiguous.earlier().ok(),
        (_, Edge::Closes) => ambiguous.later().ok(),
    }
}

fn timestamp(at: Wall) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.as_millis()).ok()
}

fn wall(at: Timestamp) -> Wall {
    Wall::from_millis(at.as_millisecond())
}
