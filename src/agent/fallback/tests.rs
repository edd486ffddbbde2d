//! Who hears of an alert after a row came back to the loop, with a real store and a task that delivers nothing.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use ulid::Ulid;

use super::*;
use crate::{
    agent::{audience::Audiences, core::Core},
    alert::{
        engine::Engine,
        event::{Alert, DedupKey, Escalation, Event, State},
        plant::Plant,
        state::Durable,
    },
    clock::{Clock, Synchronised, boot_id},
    delivery::route::Routes,
    destination::notice::Site,
    store::{Options, Store, history::DeliveryFilter, rows::Settlement},
    verify::balance::Balance,
};

/// A recorder that routes to `ops` alone. In place of the task that delivers is somebody who takes back whatever may be taken back
/// and owes again what a person wants; nothing is sent.
struct Desk {
    recorder: Recorder,
    engine: Core,
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
            engine: Core::new(engine),
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
        let committed = self.recorder.commit(engine, &events, now).await;
        committed.expect("a commit");
    }

    async fn retry(&mut self, row: i64, reply: oneshot::Sender<bool>) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.recorder.retry(row, now, reply).await
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

    /// What a proof of the record complains of.
    async fn problems(&self) -> Vec<String> {
        let store = &self.recorder.store;
        let account = store.account().await.expect("an account");
        let page = store.record(i64::MIN).await.expect("a page");
        assert!(page.end, "it is short");
        let mut balance = Balance::new(account.clone(), None, None);
        page.entries.iter().for_each(|entry| balance.take(entry));
        let report = balance.finish(&account);
        report.problems.into_iter().map(|one| one.text).collect()
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
        desk.retry(row, reply).await.expect("a retry");
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
                "acknowledged pending",
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

/// The loop hears of a row later than it was asked for.
#[tokio::test]
async fn what_was_accepted_meanwhile_is_told_to_nobody_else() {
    for (state, told) in [
        (DeliveryState::Refused, 1),
        (DeliveryState::Accepted, 0),
        (DeliveryState::Dropped, 0),
    ] {
        let mut desk = Desk::new();
        let names = vec!["boss".into()];
        desk.recorder.fallbacks.insert("ops".into(), names);
        desk.decide(EventKind::Triggered).await;
        let store = desk.recorder.store.clone();
        let row = store.pending(0, 200).await.expect("rows")[0].id;
        let now = desk.clock.now();
        let end = Settlement::new(row, state, now.wall, "");
        assert!(store.settle(end).await.expect("an end"));
        desk.recorder.fall_back(row, now).await.expect("a record");
        assert_eq!(desk.boss().await.len(), told, "{state:?}");
    }
}

#[tokio::test]
async fn who_is_called_again_after_the_end_hears_the_end_and_the_record_is_fine() {
    for over in [false, true] {
        let mut desk = Desk::new();
        desk.decide(EventKind::Triggered).await;
        desk.decide(EventKind::Escalated).await;
        desk.decide(EventKind::Acknowledged).await;
        if over {
            desk.decide(EventKind::Resolved).await;
        }
        let row = desk.boss().await[0].id;
        for _ in 0..2 {
            // A second time changes nothing.
            let (reply, answer) = oneshot::channel();
            desk.retry(row, reply).await.expect("a retry");
            assert!(answer.await.is_ok());
        }
        let mut expected = vec!["+escalated pending", "escalated superseded"];
        expected.extend(match over {
            true => ["acknowledged superseded", "resolved pending"].as_slice(),
            false => ["acknowledged pending"].as_slice(),
        });
        assert_eq!(desk.told().await, expected);
        if !over {
            desk.decide(EventKind::Resolved).await;
        }
        assert_eq!(desk.problems().await, [""; 0]);
    }
}
