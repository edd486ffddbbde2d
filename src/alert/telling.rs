//! What is told: an alert as it is seen from outside, and the events that are written down about it.

use std::{sync::Arc, time::Duration};

use super::{
    engine::Engine,
    event::{Alert, By, DedupKey, Escalation, Event, EventKind, Measured, State},
    plant::{MachineIx, Severity, WatchIx},
    watch::Face,
};
use crate::clock::{Now, Wall};

/// What an event says beside the state of its alert.
#[derive(Default)]
pub(super) struct Extra {
    pub(super) previous_severity: Option<Severity>,
    pub(super) by: Option<By>,
    pub(super) why: Option<Arc<str>>,
    pub(super) escalation: Option<Escalation>,
    pub(super) until: Option<Wall>,
}

impl Engine {
    /// What a watch is about, whether its description comes from the plant or from a signal.
    pub(super) fn face(&self, watch: WatchIx) -> Face {
        let live = &self.watches[watch];
        if let Some(face) = live.face() {
            return Face::clone(face);
        }
        let Some(definition) = self.plant.watches.get(watch.0 as usize) else {
            let subject = self.subject_of(watch);
            return Face {
                machine: subject.clone(),
                machine_name: subject.clone(),
                ..Face::default()
            };
        };
        let machine = &self.plant.machines[definition.machine.0 as usize];
        Face {
            machine: machine.id.clone(),
            machine_name: machine.name.clone(),
            class: machine.class.clone(),
            labels: machine.all_labels(),
            message: definition.rule.message.clone(),
            action: definition.rule.action.clone(),
        }
    }

    /// The machine that a watch is about.
    pub(super) fn machine_of(&self, watch: WatchIx) -> &Arc<str> {
        match self.watches[watch].face() {
            Some(face) => &face.machine,
            None => self.subject_of(watch),
        }
    }

    /// The id of the rule of a watch.
    pub(super) fn rule_of(&self, watch: WatchIx) -> &Arc<str> {
        match &self.watches[watch].signal {
            Some(signal) => &signal.rule,
            None => &self.plant.watches[watch.0 as usize].rule.id,
        }
    }

    /// What a watch is about: the id of a machine, or of what a signal is about. With its rule that names it.
    pub(super) fn subject_of(&self, watch: WatchIx) -> &Arc<str> {
        match &self.watches[watch].signal {
            Some(signal) => &signal.subject,
            None => {
                let MachineIx(machine) = self.plant.watches[watch.0 as usize].machine;
                &self.plant.machines[machine as usize].id
            }
        }
    }

    /// The name of a watch to the outside. It is worked out where it is needed: kept, it would be most of a watch.
    pub(super) fn key_of(&self, watch: WatchIx) -> DedupKey {
        DedupKey::new(
            &self.plant.site,
            self.rule_of(watch),
            self.subject_of(watch),
        )
    }

    /// Whether a watch is silenced.
    pub(super) fn is_shelved(&self, watch: WatchIx) -> bool {
        if self.shelves.all.is_empty() {
            return false;
        }
        self.shelves
            .covers(self.machine_of(watch), self.rule_of(watch))
    }

    /// The alert of a watch as it is seen from outside at this instant.
    pub(super) fn view(&self, watch: WatchIx, now: Now) -> Option<Alert> {
        let live = &self.watches[watch];
        let episode = live.episode.as_ref()?;
        let face = self.face(watch);
        let definition = self
            .plant
            .watches
            .get(watch.0 as usize)
            .filter(|_| live.face().is_none());
        let measured = definition.map(|definition| {
            let tag = &self.plant.tags[definition.tag.0 as usize].kind;
            Measured {
                tag: tag.name.clone(),
                unit: tag.unit.clone(),
                decimals: tag.decimals,
                labels: tag.labels.clone(),
                value: self.tags[definition.tag.0 as usize].value,
                limit: episode.limit,
                peak: episode.peak,
                peak_is_low: episode.peak_is_low,
            }
        });
        let lasted: Duration = episode.ended.map_or_else(
            || now.mono.since(episode.opened),
            |ended| ended.mono.since(episode.opened),
        );
        Some(Alert {
            id: episode.id,
            number: episode.number,
            dedup_key: self.key_of(watch),
            rule: self.rule_of(watch).clone(),
            machine: face.machine,
            machine_name: face.machine_name,
            class: face.class,
            labels: face.labels,
            severity: episode.severity,
            state: match (&episode.ended, &episode.ack) {
                (Some(_), _) => State::Resolved,
                (None, Some(_)) => State::Acknowledged,
                (None, None) => State::Active,
            },
            shelved: self.is_shelved(watch),
            level: episode.level.clone(),
            measured,
            occurrences: episode.occurrences,
            created: episode.created,
            ended: episode.ended.map(|ended| ended.wall),
            lasted,
            message: face.message,
            action: face.action,
            runbook: definition.and_then(|definition| definition.rule.runbook.clone()),
        })
    }

    /// Writes an event down.
    pub(super) fn emit(&mut self, watch: WatchIx, kind: EventKind, now: Now, extra: Extra) {
        let Some(alert) = self.view(watch, now) else {
            return;
        };
        let guessed = self.watches[watch]
            .episode
            .as_ref()
            .is_some_and(|episode| episode.guessed);
        let event = Event {
            id: self.ids.id(now.wall),
            kind,
            at: now.wall,
            synchronised: now.synchronised,
            alert,
            previous_severity: extra.previous_severity,
            by: extra.by,
            why: extra.why,
            escalation: extra.escalation,
            until: extra.until,
            after_unknown_downtime: guessed,
        };
        self.events.push(event);
        self.dirty.insert(watch);
        self.core_dirty = true;
    }
}
