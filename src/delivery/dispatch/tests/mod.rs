//! The task that delivers, with a real store and a real receiver over HTTP.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use axum::{Router, http::StatusCode, routing::post};
use tempfile::TempDir;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    alert::{event::DedupKey, plant::Severity, signal::Signal},
    clock::{Now, Synchronised, Wall, boot_id},
    delivery::schedule::LaneKey,
    destination::{notice::Notice, testbed::read},
    store::{
        Options,
        rows::{AlertRow, Commit, Delivery, Mark, NewDelivery, NewEvent},
    },
};

mod by_hand;
mod digest;
mod patience;
mod recording;

/// A receiver that answers as it is told to, then 204, and keeps the ids that it heard.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    heard: Arc<Mutex<Vec<String>>>,
    /// What each of them said: `alert.triggered`.
    said: Arc<Mutex<Vec<String>>>,
    /// While somebody holds it, no answer leaves.
    gate: Arc<tokio::sync::Mutex<()>>,
    arrived: Arc<Notify>,
}

impl Receiver {
    async fn start(answers: &[u16]) -> (Self, SocketAddr) {
        let receiver = Self::default();
        let codes = answers
            .iter()
            .map(|code| StatusCode::from_u16(*code).unwrap());
        lock(&receiver.answers).extend(codes);
        let ours = receiver.clone();
        let take = move |body: String| async move {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            lock(&ours.heard).push(body["id"].as_str().unwrap().to_owned());
            lock(&ours.said).push(body["event"].as_str().unwrap().to_owned());
            ours.arrived.notify_one();
            let _open = ours.gate.lock().await;
            lock(&ours.answers)
                .pop_front()
                .unwrap_or(StatusCode::NO_CONTENT)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/hook", post(take))).await
        });
        (receiver, address)
    }

    fn heard(&self) -> Vec<String> {
        lock(&self.heard).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn destination(address: SocketAddr, more: &str) -> Destination {
    named("ops", address, more)
}

fn named(name: &str, address: SocketAddr, more: &str) -> Destination {
    let read = read(&format!(
        "type = \"webhook\"\nurl = \"http://{address}/hook?token=canary\"\nallow_http = true\n\
         allow_addresses = [\"127.0.0.1/32:{}\"]\n{more}",
        address.port()
    ));
    let mut read = read.unwrap();
    read.name = name.into();
    read
}

fn receivers(destinations: Vec<Destination>) -> Receivers {
    Receivers {
        site: "plant-7".into(),
        destinations,
        groups: Vec::new(),
    }
}

/// How often a condition is looked at before the test gives up.
const TRIES: usize = 4000;

/// The task and everything around it.
struct Bench {
    store: Store,
    jobs: mpsc::Sender<Job>,
    signals: mpsc::Receiver<Signal>,
    fallbacks: mpsc::Receiver<i64>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), StoreError>>,
    clock: Clock,
    _dir: TempDir,
}

impl Bench {
    fn start(destinations: Vec<Destination>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        Self::over(dir, store, destinations)
    }

    fn over(dir: TempDir, store: Store, destinations: Vec<Destination>) -> Self {
        let clock = Clock::system(Synchronised::Assume);
        let (jobs, jobs_in) = mpsc::channel(16);
        let (signals_out, signals) = mpsc::channel(16);
        let (fallbacks_out, fallbacks) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(Parts {
            store: store.clone(),
            clock: clock.clone(),
            seen: crate::link::certificate::Seen::default(),
            boot: boot_id(),
            receivers: receivers(destinations),
            jobs: jobs_in,
            signals: signals_out,
            fallbacks: fallbacks_out,
            stop: stop.clone(),
            grace: Duration::from_secs(5),
        }));
        Self {
            store,
            jobs,
            signals,
            fallbacks,
            stop,
            task,
            clock,
            _dir: dir,
        }
    }

    /// Commits an event that is owed to `ops`, and hands it over; answers with the delivery.
    async fn owe(&self, number: u64, kind: &str) -> i64 {
        self.owe_to("ops", number, kind, Severity::Error).await
    }

    async fn owe_to(&self, to: &str, number: u64, kind: &str, severity: Severity) -> i64 {
        let now = self.clock.now();
        let id = commit_to(to, &self.store, number, kind, now).await.id;
        self.hand_over_to(to, number, kind, severity, id, None)
            .await;
        id
    }

    /// Says that a delivery of alert `number` is on disk.
    async fn hand_over(&self, number: u64, kind: &str, id: i64, ready: Option<Box<Delivery>>) {
        self.hand_over_to("ops", number, kind, Severity::Error, id, ready)
            .await;
    }

    async fn hand_over_to(
        &self,
        to: &str,
        number: u64,
        kind: &str,
        severity: Severity,
        id: i64,
        ready: Option<Box<Delivery>>,
    ) {
        let now = self.clock.now();
        let withdrawable = kind == "escalated";
        let event = crate::alert::event::EventKind::from_word(kind).unwrap();
        let row = crate::delivery::schedule::Row {
            id,
            destination: to.into(),
            lane: lane(number),
            severity,
            decided: now.mono,
            kind: Kind::of(event, false),
            not_before: None,
            attempts: 0,
            alert: 1,
            likeness: None,
            may_fall_back: true,
            from_before: false,
        };
        let owed = vec![Owed {
            row,
            withdrawable,
            ready,
        }];
        self.jobs.send(Job::Owed(owed)).await.unwrap();
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> T {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.unwrap();
        answer.await.unwrap()
    }

    /// The delivery as soon as it is in this state.
    async fn becomes(&self, id: i64, state: DeliveryState) -> Delivery {
        for _ in 0..TRIES {
            let delivery = self.store.delivery(id).await.unwrap().unwrap();
            if delivery.row.state == state {
                return delivery;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("delivery {id} does not become {}", state.word());
    }

    /// The standing of `ops` as soon as it fulfils this.
    async fn stands(&self, is: impl Fn(&Standing) -> bool) -> Standing {
        for _ in 0..TRIES {
            let standings = self.ask(Job::Look).await;
            if let Some(standing) = standings.into_iter().find(&is) {
                return standing;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no destination stands so");
    }

    /// The next signal.
    async fn signal(&mut self) -> Signal {
        let next = tokio::time::timeout(Duration::from_secs(20), self.signals.recv());
        next.await.unwrap().unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn open(dir: &TempDir) -> Store {
    let now = Clock::system(Synchronised::Assume).now();
    let options = Options {
        ballast: 0,
        wal_reserve: 0,
        ..Options::new(dir.path(), now)
    };
    Store::open(options).unwrap().store
}

fn key(number: u64) -> DedupKey {
    DedupKey::new("plant-7", "overtemp", &format!("mill-{number}"))
}

fn lane(number: u64) -> LaneKey {
    LaneKey(key(number).bytes())
}

/// Writes an event of alert `number`, owed to `ops`.
async fn commit(store: &Store, number: u64, kind: &str, now: Now) -> crate::store::rows::Owed {
    commit_to("ops", store, number, kind, now).await
}

async fn commit_to(
    to: &str,
    store: &Store,
    number: u64,
    kind: &str,
    now: Now,
) -> crate::store::rows::Owed {
    let commit = Commit {
        events: vec![event_to(to, number, kind, now.wall)],
        mark: Mark::new(&boot_id(), now),
        ..Commit::default()
    };
    store.commit(commit).await.unwrap().deliveries.remove(0)
}

fn event(number: u64, kind: &str, at: Wall) -> NewEvent {
    event_to("ops", number, kind, at)
}

fn event_to(to: &str, number: u64, kind: &str, at: Wall) -> NewEvent {
    let id = ulid::Ulid::from_parts(1, fastrand::u128(..)).to_string();
    let notice = Notice {
        id: id.clone(),
        kind: kind.to_owned(),
        ..Notice::default()
    };
    NewEvent {
        id,
        alert: AlertRow {
            id: ulid::Ulid::from_parts(2, number.into()).to_string(),
            number,
            dedup_key: key(number).to_string(),
            severity: 2,
            state: "active".to_owned(),
            created: at,
            ..AlertRow::default()
        },
        kind: kind.to_owned(),
        at,
        body: serde_json::to_string(&notice).unwrap(),
        untold: Vec::new(),
        withdraws: Vec::new(),
        deliveries: vec![NewDelivery {
            destination: to.to_owned(),
            severity: 2,
            withdrawable: kind == "escalated",
            ..NewDelivery::default()
        }],
    }
}

#[tokio::test]
async fn a_new_alert_goes_out_as_its_commit_handed_it_over_if_it_starts_at_once() {
    let (receiver, address) = Receiver::start(&[]).await;
    let held = receiver.gate.clone().lock_owned().await;
    let bench = Bench::start(vec![destination(address, "")]);
    // An answer means that the task has loaded what was there before, so that it hears of these only by being told.
    bench.ask(Job::Look).await;
    let mut ids = Vec::new();
    for (name, scheduled_as) in [("at once", "triggered"), ("behind it", "updated")] {
        let made = commit(&bench.store, 1, "triggered", bench.clock.now()).await;
        let ready = made.ready.unwrap();
        assert_eq!(ready.row.id, made.id);
        assert!(ready.durable);
        // What the store says is another name, so that it shows which of them went out.
        let ready = Delivery {
            event: name.to_owned(),
            ..*ready
        };
        bench
            .hand_over(1, scheduled_as, made.id, Some(Box::new(ready)))
            .await;
        if ids.is_empty() {
            receiver.arrived.notified().await;
        }
        ids.push(made.id);
    }
    std::mem::drop(held);
    let second = bench.becomes(ids[1], DeliveryState::Accepted).await;
    bench.becomes(ids[0], DeliveryState::Accepted).await;
    assert_eq!(receiver.heard(), ["at once".to_owned(), second.event]);
    bench.end().await;
}

#[tokio::test]
async fn what_follows_goes_out_as_it_was_handed_over_only_if_nothing_was_written_since() {
    let (receiver, address) = Receiver::start(&[]).await;
    let bench = Bench::start(vec![destination(address, "")]);
    bench.ask(Job::Look).await;
    let mut expected = Vec::new();
    for written_since in [false, true] {
        let made = commit(&bench.store, 1, "updated", bench.clock.now()).await;
        let ready = made.ready.unwrap();
        expected.push(match written_since {
            true => ready.event.clone(),
            false => "as handed over".to_owned(),
        });
        let ready = Delivery {
            event: "as handed over".to_owned(),
            ..*ready
        };
        if written_since {
            let now = bench.clock.now();
            bench.store.mark(Mark::new(&boot_id(), now)).await.unwrap();
        }
        bench
            .hand_over(1, "updated", made.id, Some(Box::new(ready)))
            .await;
        bench.becomes(made.id, DeliveryState::Accepted).await;
        bench.stands(|of| of.status.queued == 0).await;
    }
    assert_eq!(receiver.heard(), expected);
    bench.end().await;
}

#[tokio::test]
async fn what_is_accepted_is_settled_in_the_store() {
    let (receiver, address) = Receiver::start(&[]).await;
    let bench = Bench::start(vec![destination(address, "")]);
    let id = bench.owe(1, "triggered").await;
    let delivery = bench.becomes(id, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard(), [delivery.event]);
    assert_eq!(delivery.row.attempts, 1);
    assert_eq!(delivery.row.result.as_deref(), Some("HTTP 204"));
    bench.end().await;
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_under_the_same_id_before_what_follows_it() {
    let (receiver, address) = Receiver::start(&[500]).await;
    let bench = Bench::start(vec![destination(address, "")]);
    let first = bench.owe(1, "triggered").await;
    let second = bench.owe(1, "resolved").await;
    let second = bench.becomes(second, DeliveryState::Accepted).await;
    let first = bench.becomes(first, DeliveryState::Accepted).await;
    assert_eq!(
        receiver.heard(),
        [first.event.clone(), first.event, second.event]
    );
    assert_eq!(first.row.attempts, 2);
    assert_eq!(first.log[0].result, "failed: HTTP 500");
    bench.end().await;
}

#[tokio::test]
async fn what_waits_from_an_earlier_run_is_delivered() {
    let (receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let now = Clock::system(Synchronised::Assume).now();
    let id = commit(&store, 1, "triggered", now).await.id;
    let bench = Bench::over(dir, store, vec![destination(address, "")]);
    bench.becomes(id, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard().len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn a_drop_is_on_record_with_its_reason_when_it_is_answered() {
    let (receiver, address) = Receiver::start(&[500]).await;
    let held = receiver.gate.clone().lock_owned().await;
    let bench = Bench::start(vec![destination(address, "")]);
    let under_way = bench.owe(1, "triggered").await;
    let waiting = bench.owe(1, "resolved").await;
    receiver.arrived.notified().await;
    let drop = |id, why: &str| {
        let why = why.to_owned();
        move |reply| Job::Drop(id, why, reply)
    };
    assert!(bench.ask(drop(waiting, "old news")).await);
    let dropped = bench.store.delivery(waiting).await.unwrap().unwrap();
    assert_eq!(dropped.row.state, DeliveryState::Dropped);
    assert_eq!(dropped.row.result.as_deref(), Some("old news"));

    assert!(bench.ask(drop(under_way, "known already")).await);
    std::mem::drop(held);
    let dropped = bench.becomes(under_way, DeliveryState::Dropped).await;
    assert_eq!(dropped.row.result.as_deref(), Some("known already"));
    assert_eq!(dropped.log[0].result, "failed: HTTP 500");
    assert!(!bench.ask(drop(under_way, "again")).await);
    bench.end().await;
}

#[tokio::test]
async fn a_delivery_that_was_given_up_is_owed_again_for_a_person() {
    let (receiver, address) = Receiver::start(&[410]).await;
    let bench = Bench::start(vec![destination(address, "give_up_on = [410]")]);
    let id = bench.owe(1, "triggered").await;
    bench.becomes(id, DeliveryState::Refused).await;
    assert!(bench.ask(|reply| Job::Retry(id, reply)).await);
    let delivery = bench.becomes(id, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard(), [delivery.event.clone(), delivery.event]);
    assert!(!bench.ask(|reply| Job::Retry(id, reply)).await);
    bench.end().await;
}

#[tokio::test]
async fn an_expired_delivery_that_a_person_wants_sent_is_sent() {
    let (receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let now = Clock::system(Synchronised::Assume).now();
    let long_ago = Duration::from_secs(8 * 24 * 3600);
    let old = Now {
        mono: now.mono - long_ago,
        wall: now.wall - long_ago,
        ..now
    };
    let id = commit(&store, 1, "triggered", old).await.id;
    let bench = Bench::over(dir, store, vec![destination(address, "")]);
    bench.becomes(id, DeliveryState::Expired).await;
    assert!(bench.ask(|reply| Job::Retry(id, reply)).await);
    bench.becomes(id, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard().len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn a_withdrawal_leaves_what_is_under_way() {
    let (receiver, address) = Receiver::start(&[]).await;
    let held = receiver.gate.clone().lock_owned().await;
    let bench = Bench::start(vec![destination(address, "")]);
    let under_way = bench.owe(1, "escalated").await;
    receiver.arrived.notified().await;
    let waiting = bench.owe(1, "escalated").await;
    let withdraw = |reply| Job::Withdraw {
        lane: lane(1),
        reply,
    };
    assert_eq!(bench.ask(withdraw).await, [(waiting, "ops".into())]);
    std::mem::drop(held);
    bench.becomes(under_way, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard().len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn a_destination_that_a_reload_removes_keeps_its_rows_until_it_returns() {
    let (receiver, address) = Receiver::start(&[]).await;
    let bench = Bench::start(vec![destination(address, "")]);
    bench
        .jobs
        .send(Job::Reload(receivers(Vec::new())))
        .await
        .unwrap();
    assert!(bench.ask(Job::Look).await.is_empty());
    let id = bench.owe(1, "triggered").await;
    let standing = bench.stands(|of| of.status.queued == 1).await;
    assert!(standing.status.orphaned);
    assert_eq!(standing.status.in_flight, 0);
    let back = Job::Reload(receivers(vec![destination(address, "")]));
    bench.jobs.send(back).await.unwrap();
    bench.becomes(id, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard().len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_uses_no_attempt_and_names_no_secret() {
    let (receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ops.key");
    let sign = format!(
        "sign = {{ scheme = \"standard-webhooks\", secret = {{ file = \"{}\" }} }}",
        file.display()
    );
    let bench = Bench::start(vec![destination(address, &sign)]);
    let id = bench.owe(1, "triggered").await;
    let standing = bench.stands(|of| of.trouble.is_some()).await;
    assert_eq!(
        standing.status.breaker.unwrap().trouble,
        crate::delivery::schedule::Trouble::Unreachable
    );
    let why = standing.trouble.unwrap();
    assert!(why.contains("ops.key") && !why.contains("canary"), "{why}");
    let delivery = bench.store.delivery(id).await.unwrap().unwrap();
    assert_eq!(delivery.row.attempts, 0);
    assert!(receiver.heard().is_empty());

    std::fs::write(&file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, private).unwrap();
    assert!(bench.ask(|reply| Job::Retry(id, reply)).await);
    bench.becomes(id, DeliveryState::Accepted).await;
    bench.end().await;
}

#[tokio::test]
async fn what_the_store_gave_up_meanwhile_is_not_sent_and_is_nobodys_refusal() {
    let (receiver, address) = Receiver::start(&[]).await;
    let held = receiver.gate.clone().lock_owned().await;
    let mut bench = Bench::start(vec![destination(address, "")]);
    let first = bench.owe(1, "triggered").await;
    receiver.arrived.notified().await;
    let second = bench.owe(1, "updated").await;
    let third = bench.owe(1, "resolved").await;
    let now = bench.clock.now().wall;
    let why = "the store is full";
    assert!(bench.store.drop_delivery(second, now, why).await.unwrap());
    std::mem::drop(held);
    let first = bench.becomes(first, DeliveryState::Accepted).await;
    let third = bench.becomes(third, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard(), [first.event, third.event]);
    let second = bench.store.delivery(second).await.unwrap().unwrap();
    assert_eq!(second.row.state, DeliveryState::Dropped);
    assert_eq!(second.row.result.as_deref(), Some(why));
    bench.stands(|of| of.status.queued == 0).await;
    while let Ok(signal) = bench.signals.try_recv() {
        assert_eq!(signal.severity, None, "{signal:?}");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_refusal_is_said_at_once_and_ends_with_the_next_acceptance_after_a_restart_too() {
    let (_receiver, address) = Receiver::start(&[403]).await;
    let mut bench = Bench::start(vec![destination(address, "")]);
    let id = bench.owe(1, "triggered").await;
    let signal = bench.signal().await;
    assert!(signal.severity.is_some());
    assert!(!signal.face.message.contains("canary"));
    // The agent restarts; the alert is open in the core, and nobody but the next acceptance can end it.
    bench.stop.cancel();
    bench.task.await.unwrap().unwrap();
    let mut bench = Bench::over(bench._dir, bench.store, vec![destination(address, "")]);
    assert!(bench.ask(|reply| Job::Retry(id, reply)).await);
    let signal = bench.signal().await;
    assert_eq!((&*signal.subject, signal.severity), ("ops", None));
    bench.end().await;
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way_and_records_it() {
    let (receiver, address) = Receiver::start(&[]).await;
    let held = receiver.gate.clone().lock_owned().await;
    let bench = Bench::start(vec![destination(address, "")]);
    let id = bench.owe(1, "triggered").await;
    receiver.arrived.notified().await;
    bench.stop.cancel();
    std::mem::drop(held);
    bench.task.await.unwrap().unwrap();
    let delivery = bench.store.delivery(id).await.unwrap().unwrap();
    assert_eq!(delivery.row.state, DeliveryState::Accepted);
}
