//! Whether whoever heard of an alert is owed everything that follows.

use std::collections::HashMap;

use super::Problems;
use crate::verify::rows::Event;

/// Who has heard of each alert so far, or may have: by its number, places in a list of names.
#[derive(Clone, Debug, Default)]
pub(super) struct Through {
    names: Vec<String>,
    alerts: HashMap<i64, Vec<u16>>,
}

impl Through {
    /// Takes the next event. One that is not covered only says who hears of its alert: it was decided by an earlier version, which
    /// did not write down whom it left out.
    pub(super) fn take(&mut self, seq: i64, event: &Event, covered: bool, problems: &mut Problems) {
        let audience = self.alerts.entry(event.alert).or_default();
        // A call goes to those whom its step names, and to nobody else.
        if covered && event.kind != "escalated" {
            for place in audience.iter() {
                let name = &self.names[usize::from(*place)];
                let mut owed = event.deliveries.iter().map(|one| &one.destination);
                if !owed.any(|owed| owed == name) && !event.untold.contains(name) {
                    let text = format!(
                        "{name} heard of A-{} and is not owed event {seq}, which {} it",
                        event.alert, event.kind
                    );
                    problems.add("follow-through", text);
                }
            }
        }
        for delivery in &event.deliveries {
            // What was withdrawn was heard by nobody.
            if delivery.state == "superseded" {
                continue;
            }
            let name = &delivery.destination;
            let place = match self.names.iter().position(|known| known == name) {
                Some(place) => place,
                None => {
                    self.names.push(name.clone());
                    self.names.len() - 1
                }
            };
            let Ok(place) = u16::try_from(place) else {
                continue;
            };
            if !audience.contains(&place) {
                audience.push(place);
            }
        }
    }

    pub(super) fn alerts(&self) -> u64 {
        self.alerts.len() as u64
    }
}
