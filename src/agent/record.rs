//! From what was decided to what is on disk and owed: one commit for a group of steps.
//!
//! Who is owed an event is decided by [`crate::delivery::route`], its text is rendered here, once, and everything goes into
//! one transaction of the store. Only after it does anybody outside hear of it.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{audience::Audiences, core::Core};
use crate::{
    alert::{
        event::Event,
        plant::Severity,
        state::{self, Durable, SavedCore, SavedEpisode, SavedMachine, SavedWatch},
    },
    clock::{BootId, Now, Wall},
    delivery::{
        dispatch::{Job, Owed},
        owed::likeness,
        route::Routes,
        schedule::{Kind, LaneKey, Row},
    },
    destination::notice::{Notice, Site},
    store::{
        Store, StoreError,
        history::AlertFilter,
        restore::Restored,
        rows::{AlertRow, Commit, MachineRow, Mark, NewDelivery, NewEvent, WatchRow},
    },
};

/// What turns decisions into commits.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) store: Store,
    pub(super) boot: BootId,
    pub(super) routes: Routes,
    /// Who is told in place of whom.
    pub(super) fallbacks: HashMap<Arc<str>, Vec<Arc<str>>>,
    pub(super) site: Site,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) audiences: Audiences,
    /// The task that delivers was asked to withdraw something in the commit that is being made.
    pub(super) withdrew: bool,
}

impl Recorder {
    /// Writes a group of events and every change of the core's state, and hands what is owed to the delivery task. Says
    /// whether it is on disk, or only in memory.
    pub(super) async fn commit(
        &mut self,
        core: &mut Core,
        events: &[Event],
        now: Now,
    ) -> Result<bool, StoreError> {
        let changes = core.take_changes(&self.boot);
        let mut commit = Commit {
            mark: Mark::new(&self.boot, now),
            ..Commit::default()
        };
        for (index, event) in events.iter().enumerate() {
            let (new, gone) = self.new_event(event, &events[index + 1..]).await?;
            // Who need not be called any more must not hear either what was decided a moment ago.
            for earlier in &mut commit.events {
                if earlier.alert.id == new.alert.id {
                    let stays =
                        |owed: &NewDelivery| !gone.iter().any(|name| **name == *owed.destination);
                    earlier.deliveries.retain(stays);
                }
            }
            commit.events.push(new);
        }
        commit.core = changes.core.map(|core| to_json(&core));
        commit.watches = changes
            .watches
            .into_iter()
            .map(|(key, open, saved)| WatchRow {
                key: key.to_string(),
                rule: saved.rule.clone(),
                machine: saved.subject.clone(),
                open,
                blob: to_json(&saved),
            })
            .collect();
        commit.removed_watches = changes.removed.iter().map(ToString::to_string).collect();
        let machines = changes.machines.iter();
        commit.machines = machines.map(|machine| row_of(machine, now)).collect();
        commit.forgotten_machines = changes.forgotten.iter().map(ToString::to_string).collect();
        let withdrawable: Vec<bool> = commit
            .events
            .iter()
            .flat_map(|event| &event.deliveries)
            .map(|owed| owed.withdrawable)
            .collect();
        let committed = self.store.commit(commit).await?;
        let made = committed.deliveries.into_iter().zip(withdrawable);
        self.hand_over(events, made.collect(), now).await?;
        self.audiences.forget_some();
        Ok(committed.durable)
    }

    /// An event with what is owed because of it, and who was in its audience only for what it withdraws.
    async fn new_event(
        &mut self,
        event: &Event,
        later: &[Event],
    ) -> Result<(NewEvent, Vec<Arc<str>>), StoreError> {
        let lane = LaneKey(event.alert.dedup_key.bytes());
        let audience = self.audiences.of(event, &self.store).await?;
        let (mut withdraws, mut gone) = (Vec::new(), Vec::new());
        if audience.may_withdraw(event) {
            let (reply, answer) = oneshot::channel();
            // The task that delivers is gone only when the agent stops; nothing is under way then.
            let _ = self.jobs.send(Job::Withdraw { lane, reply }).await;
            self.withdrew = true;
            let taken = answer.await.unwrap_or_default();
            gone = audience.withdrawn(&taken);
            withdraws = taken.into_iter().map(|(id, _)| id).collect();
        }
        let (owed, untold) = audience.owe(event, later, &self.routes);
        let notice = Notice::of(event, &self.site, true);
        let alert = &event.alert;
        let severity = alert.severity as u8;
        let new = NewEvent {
            id: event.id.to_string(),
            alert: AlertRow {
                id: alert.id.to_string(),
                number: alert.number,
                dedup_key: notice.dedup_key.clone(),
                rule: alert.rule.to_string(),
                machine: alert.machine.to_string(),
                severity,
                state: alert.state.word().to_owned(),
                created: alert.created,
                ended: alert.ended,
                audience: audience.names().iter().map(ToString::to_string).collect(),
            },
            kind: event.kind.word().to_owned(),
            at: event.at,
            body: to_json(&notice),
            withdraws,
            untold: untold.iter().map(ToString::to_string).collect(),
            deliveries: owed
                .into_iter()
                .map(|owed| NewDelivery {
                    destination: owed.destination.to_string(),
                    severity,
                    as_trigger: owed.as_trigger,
                    withdrawable: owed.withdrawable,
                    not_before: None,
                })
                .collect(),
        };
        Ok((new, gone))
    }

    async fn hand_over(
        &mut self,
        events: &[Event],
        made: Vec<(crate::store::rows::Owed, bool)>,
        now: Now,
    ) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(made.len());
        for (made, withdrawable) in made {
            let event = &events[made.event];
            let destination: Arc<str> = made.destination.as_str().into();
            let audience = self.audiences.of(event, &self.store).await?;
            audience.made(&destination, made.id, withdrawable);
            rows.push(Owed {
                row: Row {
                    id: made.id,
                    destination,
                    lane: LaneKey(event.alert.dedup_key.bytes()),
                    severity: event.alert.severity,
                    decided: now.mono,
                    kind: Kind::of(event.kind, made.as_trigger),
                    not_before: None,
                    attempts: 0,
                    alert: event.alert.id.0,
                    likeness: Some(likeness(event, made.as_trigger)),
                    may_fall_back: true,
                    from_before: false,
                },
                withdrawable,
                ready: made.ready,
            });
        }
        // After a withdrawal nothing starts before this, so it is sent even if nothing is owed.
        let withdrew = std::mem::take(&mut self.withdrew);
        if !rows.is_empty() || withdrew {
            let _ = self.jobs.send(Job::Owed(rows)).await;
            // They go out before brokers and people are answered.
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// What the core saved, from what the store kept. A watch whose state cannot be read keeps its alert and loses its delays.
pub(super) async fn durable(restored: &Restored, store: &Store) -> Result<Durable, StoreError> {
    let mut core: Option<SavedCore> = match restored.core.as_deref().map(serde_json::from_str) {
        None => None,
        Some(Ok(core)) => Some(core),
        Some(Err(error)) => {
            tracing::error!("the state of shelves and ids cannot be read and starts anew: {error}");
            // Numbers go on all the same: people have them on their phones, and the store takes none twice.
            let newest = store.alerts(AlertFilter::default(), 1).await?;
            let next_number = newest.first().map_or(1, |alert| alert.number + 1);
            Some(SavedCore {
                next_number,
                ..SavedCore::default()
            })
        }
    };
    if restored.numbers_from > 0 {
        // People know alerts of an earlier database by their numbers.
        let core = core.get_or_insert_default();
        core.next_number = core.next_number.max(restored.numbers_from);
    }
    let mark = restored.mark.clone().unwrap_or_default();
    let mark = state::Mark {
        boot: mark.boot,
        mono: mark.mono.as_nanos(),
        wall: mark.wall.as_millis(),
        synchronised: mark.synchronised,
    };
    let mut watches = Vec::with_capacity(restored.watches.len());
    for row in &restored.watches {
        match serde_json::from_str(&row.blob) {
            Ok(saved) => watches.push(saved),
            Err(error) => {
                tracing::error!(
                    rule = row.rule,
                    machine = row.machine,
                    "the state of a watch cannot be read: {error}"
                );
                let filter = AlertFilter {
                    open: Some(true),
                    dedup_key: Some(row.key.clone()),
                    ..AlertFilter::default()
                };
                let open = store.alerts(filter, 1).await?;
                watches.extend(open.first().map(|alert| from_alert(row, alert, &mark)));
            }
        }
    }
    let mut machines = Vec::with_capacity(restored.machines.len());
    for row in &restored.machines {
        match serde_json::from_str::<SavedMachine>(&row.body) {
            Ok(saved) => machines.push(saved),
            Err(error) => tracing::error!(
                machine = row.id,
                "what is remembered of a machine cannot be read: {error}"
            ),
        }
    }
    Ok(Durable {
        core,
        watches,
        machines,
        mark,
    })
}

/// What is remembered of a machine, as its row.
fn row_of(machine: &SavedMachine, now: Now) -> MachineRow {
    let found = machine.found.as_ref();
    MachineRow {
        id: machine.id.clone(),
        source: found.map_or_else(String::new, |found| found.source.clone()),
        body: to_json(machine),
        first_seen: found.map_or(now.wall, |found| Wall::from_millis(found.since)),
    }
}

/// What an alert's row alone tells of its watch: it is open, and the next good sample judges it.
fn from_alert(row: &WatchRow, alert: &AlertRow, mark: &state::Mark) -> SavedWatch {
    let severity = Severity::ALL
        .get(usize::from(alert.severity))
        .copied()
        .unwrap_or(Severity::Critical);
    let episode = SavedEpisode {
        id: alert.id.clone(),
        number: alert.number,
        created: alert.created.as_millis(),
        opened: mark.mono,
        called: alert.created.as_millis(),
        severity: severity.word().to_owned(),
        occurrences: 1,
        ..SavedEpisode::default()
    };
    SavedWatch {
        rule: row.rule.clone(),
        subject: row.machine.clone(),
        episode: Some(episode),
        mark: mark.clone(),
        ..SavedWatch::default()
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain structs with text keys always have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock, Synchronised},
        store::{Options, rows::Mark},
    };

    fn alert(number: u64, key: &str) -> AlertRow {
        AlertRow {
            id: format!("01KNC1BP60Z5WFM062EF07CY{number:02}"),
            number,
            dedup_key: key.to_owned(),
            rule: "overtemp".to_owned(),
            machine: "mill-1".to_owned(),
            severity: 3,
            state: "active".to_owned(),
            ..AlertRow::default()
        }
    }

    #[tokio::test]
    async fn state_that_cannot_be_read_costs_delays_but_no_alert_and_no_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Clock::system(Synchronised::Assume).now();
        let store = Store::open(Options::new(folder.path(), now))
            .expect("a store")
            .store;
        let key = "ab".repeat(32);
        let event = NewEvent {
            id: "event-1".to_owned(),
            alert: alert(41, &key),
            kind: "triggered".to_owned(),
            ..NewEvent::default()
        };
        let watch = WatchRow {
            key: key.clone(),
            rule: "overtemp".to_owned(),
            machine: "mill-1".to_owned(),
            open: true,
            blob: "{ not JSON".to_owned(),
        };
        let commit = Commit {
            events: vec![event],
            watches: vec![watch.clone()],
            mark: Mark::new(&BootId("b".to_owned()), now),
            ..Commit::default()
        };
        store.commit(commit).await.expect("a commit");
        let restored = Restored {
            core: Some("nor is this".to_owned()),
            watches: vec![watch],
            ..Restored::default()
        };
        let durable = durable(&restored, &store).await.expect("a state");
        assert_eq!(durable.core.map(|core| core.next_number), Some(42));
        let episode = durable.watches[0].episode.as_ref().expect("the alert");
        assert_eq!(
            (episode.number, episode.severity.as_str()),
            (41, "critical")
        );
        assert_eq!(durable.watches[0].subject, "mill-1");
    }
}
