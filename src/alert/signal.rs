//! Alerts whose condition somebody else sets: the agent about itself (a refused configuration, a full disk, a destination that
//! refuses), the core about what is blind, and later other systems.

use std::sync::Arc;

use super::{
    engine::Engine,
    plant::{Severity, WatchIx},
    watch::{Face, LiveWatch},
};
use crate::clock::Now;

/// A condition as its sender sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The rule that it counts as: `andon.disk`.
    pub rule: Arc<str>,
    /// What it is about; with the rule it names the watch.
    pub subject: Arc<str>,
    /// How bad it is; `None` where the condition is gone.
    pub severity: Option<Severity>,
    /// What it says of itself.
    pub face: Face,
    /// Tell again, although nothing has changed.
    pub remind: bool,
}

impl Signal {
    /// The machine of alerts about the agent itself.
    pub const AGENT: &'static str = "andon";

    /// The label of such an alert that says what it is about: the name of a destination or source, ..
    pub const SUBJECT: &'static str = "subject";

    /// A condition of the agent itself that holds.
    pub fn raised(
        rule: &str,
        subject: &str,
        severity: Severity,
        message: String,
        action: &str,
    ) -> Self {
        let face = Face {
            machine: Self::AGENT.into(),
            machine_name: "andon".into(),
            labels: [(Self::SUBJECT.into(), subject.into())].into(),
            message: message.into(),
            action: action.into(),
            ..Face::default()
        };
        Self {
            rule: rule.into(),
            subject: subject.into(),
            severity: Some(severity),
            face,
            remind: false,
        }
    }

    /// A condition of the agent itself that is gone.
    pub fn gone(rule: &str, subject: &str) -> Self {
        Self {
            rule: rule.into(),
            subject: subject.into(),
            severity: None,
            face: Face::default(),
            remind: false,
        }
    }
}

impl Engine {
    pub(super) fn signal(&mut self, now: Now, signal: Signal) {
        let Some(severity) = signal.severity else {
            if let Some(&watch) = self.signals.get(&(signal.rule, signal.subject)) {
                self.watches[watch].ladder.set(false);
                self.nothing_is_active(watch, now);
            }
            return;
        };
        let watch = self.signal_watch(&signal.rule, &signal.subject);
        let live = &mut self.watches[watch];
        live.show(Some(signal.face));
        let began = live.ladder.set(true).before.is_none();
        let open = live.open().map(|episode| episode.severity);
        match open {
            Some(before) if before != severity || signal.remind => {
                self.change_severity(watch, None, severity, now)
            }
            Some(_) => {}
            None if began => self.raise(watch, None, severity, now),
            // A person has closed it; it may come again only after it was gone.
            None => {}
        }
    }

    /// What signals of a rule are raised about, so that their sender can end those that it knows nothing of.
    pub fn raised_subjects(&self, rule: &str) -> Vec<Arc<str>> {
        let of_rule = self.signals.iter().filter(|((of, _), _)| &**of == rule);
        let raised = of_rule.filter(|&(_, &watch)| {
            let live = &self.watches[watch];
            live.ladder.worst().is_some() || live.open().is_some()
        });
        raised.map(|((_, subject), _)| subject.clone()).collect()
    }

    /// The watch of a signal, made at its first use.
    pub(super) fn signal_watch(&mut self, rule: &Arc<str>, subject: &Arc<str>) -> WatchIx {
        let key = (Arc::clone(rule), Arc::clone(subject));
        if let Some(&watch) = self.signals.get(&key) {
            return watch;
        }
        let live = LiveWatch::of_signal(key.0.clone(), key.1.clone());
        let watch = self.watches.push_signal(live);
        self.signals.insert(key, watch);
        watch
    }
}
