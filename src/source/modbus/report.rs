//! What the log and the tally say of a link: outages, silent units and tags that cannot be read, each once, hourly, and at its end.
//!
//! It only tells. A sensor fault is a measurement and no line here.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use tracing::{info, warn};

use crate::{
    clock::Mono,
    sample::{Bad, Reading},
};

use super::{
    super::{
        tally::{Count, Tally},
        trouble::{Say, Trouble},
    },
    link::{Link, LinkError},
    unit::{ILLEGAL, Unit},
};

/// So many tags are named in one line.
const NAMED: usize = 8;

/// The troubles of a link, of its units and of their tags.
pub(super) struct Report {
    source: Arc<str>,
    link: Trouble,
    backup: Trouble,
    fewer: Trouble,
    /// How many were served when that was said.
    served: usize,
    late: Trouble,
    /// Polls that were left out since the start.
    left_out: u64,
    tally: Tally,
    /// What the tally was told of the connections, while there is one: at the backup, how many stand, how many there may be.
    stands: Option<(bool, usize, usize)>,
    units: Vec<UnitReport>,
}

struct UnitReport {
    id: u8,
    unit: Trouble,
    tags: Vec<Trouble>,
    /// It does not answer.
    silent: bool,
    /// Those of its tags that the device refuses for good.
    refused: Vec<Arc<str>>,
}

impl Report {
    pub(super) fn new<'u>(
        source: Arc<str>,
        tally: Tally,
        units: impl Iterator<Item = &'u Unit>,
    ) -> Self {
        let of = |unit: &Unit| UnitReport {
            id: unit.id,
            unit: Trouble::default(),
            tags: vec![Trouble::default(); unit.tags.len()],
            silent: false,
            refused: Vec::new(),
        };
        Self {
            source,
            link: Trouble::default(),
            backup: Trouble::default(),
            fewer: Trouble::default(),
            served: usize::MAX,
            late: Trouble::default(),
            left_out: 0,
            tally,
            stands: None,
            units: units.map(of).collect(),
        }
    }

    /// The source's name.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// No connection could be made, behind which these units are.
    pub(super) fn link_lost(&mut self, error: &LinkError, units: &[usize], now: Mono) {
        let mut tags = 0;
        for at in units {
            let unit = &mut self.units[*at];
            (unit.silent, unit.refused) = (false, Vec::new());
            tags += unit.tags.len();
        }
        self.note();
        self.stands = None;
        self.tally
            .falters(format!("not connected: {}", chain(error)));
        self.tally.trouble(Count::Disconnects, now, || chain(error));
        match self.link.failed(now) {
            Some(Say::Started) => warn!(
                source = %self.source,
                "{}; tags not read: {tags}. Check power, cable and address", chain(error),
            ),
            Some(say) => warn!(source = %self.source, "{}{}", chain(error), so_far(say)),
            None => {}
        }
    }

    /// A unit answered nothing.
    pub(super) fn unit_silent(&mut self, at: usize, unit: &Unit, error: &LinkError, now: Mono) {
        if !std::mem::replace(&mut self.units[at].silent, true) {
            self.note();
        }
        match self.units[at].unit.failed(now) {
            Some(Say::Started) => warn!(
                source = %self.source, unit = unit.id,
                "{}; tags not read: {}. Check its power and wiring, and the unit id", chain(error), unit.tags.len(),
            ),
            Some(say) => {
                warn!(source = %self.source, unit = unit.id, "{}{}", chain(error), so_far(say))
            }
            None => {}
        }
    }

    /// The link stands, whatever its units do.
    pub(super) fn link_stands(&mut self, now: Mono) {
        if let Some(say) = self.link.fine(now) {
            info!(source = %self.source, "connected again{}", so_far(say));
        }
    }

    /// The link stands, at its first address or at its backup, over so many of its connections.
    pub(super) fn link_at(&mut self, link: &Link, used: usize, all: usize, now: Mono) {
        let stands = (link.is_at_backup(), used, all);
        if self.stands.replace(stands) != Some(stands) {
            let over = match all {
                1 => String::new(),
                _ if used == all => format!(" over {all} connections"),
                _ => format!(" over {used} of {all} connections"),
            };
            let address = link.address();
            match link.is_at_backup() {
                true => self
                    .tally
                    .falters(format!("on its backup address {address}{over}")),
                false if used < all => self.tally.falters(format!("connected to {address}{over}")),
                false => self.tally.stands(format!("connected to {address}{over}")),
            }
        }
        if !link.is_at_backup() {
            if let Some(say) = self.backup.fine(now) {
                info!(source = %self.source, "back at {}{}", link.address(), so_far(say));
            }
        } else if let Some(say) = self.backup.failed(now) {
            warn!(
                source = %self.source,
                "the first address cannot be connected, at the backup {} now{}", link.address(), so_far(say),
            );
        }
    }

    /// Fewer connections are served than there may be.
    pub(super) fn gave_up(&mut self, error: &LinkError, used: usize, all: usize, now: Mono) {
        if used < self.served {
            (self.fewer, self.served) = (Trouble::default(), used);
        }
        if let Some(say) = self.fewer.failed(now) {
            warn!(
                source = %self.source,
                "{used} of {all} connections are served, and all units are read over them{}: {}. Set max_connections = {used} if that is all the device has, or look who else uses it",
                so_far(say), chain(error),
            );
        }
    }

    /// All of them are served.
    pub(super) fn all_connections(&mut self, all: usize, now: Mono) {
        if let Some(say) = self.fewer.fine(now) {
            self.served = all;
            info!(source = %self.source, "all {all} connections are served again{}", so_far(say));
        }
    }

    /// So many polls of a unit were left out before this one.
    pub(super) fn left_out(&mut self, unit: &Unit, polls: u64, now: Mono) {
        self.left_out = self.left_out.saturating_add(polls);
        self.tally.add(Count::PollsLeftOut, polls);
        let all = self.left_out;
        if polls == 0 {
            if let Some(say) = self.late.fine(now) {
                info!(source = %self.source, "every poll is in time again{}", so_far(say));
            }
        } else if let Some(say) = self.late.failed(now) {
            warn!(
                source = %self.source, unit = unit.id,
                "polls were left out, {all} since the start{}: the link was slow, or busy with a unit that does not answer. Poll less often if this goes on", so_far(say),
            );
        }
    }

    /// A unit answered something.
    pub(super) fn unit_answers(&mut self, at: usize, unit: &Unit, now: Mono) {
        if std::mem::take(&mut self.units[at].silent) {
            self.note();
        }
        if let Some(say) = self.units[at].unit.fine(now) {
            info!(source = %self.source, unit = unit.id, "unit {} answers again{}", unit.id, so_far(say));
        }
    }

    /// What a unit answered for each of its tags. Tags that begin to fail at once share a line.
    pub(super) fn readings(
        &mut self,
        at: usize,
        unit: &Unit,
        readings: &[Option<Reading>],
        now: Mono,
    ) {
        self.refusals(at, unit, readings);
        let (mut started, mut going, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        let tags = unit.tags.iter().zip(&mut self.units[at].tags).zip(readings);
        for ((tag, trouble), reading) in tags {
            let unread = match reading {
                None => continue,
                Some(Reading::Good(_) | Reading::Bad(Bad::SensorFault)) => None,
                Some(Reading::Bad(bad)) => Some(*bad),
            };
            let say = match unread {
                Some(_) => trouble.failed(now),
                None => trouble.fine(now),
            };
            let words = || match unread {
                Some(bad) => format!("{}: {bad}", tag.name),
                None => tag.name.to_string(),
            };
            match say {
                Some(Say::Started) => started.push(words()),
                Some(Say::GoesOn { .. }) => going.push(words()),
                Some(Say::Ended { .. }) => ended.push(words()),
                None => {}
            }
        }
        let (source, unit) = (&*self.source, unit.id);
        if !started.is_empty() {
            warn!(
                source,
                unit,
                "cannot read {}. Check address and type against the device's manual",
                list(&started)
            );
        }
        if !going.is_empty() {
            warn!(source, unit, "still cannot read {}", list(&going));
        }
        if !ended.is_empty() {
            info!(source, unit, "can read {} again", list(&ended));
        }
    }
}

/// What people read of when they look at the source.
impl Report {
    /// Which tags of a unit are refused for good; one that was not asked is what it was.
    fn refusals(&mut self, at: usize, unit: &Unit, readings: &[Option<Reading>]) {
        let known = &self.units[at].refused;
        let mut refused = Vec::new();
        for (tag, reading) in unit.tags.iter().zip(readings) {
            let is_refused = match reading {
                Some(Reading::Bad(Bad::Exception(code))) => ILLEGAL.contains(code),
                Some(_) => false,
                None => known.contains(&tag.name),
            };
            if is_refused {
                refused.push(Arc::clone(&tag.name));
            }
        }
        if refused != *known {
            self.units[at].refused = refused;
            self.note();
        }
    }

    fn note(&self) {
        let silent = self.units.iter().filter(|unit| unit.silent);
        let silent: BTreeSet<u8> = silent.map(|unit| unit.id).collect();
        let silent: Vec<String> = silent.iter().map(|id| format!("unit {id}")).collect();
        let note = (!silent.is_empty()).then(|| format!("no answer from {}", list(&silent)));
        self.tally.note("silent", note);
        let refused = self.units.iter().flat_map(|unit| &unit.refused);
        let refused: Vec<String> = refused.map(ToString::to_string).collect();
        let note =
            (!refused.is_empty()).then(|| format!("refused by the device: {}", list(&refused)));
        self.tally.note("refused", note);
    }
}

fn so_far(say: Say) -> String {
    match say {
        Say::Started => String::new(),
        Say::GoesOn { count, lasting } => {
            format!(" ({count} times in {} min)", lasting.as_secs() / 60)
        }
        Say::Ended { count, lasting } => {
            format!(
                ", after {} s in which it failed {count} times",
                lasting.as_secs()
            )
        }
    }
}

fn list(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let named = names
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if more == 0 {
        named
    } else {
        format!("{named} and {more} more")
    }
}

/// An error with all that caused it, cut where a device could make it long.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    match text.char_indices().nth(300) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text,
    }
}
