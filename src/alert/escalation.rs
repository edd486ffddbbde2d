//! Policies that run: which one an alert has, when its next step is due, and what a due step says.
//!
//! A policy runs until somebody acknowledges or the alert ends; it stands still while the alert is over and may reopen, and
//! does not run while the alert is shelved.

use std::sync::Arc;

use super::{
    engine::Engine,
    event::{Escalation, EventKind},
    ladder::Delay,
    plant::{Policy, Severity, WatchIx},
    telling::Extra,
    timers::Timer,
    watch::Run,
    when::Traits,
};
use crate::clock::{Mono, Now};

impl Engine {
    /// A step of a policy is due.
    pub(super) fn escalate(&mut self, watch: WatchIx, at: Now) {
        let plant = Arc::clone(&self.plant);
        let real_now = self.now.mono;
        let Some(episode) = self.watches[watch].open_mut() else {
            return;
        };
        let Some(run) = &mut episode.escalation else {
            return;
        };
        let Some(policy) = plant.policies.iter().find(|policy| policy.id == run.policy) else {
            return;
        };
        let index = run.step.min(policy.steps.len().saturating_sub(1));
        let Some(step) = policy.steps.get(index) else {
            return;
        };
        let interval = policy.repeat.unwrap_or_default();
        let escalation = Escalation {
            policy: policy.id.clone(),
            policy_name: policy.name.clone(),
            step: index as u32 + 1,
            repeat: run.repeats,
            waited: step.after + interval.saturating_mul(run.repeats),
            to: step.to.clone(),
            new_incident: step.new_incident,
        };
        let next = match policy.steps.get(index + 1) {
            Some(following) => {
                run.step = index + 1;
                Some(at.mono + following.after.saturating_sub(step.after))
            }
            None => policy.repeat.map(|repeat| {
                run.repeats = run.repeats.saturating_add(1);
                // Repeats that were missed, asleep or switched off, are not made up for.
                let next = at.mono + repeat;
                if next <= real_now {
                    real_now + repeat
                } else {
                    next
                }
            }),
        };
        match next {
            Some(due) => run.due = Delay::Running(due),
            None => episode.escalation = None,
        }
        self.arm_escalation(watch);
        self.emit(
            watch,
            EventKind::Escalated,
            at,
            Extra {
                escalation: Some(escalation),
                ..Extra::default()
            },
        );
        if let Some(episode) = self.watches[watch].open_mut() {
            episode.unknown_downtimes = 0;
            episode.guessed = false;
        }
    }

    /// Starts the policy of an open alert at its first step; none while it is shelved.
    pub(super) fn start_policy(&mut self, watch: WatchIx, from: Mono) {
        let shelved = self.is_shelved(watch);
        let Some(severity) = self.watches[watch].open().map(|episode| episode.severity) else {
            return;
        };
        let run = self
            .policy_for(watch, severity)
            .filter(|_| !shelved)
            .and_then(|policy| {
                let due = Delay::Running(from + policy.steps.first()?.after);
                Some(Run {
                    policy: policy.id.clone(),
                    step: 0,
                    repeats: 0,
                    due,
                })
            });
        if let Some(episode) = self.watches[watch].open_mut() {
            episode.escalation = run;
        }
        self.arm_escalation(watch);
    }

    /// The policy for a watch at this severity: the first that matches.
    pub(super) fn policy_for(&self, watch: WatchIx, severity: Severity) -> Option<&Policy> {
        let face = self.face(watch);
        let alert = Traits {
            severity,
            rule: self.rule_of(watch),
            machine: &face.machine,
            class: face.class.as_deref(),
            labels: &face.labels,
        };
        let mut policies = self.plant.policies.iter();
        policies.find(|policy| policy.when.matches(&alert))
    }

    /// Brings the timer of a watch's escalation in line with its state.
    pub(super) fn arm_escalation(&mut self, watch: WatchIx) {
        let run = self.watches[watch]
            .open()
            .and_then(|episode| episode.escalation.as_ref());
        let due = match run.map(|run| run.due) {
            Some(Delay::Running(due)) => Some(due),
            _ => None,
        };
        self.set_timer(Timer::Escalation(watch), due);
        self.dirty.insert(watch);
    }
}
