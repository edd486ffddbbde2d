//! Obeying commands: finding what they name, refusing what cannot be, and doing the rest.

use std::sync::Arc;
use std::time::Duration;

use super::{
    command::{Action, AlertRef, Command, Refusal, Target},
    engine::Engine,
    event::{By, EventKind},
    plant::WatchIx,
    shelving::{Shelf, target_covers, target_name},
    telling::Extra,
    timers::Timer,
    watch::LiveWatch,
};
use crate::clock::Now;

/// The shortest shelf.
const MIN_SHELVE: Duration = Duration::from_secs(60);

impl Engine {
    /// Does what a command says, or refuses it and changes nothing.
    pub(super) fn obey(&mut self, now: Now, command: Command) -> Result<(), Refusal> {
        let by = command.by;
        match command.action {
            Action::Acknowledge { alert, note } => {
                let watch = self.find_open(&alert)?;
                let open = self.watches[watch].open();
                if let Some((number, ack)) =
                    open.and_then(|open| Some((open.number, open.ack.as_ref()?)))
                {
                    return Err(Refusal::AlreadyAcknowledged {
                        number,
                        by: ack.by.name.clone(),
                    });
                }
                self.acknowledge(watch, by, note, now);
                Ok(())
            }
            Action::Close { alert, why } => {
                let why = required(&why)?;
                let watch = self.find_open(&alert)?;
                self.end(
                    watch,
                    EventKind::Closed,
                    now,
                    Extra {
                        by: Some(by),
                        why: Some(why),
                        ..Extra::default()
                    },
                );
                Ok(())
            }
            Action::Shelve {
                target,
                duration,
                reason,
            } => {
                let reason = required(&reason)?;
                let max = self.plant.times.max_shelve;
                if duration < MIN_SHELVE || duration > max {
                    return Err(Refusal::BadDuration {
                        asked: duration,
                        max,
                    });
                }
                let target = self.resolve(target)?;
                self.shelve(
                    target,
                    Shelf {
                        until: now.mono + duration,
                        by,
                        reason,
                    },
                    now,
                );
                Ok(())
            }
            Action::Unshelve { target } => {
                let target = self.resolve(target)?;
                let Some(shelf) = self.shelves.all.remove(&target) else {
                    return Err(Refusal::NotShelved(target_name(&target)));
                };
                self.unshelved(&[(target, shelf)], Some(&by), now);
                Ok(())
            }
            Action::Forget { machine } => self.forget(&machine, &by, now),
        }
    }

    /// Shelves that are over by themselves.
    pub(super) fn shelves_end(&mut self, at: Now) {
        let ended = self.shelves.take_ended(at.mono);
        self.unshelved(&ended, None, at);
    }

    fn shelve(&mut self, target: Target, shelf: Shelf, now: Now) {
        let (by, why) = (shelf.by.clone(), shelf.reason.clone());
        let lasts = shelf.until.since(now.mono);
        let before = self.open_and_shelved();
        self.shelves.all.insert(target.clone(), shelf);
        self.shelves.unknown_downtimes = 0;
        self.shelves_changed();
        for (watch, was_shelved) in before {
            if was_shelved || !self.covered_by(watch, &target) {
                continue;
            }
            if let Some(open) = self.watches[watch].open_mut() {
                open.escalation = None;
            }
            self.arm_escalation(watch);
            let extra = Extra {
                by: Some(by.clone()),
                why: Some(why.clone()),
                until: Some(now.wall + lasts),
                ..Extra::default()
            };
            self.emit(watch, EventKind::Shelved, now, extra);
        }
    }

    fn unshelved(&mut self, ended: &[(Target, Shelf)], by: Option<&By>, now: Now) {
        self.shelves_changed();
        for (watch, still_shelved) in self.open_and_shelved() {
            let Some((_, shelf)) = ended
                .iter()
                .find(|(target, _)| self.covered_by(watch, target))
            else {
                continue;
            };
            if still_shelved {
                continue;
            }
            let unacknowledged = self.watches[watch]
                .open()
                .is_some_and(|open| open.ack.is_none());
            if unacknowledged {
                self.start_policy(watch, now.mono);
            }
            let extra = Extra {
                by: by.cloned(),
                why: Some(shelf.reason.clone()),
                ..Extra::default()
            };
            self.emit(watch, EventKind::Unshelved, now, extra);
        }
    }

    pub(super) fn shelves_changed(&mut self) {
        self.core_dirty = true;
        let next = self.shelves.next_end();
        self.set_timer(Timer::Shelves, next);
    }

    fn open_and_shelved(&self) -> Vec<(WatchIx, bool)> {
        let open = self
            .watches
            .iter()
            .filter(|(_, live)| live.open().is_some());
        open.map(|(watch, _)| (watch, self.is_shelved(watch)))
            .collect()
    }

    fn covered_by(&self, watch: WatchIx, target: &Target) -> bool {
        target_covers(target, self.machine_of(watch), self.rule_of(watch))
    }

    /// The watch of an open alert.
    fn find_open(&self, alert: &AlertRef) -> Result<WatchIx, Refusal> {
        let name = match alert {
            AlertRef::Number(number) => format!("A-{number}"),
            AlertRef::Key { dedup_key, .. } => dedup_key.to_string(),
            AlertRef::Watch { machine, rule } => format!("{machine}/{rule}"),
        };
        let fits = |(watch, live): &(WatchIx, &LiveWatch)| match alert {
            AlertRef::Number(number) => live
                .episode
                .as_ref()
                .is_some_and(|episode| episode.number == *number),
            // The key of a watch is worked out, so not where it never had an alert.
            AlertRef::Key { dedup_key, .. } => {
                live.episode.is_some() && self.key_of(*watch) == *dedup_key
            }
            AlertRef::Watch { machine, rule } => {
                self.rule_of(*watch) == rule && self.machine_of(*watch) == machine
            }
        };
        let fitting: Vec<(WatchIx, &LiveWatch)> = self.watches.iter().filter(fits).collect();
        let open = fitting.iter().find(|(_, live)| live.open().is_some());
        let Some(&(watch, live)) = open else {
            let over = fitting.iter().any(|(_, live)| live.episode.is_some());
            return Err(if over {
                Refusal::Over(name)
            } else {
                Refusal::UnknownAlert(name)
            });
        };
        if let (AlertRef::Key { seen, .. }, Some(open)) = (alert, live.open())
            && open.called > *seen
        {
            return Err(Refusal::Newer(open.number));
        }
        Ok(watch)
    }

    /// What a target names: an alert stands for its watch, the others must exist.
    fn resolve(&self, target: Target) -> Result<Target, Refusal> {
        let watches = || self.watches.iter().map(|(watch, _)| watch);
        match target {
            Target::Alert(number) => {
                let of = |watch: &WatchIx| {
                    self.watches[*watch]
                        .episode
                        .as_ref()
                        .is_some_and(|episode| episode.number == number)
                };
                let watch = watches()
                    .find(of)
                    .ok_or_else(|| Refusal::UnknownAlert(format!("A-{number}")))?;
                let rule = self.rule_of(watch).clone();
                Ok(Target::Watch {
                    machine: self.machine_of(watch).clone(),
                    rule,
                })
            }
            Target::Machine(id) => {
                let known = self.machines.find(&id).is_some()
                    || watches().any(|watch| *self.machine_of(watch) == id);
                if known {
                    Ok(Target::Machine(id))
                } else {
                    Err(Refusal::UnknownTarget(id.to_string()))
                }
            }
            Target::Watch { machine, rule } => {
                let known = |watch: WatchIx| {
                    *self.rule_of(watch) == rule && *self.machine_of(watch) == machine
                };
                if watches().any(known) || self.shelves.covers(&machine, &rule) {
                    return Ok(Target::Watch { machine, rule });
                }
                Err(Refusal::UnknownTarget(format!("{machine}/{rule}")))
            }
            Target::Site => Ok(Target::Site),
        }
    }
}

fn required(text: &Arc<str>) -> Result<Arc<str>, Refusal> {
    if text.trim().is_empty() {
        Err(Refusal::NoReason)
    } else {
        Ok(text.clone())
    }
}
