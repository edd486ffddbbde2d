//! Who has heard of an alert, or may have: whoever was told hears everything that follows, to its end.
//!
//! Pure. It says to whom an event is owed, together with [`super::route`], and what an acknowledgement or an end makes
//! superfluous; what can still be taken back is known to [`super::withdrawable`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::route::{Owed, Routes};
use crate::{
    alert::event::{Event, EventKind},
    store::rows::{DeliveryRow, DeliveryState},
};

/// The audience of one alert.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    members: BTreeMap<Arc<str>, Member>,
    over: bool,
}

#[derive(Clone, Debug, Default)]
struct Member {
    /// It was owed something that cannot be withdrawn, or may have heard something.
    firm: bool,
    /// Rows that may still be withdrawn.
    withdrawable: BTreeSet<i64>,
    /// It is owed something withdrawable that is no row yet.
    fresh: bool,
}

impl Audience {
    /// To whom an event is owed, and who belongs to the audience and does not take events of this kind. `later` are the events that
    /// are committed together with it and come after it.
    pub fn owe(
        &mut self,
        event: &Event,
        later: &[Event],
        routes: &Routes,
    ) -> (Vec<Owed>, Vec<Arc<str>>) {
        self.over = event.kind.is_end();
        let mut owed = routes.route(event, &self.names());
        // Taken or over within the same moment: nobody needs to be called any more.
        let same = |other: &Event| other.alert.id == event.alert.id && withdraws(other.kind);
        if event.kind == EventKind::Escalated && later.iter().any(same) {
            owed.clear();
        }
        for owed in &mut owed {
            let member = self.members.get(&owed.destination);
            // Who was told nothing yet but calls that may be withdrawn must not be left with what followed them.
            owed.withdrawable |= member.is_some_and(|member| !member.firm);
        }
        for owed in &owed {
            let member = self
                .members
                .entry(Arc::clone(&owed.destination))
                .or_default();
            if owed.withdrawable {
                member.fresh = true;
            } else {
                member.firm = true;
            }
        }
        // Who does not take this kind of event belongs to the audience all the same: what it does take must reach it.
        let (owed, untold): (Vec<Owed>, Vec<Owed>) = owed
            .into_iter()
            .partition(|owed| routes.tells(owed, event.kind));
        let untold = untold.into_iter().map(|owed| owed.destination);
        (owed, untold.collect())
    }

    /// What was owed has become a row.
    pub fn made(&mut self, destination: &Arc<str>, row: i64, withdrawable: bool) {
        let member = self.members.entry(Arc::clone(destination)).or_default();
        member.fresh = false;
        if withdrawable {
            member.withdrawable.insert(row);
        } else {
            member.firm = true;
        }
    }

    /// A row of an earlier run.
    pub fn restore(&mut self, row: &DeliveryRow) {
        if row.state != DeliveryState::Superseded {
            let unheard = row.attempts == 0 && row.state == DeliveryState::Pending;
            let destination = Arc::from(row.destination.as_str());
            self.made(&destination, row.id, row.withdrawable && unheard);
        }
    }

    /// It heard of the alert once, as the alert itself remembers, although the rows may be gone.
    pub fn remembered(&mut self, destination: &Arc<str>) {
        let known = self.members.contains_key(destination);
        let member = self.members.entry(Arc::clone(destination)).or_default();
        member.firm |= !known;
    }

    /// Whether this event makes something superfluous that may still be withdrawn: acknowledging and ending do.
    pub fn may_withdraw(&self, event: &Event) -> bool {
        let mut members = self.members.values();
        withdraws(event.kind) && members.any(|member| !member.withdrawable.is_empty())
    }

    /// These rows were withdrawn, so nobody heard them: who heard nothing else is no audience, and is returned, because it
    /// must not hear either what is decided but not yet written.
    pub fn withdrawn(&mut self, rows: &[(i64, Arc<str>)]) -> Vec<Arc<str>> {
        for (row, destination) in rows {
            if let Some(member) = self.members.get_mut(destination) {
                member.withdrawable.remove(row);
            }
        }
        for member in self.members.values_mut() {
            // What could not be withdrawn is under way or arrived.
            member.firm |= !member.withdrawable.is_empty();
            member.withdrawable.clear();
            member.fresh = false;
        }
        let gone = self.members.iter().filter(|(_, member)| !member.firm);
        let gone: Vec<Arc<str>> = gone.map(|(destination, _)| destination.clone()).collect();
        self.members.retain(|_, member| member.firm);
        gone
    }

    /// Whether the alert is over, as far as was heard here.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Names of the destinations.
    pub fn names(&self) -> BTreeSet<Arc<str>> {
        self.members.keys().cloned().collect()
    }
}

fn withdraws(kind: EventKind) -> bool {
    kind == EventKind::Acknowledged || kind.is_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_heard_only_what_was_withdrawn_is_no_audience() {
        let (ops, sms, boss): (Arc<str>, Arc<str>, Arc<str>) =
            ("ops".into(), "sms".into(), "boss".into());
        let mut audience = Audience::default();
        audience.made(&ops, 1, false);
        audience.made(&sms, 2, true);
        audience.made(&sms, 3, true);
        audience.made(&boss, 4, true);
        // The boss's is under way and cannot be taken back.
        let gone = audience.withdrawn(&[(2, sms.clone()), (3, sms.clone())]);
        assert_eq!(gone, [sms]);
        assert_eq!(audience.names(), BTreeSet::from([ops, boss]));
    }
}
