//! Rows that come back to the loop from the task that delivers: what was not accepted in time and is told to others, and what a
//! person wants to be tried again. Both change who hears of an alert, and that is known here.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::record::Recorder;
use crate::{
    alert::plant::Severity,
    clock::Now,
    delivery::{
        dispatch::{Job, Owed},
        route,
    },
    store::{
        StoreError,
        rows::{AlertRow, FallBack},
    },
};

impl Recorder {
    /// Owes the state of a delivery's alert to the fallback destinations, unless somebody has taken it or it is over.
    pub(super) async fn fall_back(&mut self, row: i64, now: Now) -> Result<(), StoreError> {
        let Some(delivery) = self.store.delivery(row).await? else {
            return Ok(());
        };
        let Some(alert) = delivery.alert.filter(|alert| alert.state == "active") else {
            return Ok(());
        };
        let names = self.fallbacks.get(&*delivery.row.destination);
        let to: Vec<Arc<str>> = names
            .into_iter()
            .flatten()
            .filter(|name| self.would_tell(name, &alert))
            .cloned()
            .collect();
        let Some(id) = alert.id.parse().ok().filter(|_| !to.is_empty()) else {
            return Ok(());
        };
        let audience = self
            .audiences
            .of_alert(id, alert.number, &self.store)
            .await?;
        let mut names = audience.names();
        names.extend(to.iter().cloned());
        let text = |name: &Arc<str>| name.to_string();
        let what = FallBack {
            row,
            to: to.iter().map(text).collect(),
            audience: names.iter().map(text).collect(),
        };
        let made = self.store.fall_back(what).await?;
        let mut rows = Vec::new();
        for made in &made {
            let destination: Arc<str> = made.destination.as_str().into();
            audience.made(&destination, made.id, false);
            tracing::warn!(
                alert = alert.number,
                destination = &*destination,
                "is told in place of {}, which did not accept",
                delivery.row.destination
            );
            if let Some(mut owed) = Owed::read(made, &self.boot, now) {
                // It is owed since now, however old its event is.
                owed.row.decided = now.mono;
                rows.push(owed);
            }
        }
        if !rows.is_empty() {
            let _ = self.jobs.send(Job::Owed(rows)).await;
        }
        Ok(())
    }

    fn would_tell(&self, name: &Arc<str>, alert: &AlertRow) -> bool {
        let owed = route::Owed {
            destination: Arc::clone(name),
            as_trigger: true,
            withdrawable: false,
        };
        let severity = Severity::ALL.get(usize::from(alert.severity)).copied();
        let severity = severity.unwrap_or(Severity::Critical);
        self.routes.calls(name, severity)
            && self
                .routes
                .tells(&owed, crate::alert::event::EventKind::Triggered)
    }

    /// Tries a delivery now. One that was withdrawn is owed again, so its destination hears of the alert to its end.
    pub(super) async fn retry(
        &mut self,
        row: i64,
        reply: oneshot::Sender<bool>,
    ) -> Result<(), StoreError> {
        let (sender, answer) = oneshot::channel();
        let _ = self.jobs.send(Job::Retry(row, sender)).await;
        let known = answer.await.unwrap_or(false);
        if known
            && let Some(delivery) = self.store.delivery(row).await?
            && let Some(alert) = delivery.alert
            && let Ok(id) = alert.id.parse()
        {
            let audience = self
                .audiences
                .of_alert(id, alert.number, &self.store)
                .await?;
            audience.made(&delivery.row.destination.as_str().into(), row, false);
        }
        let _ = reply.send(known);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::tz::TimeZone;
    use tokio::sync::mpsc;
    use ulid::Ulid;

    use super::*;
    use crate::{
        agent::audience::Audiences,
        alert::{
            engine::Engine,
            event::{Alert, DedupKey, Escalation, Event, EventKind, State},
            plant::Plant,
            state::Durable,
        },
        clock::{Clock, Synchronised, boot_id},
        delivery::route::Routes,
        destination::notice::Site,
        store::{Options, Store, history::DeliveryFilter, rows::DeliveryRow},
    };

    /// A recorder that routes to `ops` alone. In place of the task that delivers is somebody who takes back whatever may be taken back
    /// and owes again what a person wants; nothing is sent.
    struct Desk {
        recorder: Recorder,
        engine: Engine,
        clock: Clock,
        _folder: tempfile::TempDir,
    }

    impl Desk {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let clock = Clock::system(Synchronised::Assume);
            let now = clock.now();
            let options = Options {
                ballast: 0,
                wal_reserve: 0,
                ..Options::new(folder.path(), now)
            };
            let store = Store::open(options).expect("a store").store;
            let (jobs, mut asked) = mpsc::channel(16);
            let ours = store.clone();
            tokio::spawn(async move {
                while let Some(job) = asked.recv().await {
                    match job {
                        Job::Withdraw { reply, .. } => {
                            let pending = ours.pending(0, 200).await.expect("rows");
                            let taken = pending.iter().filter(|row| row.withdrawable);
                            let taken = taken.map(|row| (row.id, row.destination.as_str().into()));
                            let _ = reply.send(taken.collect());
                        }
                        Job::Retry(row, reply) => {
                            let _ = reply.send(ours.retry(row).await.expect("a row"));
                        }
                        _ => {}
                    }
                }
            });
            let routes = Routes {
                default: Some(vec!["ops".into()]),
                all: vec!["ops".into(), "boss".into()],
                ..Routes::default()
            };
            let recorder = Recorder {
                store,
                boot: boot_id(),
                routes,
                fallbacks: HashMap::new(),
                site: Site {
                    id: "plant-7".to_owned(),
                    name: "Plant 7".to_owned(),
                    agent: Ulid::nil().to_string(),
                    timezone: TimeZone::UTC,
                    page_url: None,
                },
                jobs,
                audiences: Audiences::default(),
                withdrew: false,
            };
            let plant = Arc::new(Plant::default());
            let durable = Durable::default();
            let (engine, _) = Engine::restore(plant, &durable, now, &recorder.boot, [7; 16]);
            Self {
                recorder,
                engine,
                clock,
                _folder: folder,
            }
        }

        /// Decides an event of alert 1, as the loop does.
        async fn decide(&mut self, kind: EventKind) {
            let now = self.clock.now();
            let state = match kind {
                EventKind::Acknowledged => State::Acknowledged,
                kind if kind.is_end() => State::Resolved,
                _ => State::Active,
            };
            let event = Event {
                id: Ulid::from_parts(1, fastrand::u128(..)),
                kind,
                at: now.wall,
                synchronised: true,
                alert: Alert {
                    id: Ulid::from_parts(1, 1),
                    number: 1,
                    dedup_key: DedupKey::new("plant-7", "overtemp", "mill-1"),
                    rule: "overtemp".into(),
                    machine: "mill-1".into(),
                    machine_name: "Mill 1".into(),
                    class: None,
                    labels: Default::default(),
                    severity: Severity::Critical,
                    state,
                    shelved: false,
                    level: None,
                    measured: None,
                    occurrences: 1,
                    created: now.wall,
                    ended: kind.is_end().then_some(now.wall),
                    lasted: Default::default(),
                    message: "".into(),
                    action: "".into(),
                    runbook: None,
                },
                previous_severity: None,
                by: None,
                why: None,
                escalation: (kind == EventKind::Escalated).then(|| Escalation {
                    policy: "p".into(),
                    policy_name: "P".into(),
                    step: 1,
                    repeat: 0,
                    waited: Default::default(),
                    to: vec!["boss".into()],
                    new_incident: false,
                }),
                until: None,
                after_unknown_downtime: false,
            };
            let (engine, events) = (&mut self.engine, vec![event]);
            let committed = self.recorder.commit(engine, events, now).await;
            committed.expect("a commit");
        }

        /// What `boss` was owed so far, oldest first.
        async fn boss(&self) -> Vec<DeliveryRow> {
            let filter = DeliveryFilter {
                destination: Some("boss".to_owned()),
                ..DeliveryFilter::default()
            };
            let mut rows = self.recorder.store.deliveries(filter, 50).await;
            rows.as_mut().expect("rows").reverse();
            rows.expect("rows")
        }

        /// `resolved pending`, with `+` where it is told as a trigger.
        async fn told(&self) -> Vec<String> {
            let rows = self.boss().await;
            let word = |row: &DeliveryRow| {
                let plus = if row.as_trigger { "+" } else { "" };
                format!("{plus}{} {}", row.kind, row.state.word())
            };
            rows.iter().map(word).collect()
        }
    }

    #[tokio::test]
    async fn who_is_owed_again_what_was_withdrawn_hears_the_end() {
        for restarted in [false, true] {
            let mut desk = Desk::new();
            desk.decide(EventKind::Triggered).await;
            desk.decide(EventKind::Escalated).await;
            desk.decide(EventKind::Acknowledged).await;
            // It was called for nothing and heard nothing, so it is nobody's audience.
            assert_eq!(
                desk.told().await,
                ["+escalated superseded", "escalated superseded"]
            );
            let row = desk.boss().await[0].id;
            let (reply, answer) = oneshot::channel();
            desk.recorder.retry(row, reply).await.expect("a retry");
            assert!(answer.await.expect("an answer"), "it is known");
            if restarted {
                // What a new run knows is what the store knows.
                desk.recorder.audiences = Audiences::default();
            }
            desk.decide(EventKind::Resolved).await;
            assert_eq!(
                desk.told().await,
                [
                    "+escalated pending",
                    "escalated superseded",
                    "resolved pending"
                ],
                "restarted: {restarted}"
            );
        }
    }

    #[tokio::test]
    async fn who_is_owed_nothing_again_stays_out() {
        let mut desk = Desk::new();
        desk.decide(EventKind::Triggered).await;
        desk.decide(EventKind::Escalated).await;
        desk.decide(EventKind::Acknowledged).await;
        desk.decide(EventKind::Resolved).await;
        assert_eq!(
            desk.told().await,
            ["+escalated superseded", "escalated superseded"]
        );
    }
}
