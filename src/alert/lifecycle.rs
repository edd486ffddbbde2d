//! What an alert goes through: it triggers, changes, is acknowledged, resolves, reopens, is closed.
//!
//! Each method is one transition of one episode and ends in at most one event. Active, acknowledged and shelved are independent
//! axes (OPC UA Part 9): acknowledging never clears, shelving never stops evaluation, clearing never waits for either
//! unless the rule is latched.

use std::sync::Arc;

use super::{
    engine::Engine,
    event::{By, EventKind},
    ladder::Delay,
    plant::{Rule, Severity, WatchIx},
    telling::Extra,
    watch::{Ack, Ended, Episode},
};
use crate::{clock::Now, sample::Value};

impl Engine {
    /// The worst active level is another one now.
    pub(super) fn level_is(
        &mut self,
        watch: WatchIx,
        level: usize,
        before: Option<usize>,
        now: Now,
    ) {
        let rule = &self.plant.watches[watch.0 as usize].rule;
        let (name, severity) = (rule.levels[level].name.clone(), rule.levels[level].severity);
        let rises = before.is_none_or(|before| level > before);
        let open = self.watches[watch]
            .open()
            .map(|episode| episode.level.clone());
        match open {
            // A closed alert whose condition only eases stays closed.
            None if rises => self.raise(watch, Some(name), severity, now),
            None => {}
            Some(last) if last.as_ref() != Some(&name) => {
                self.change_severity(watch, Some(name), severity, now)
            }
            // A latched alert whose condition came back, or one whose limits were changed under it.
            Some(_) => self.condition_returned(watch),
        }
    }

    /// The worst active level is the same as before.
    pub(super) fn level_stays(&mut self, watch: WatchIx, level: usize, now: Now) {
        let rule = &self.plant.watches[watch.0 as usize].rule;
        let name = &rule.levels[level].name;
        let renamed = self.watches[watch]
            .open()
            .is_some_and(|open| open.level.as_ref() != Some(name));
        if renamed {
            self.level_is(watch, level, Some(level), now);
        }
    }

    /// Opens an alert, or opens the last one again if that ended only a moment ago.
    pub(super) fn raise(
        &mut self,
        watch: WatchIx,
        level: Option<Arc<str>>,
        severity: Severity,
        now: Now,
    ) {
        let reopen_within = self.plant.times.reopen_within;
        let recent = self.watches[watch]
            .episode
            .as_ref()
            .and_then(|episode| episode.ended);
        if recent.is_some_and(|ended| now.mono.since(ended.mono) <= reopen_within) {
            return self.reopen(watch, level, severity, now);
        }
        let (peak, peak_is_low, limit) = self.first_measure(watch, level.as_deref());
        let episode = Episode {
            id: self.ids.id(now.wall),
            number: self.ids.number(),
            created: now.wall,
            opened: now.mono,
            called: now.wall,
            severity,
            level,
            occurrences: 1,
            peak,
            peak_is_low,
            limit,
            ack: None,
            ended: None,
            escalation: None,
            unknown_downtimes: 0,
            guessed: false,
        };
        self.watches[watch].episode = Some(Box::new(episode));
        self.start_policy(watch, now.mono);
        self.emit(watch, EventKind::Triggered, now, Extra::default());
    }

    fn reopen(&mut self, watch: WatchIx, level: Option<Arc<str>>, severity: Severity, now: Now) {
        let (peak, peak_is_low, limit) = self.first_measure(watch, level.as_deref());
        let Some(episode) = &mut self.watches[watch].episode else {
            return;
        };
        let previous = std::mem::replace(&mut episode.severity, severity);
        episode.level = level;
        episode.ended = None;
        episode.called = now.wall;
        episode.occurrences = episode.occurrences.saturating_add(1);
        (episode.peak, episode.peak_is_low, episode.limit) = (peak, peak_is_low, limit);
        let was_acknowledged = episode.ack.take().is_some();
        match &mut episode.escalation {
            Some(run) if !was_acknowledged => {
                if let Delay::Stopped(left) = run.due {
                    run.due = Delay::Running(now.mono + left);
                }
                self.arm_escalation(watch);
            }
            _ => self.start_policy(watch, now.mono),
        }
        let previous_severity = (previous != severity).then_some(previous);
        self.emit(
            watch,
            EventKind::Reopened,
            now,
            Extra {
                previous_severity,
                ..Extra::default()
            },
        );
    }

    /// Another level, another severity, or only a reminder.
    pub(super) fn change_severity(
        &mut self,
        watch: WatchIx,
        level: Option<Arc<str>>,
        severity: Severity,
        now: Now,
    ) {
        let Some(episode) = self.watches[watch].open_mut() else {
            return;
        };
        let previous = std::mem::replace(&mut episode.severity, severity);
        episode.level = level;
        let voids = episode
            .ack
            .as_ref()
            .is_some_and(|ack| severity > ack.severity);
        if voids {
            episode.ack = None;
            episode.called = now.wall;
        }
        let acknowledged = episode.ack.is_some();
        let running = episode.escalation.as_ref().map(|run| run.policy.clone());
        let wanted = self
            .policy_for(watch, severity)
            .map(|policy| policy.id.clone());
        // A milder level keeps the escalation that runs: nobody has come yet. A worse one may call for another policy.
        if voids || (!acknowledged && severity > previous && wanted.is_some() && running != wanted)
        {
            self.start_policy(watch, now.mono);
        }
        self.refresh_limit(watch);
        let previous_severity = (previous != severity).then_some(previous);
        self.emit(
            watch,
            EventKind::Updated,
            now,
            Extra {
                previous_severity,
                ..Extra::default()
            },
        );
    }

    fn condition_returned(&mut self, watch: WatchIx) {
        if let Some(open) = self.watches[watch].open_mut() {
            open.occurrences = open.occurrences.saturating_add(1);
            self.dirty.insert(watch);
        }
    }

    /// No level is active any more: the alert resolves, unless it is latched and nobody has acknowledged it.
    pub(super) fn nothing_is_active(&mut self, watch: WatchIx, now: Now) {
        let Some(open) = self.watches[watch].open() else {
            return;
        };
        let latched = self
            .plant
            .watches
            .get(watch.0 as usize)
            .is_some_and(|definition| definition.rule.latched);
        if latched && open.ack.is_none() {
            return;
        }
        self.end(watch, EventKind::Resolved, now, Extra::default());
    }

    /// Ends an alert.
    pub(super) fn end(&mut self, watch: WatchIx, kind: EventKind, now: Now, extra: Extra) {
        let Some(episode) = self.watches[watch].open_mut() else {
            return;
        };
        episode.ended = Some(Ended {
            mono: now.mono,
            wall: now.wall,
        });
        if let Some(run) = &mut episode.escalation
            && let Delay::Running(due) = run.due
        {
            run.due = Delay::Stopped(due.since(now.mono));
        }
        self.arm_escalation(watch);
        self.emit(watch, kind, now, extra);
    }

    /// A person has taken it.
    pub(super) fn acknowledge(&mut self, watch: WatchIx, by: By, note: Option<Arc<str>>, now: Now) {
        let Some(episode) = self.watches[watch].open_mut() else {
            return;
        };
        episode.ack = Some(Ack {
            by: by.clone(),
            severity: episode.severity,
        });
        episode.escalation = None;
        episode.unknown_downtimes = 0;
        episode.guessed = false;
        self.arm_escalation(watch);
        self.emit(
            watch,
            EventKind::Acknowledged,
            now,
            Extra {
                by: Some(by),
                why: note,
                ..Extra::default()
            },
        );
        let live = &self.watches[watch];
        // A latched alert whose condition is long gone was only waiting for this.
        if live.face().is_none() && live.ladder.worst().is_none() && !live.frozen {
            self.nothing_is_active(watch, now);
        }
    }

    /// Keeps the worst value and the limit of an open alert.
    pub(super) fn measure(&mut self, watch: WatchIx, rule: &Rule, value: f64) {
        let Some(open) = self.watches[watch].open_mut() else {
            return;
        };
        let level = rule
            .levels
            .iter()
            .find(|level| open.level.as_ref() == Some(&level.name));
        let Some(condition) = level.or(rule.levels.first()).map(|level| level.condition) else {
            return;
        };
        let is_worse = |peak: f64| condition.beyond(value) > condition.beyond(peak);
        if condition.has_worst() && open.peak.is_none_or(is_worse) {
            open.peak = Some(value);
            open.peak_is_low = condition.is_low(value);
            open.limit = Some(condition.limit(value));
        }
    }

    /// The worst value so far and its limit, where an alert begins.
    fn first_measure(
        &self,
        watch: WatchIx,
        level: Option<&str>,
    ) -> (Option<f64>, bool, Option<f64>) {
        let Some(definition) = self.plant.watches.get(watch.0 as usize) else {
            return (None, false, None);
        };
        let value = self.tags[definition.tag.0 as usize]
            .value
            .map(Value::as_number);
        let condition = definition
            .rule
            .levels
            .iter()
            .find(|of| level == Some(&of.name))
            .map(|level| level.condition);
        match (value, condition) {
            (Some(value), Some(condition)) => (
                condition.has_worst().then_some(value),
                condition.is_low(value),
                Some(condition.limit(value)),
            ),
            _ => (None, false, None),
        }
    }

    fn refresh_limit(&mut self, watch: WatchIx) {
        let level = self.watches[watch]
            .open()
            .and_then(|episode| episode.level.clone());
        let (_, _, limit) = self.first_measure(watch, level.as_deref());
        if let (Some(open), Some(limit)) = (self.watches[watch].open_mut(), limit) {
            open.limit = Some(limit);
        }
    }
}
