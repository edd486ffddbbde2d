//! What the log and the tally say of a link: outages, silent units and tags that cannot be read, each once, hourly, and at its end.
//!
//! It only tells. A sensor fault is a measurement and no line here.

use std::{error::Error, sync::Arc};

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
    unit::Unit,
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
    /// What the tally was told of the connection, while there is one.
    at_backup: Option<bool>,
    units: Vec<UnitReport>,
}

struct UnitReport {
    unit: Trouble,
    tags: Vec<Trouble>,
}

impl Report {
    pub(super) fn new<'u>(
        source: Arc<str>,
        tally: Tally,
        units: impl Iterator<Item = &'u Unit>,
    ) -> Self {
        let of = |unit: &Unit| UnitReport {
            unit: Trouble::default(),
            tags: vec![Trouble::default(); unit.tags.len()],
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
            at_backup: None,
            units: units.map(of).collect(),
        }
    }

    /// The source's name.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// No connection could be made, behind which there are so many tags.
    pub(super) fn link_lost(&mut self, error: &LinkError, tags: usize, now: Mono) {
        self.at_backup = None;
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

    /// The link stands, at its first address or at its backup.
    pub(super) fn link_at(&mut self, link: &Link, now: Mono) {
        if self.at_backup.replace(link.is_at_backup()) != Some(link.is_at_backup()) {
            let address = link.address();
            match link.is_at_backup() {
                true => self
                    .tally
                    .falters(format!("on its backup address {address}")),
                false => self.tally.stands(format!("connected to {address}")),
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
