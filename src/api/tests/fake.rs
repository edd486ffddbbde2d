//! A scripted agent and history behind the real server.
//!
//! The alert A-1042 is open, A-7 is over; delivery 7 waits, delivery 8 was accepted; `ops` accepts tests, `broken` does not.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    alert::command::{Action, AlertRef, Command, Refusal, Target},
    api::{
        self,
        history::{
            AlertPage, AlertStory, AttemptView, DeliveryPage, DeliveryStory, DeliveryView,
            EventView, History, HistoryError, Reading,
        },
        keep::{Imported, Keep},
        order::{Agent, Order},
        view::{
            AlertView, Attempted, ConfigView, DestinationView, MachineView, Obeyed, Reloaded,
            ShelfView, StoreView, TagView, View,
        },
    },
    clock::{Clock, Mono, Now, Wall},
    verify::rows::{Account, Entry, Page},
};

/// Everything behind one socket.
pub(crate) struct Fake {
    /// Where it listens.
    pub(crate) socket: PathBuf,
    /// The commands that arrived.
    pub(crate) commands: Arc<Mutex<Vec<(Command, Now)>>>,
    /// Ends the server.
    pub(crate) stop: CancellationToken,
    /// The server.
    pub(crate) server: JoinHandle<Result<(), std::io::Error>>,
    _dir: TempDir,
}

/// What is different from the usual script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// Replaces the view.
    pub(crate) view: Option<View>,
    /// A reload finds these mistakes.
    pub(crate) mistakes: Vec<String>,
    /// Nothing can be recorded.
    pub(crate) no_recording: bool,
    /// The history cannot be read.
    pub(crate) no_history: bool,
    /// What the record says of itself.
    pub(crate) account: Account,
    /// The record.
    pub(crate) record: Vec<Entry>,
    /// The loop has ended.
    pub(crate) no_agent: bool,
    /// So many deliveries more, with lower numbers.
    pub(crate) older: i64,
}

impl Fake {
    pub(crate) fn start() -> Self {
        Self::with(Script::default())
    }

    pub(crate) fn with(script: Script) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("andon.sock");
        let listener = api::bind(&socket).unwrap();
        let (agent, orders) = Agent::new(8);
        let commands = Arc::default();
        let history = Arc::new(Scripted {
            broken: script.no_history,
            account: script.account.clone(),
            record: script.record.clone(),
            older: script.older,
        });
        tokio::spawn(answer(script, orders, Arc::clone(&commands)));
        let stop = CancellationToken::new();
        let server = api::serve(listener, agent, history, Clock::test(now()), stop.clone());
        Self {
            socket,
            commands,
            stop,
            server: tokio::spawn(server),
            _dir: dir,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.exchange("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        self.exchange("POST", path, body).await
    }

    /// One request as plain text: what a stranger might write.
    pub(crate) async fn exchange(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: andon\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server may answer and close before it has read a body that is too long.
        let _ = stream.write_all(body.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    /// The only command that arrived.
    pub(crate) fn command(&self) -> Command {
        let commands = self.commands.lock().unwrap();
        let [(command, at)] = commands.as_slice() else {
            panic!("one command was expected: {commands:?}");
        };
        assert_eq!(*at, now());
        command.clone()
    }
}

pub(crate) fn now() -> Now {
    Now {
        mono: Mono::from_nanos(1_000),
        wall: Wall::from_millis(1_775_298_605_120),
        synchronised: true,
    }
}

async fn answer(
    script: Script,
    mut orders: mpsc::Receiver<Order>,
    commands: Arc<Mutex<Vec<(Command, Now)>>>,
) {
    if script.no_agent {
        return;
    }
    let view = Arc::new(script.view.clone().unwrap_or_else(view));
    while let Some(order) = orders.recv().await {
        match order {
            Order::Look(reply) => {
                let _ = reply.send(Arc::clone(&view));
            }
            Order::Command { command, at, reply } => {
                let answer = obey(&command.action);
                commands.lock().unwrap().push((command, at));
                let _ = reply.send(answer);
            }
            Order::Reload(reply) => {
                let _ = reply.send(match script.mistakes.is_empty() {
                    true => Ok(Reloaded {
                        hash: "3f2a9c01d2e4".to_owned(),
                        warnings: vec!["andon.toml:3: a warning".to_owned()],
                    }),
                    false => Err(script.mistakes.clone()),
                });
            }
            Order::TestDestination { name, reply } => {
                let _ = reply.send(attempted(&name));
            }
            Order::Record { reply, .. } => {
                let _ = reply.send(match script.no_recording {
                    true => Err("2 recordings run already; end one of them first".to_owned()),
                    false => Ok(crate::recording::tests::short()),
                });
            }
            Order::Keep(keep) => kept(keep),
            Order::RetryDelivery { id, reply } | Order::DropDelivery { id, reply, .. } => {
                let _ = reply.send(id == 7);
            }
        }
    }
}

fn kept(keep: Keep) {
    let refused = || Err("another backup is being made; try again when it is done".to_owned());
    match keep {
        Keep::Begin(reply) => drop(reply.send(refused())),
        Keep::Piece { reply, .. } => drop(reply.send(Ok(vec![1, 2, 3]))),
        Keep::End(_, reply) => drop(reply.send(())),
        Keep::Import { path, reply } => {
            let imported = Imported {
                found: 3,
                owed: 2,
                alerts: 1,
                unreadable: vec![format!("a page of {}", path.display())],
            };
            let _ = reply.send(Ok(imported));
        }
    }
}

fn obey(action: &Action) -> Result<Obeyed, Refusal> {
    let lines = |text: String| Ok(Obeyed { lines: vec![text] });
    match action {
        Action::Acknowledge { alert, .. } => named(alert, "acknowledged"),
        Action::Close { alert, .. } => named(alert, "closed"),
        Action::Shelve { duration, .. } if duration.as_secs() > 7 * 86_400 => {
            Err(Refusal::BadDuration {
                asked: *duration,
                max: Duration::from_secs(7 * 86_400),
            })
        }
        // Nothing of it has an open alert.
        Action::Shelve {
            target: Target::Machine(_),
            ..
        } => Ok(Obeyed::default()),
        Action::Shelve { target, .. } => lines(format!("{target:?} shelved")),
        Action::Unshelve {
            target: Target::Machine(machine),
        } if &**machine == "lathe-2" => Err(Refusal::NotShelved("lathe-2".to_owned())),
        Action::Unshelve { target } => lines(format!("{target:?} unshelved")),
        Action::Forget { machine } => match &**machine {
            "mill-9" => lines("A-1043 mill-9/hot closed, critical".to_owned()),
            "mill-1" => Err(Refusal::Configured("mill-1".to_owned())),
            other => Err(Refusal::UnknownMachine(other.to_owned())),
        },
    }
}

fn named(alert: &AlertRef, done: &str) -> Result<Obeyed, Refusal> {
    let fine = Ok(Obeyed {
        lines: vec![format!("A-1042 {done}")],
    });
    match alert {
        AlertRef::Number(1042) => fine,
        AlertRef::Number(7) => Err(Refusal::Over("A-7".to_owned())),
        AlertRef::Number(8) => Err(Refusal::AlreadyAcknowledged {
            number: 8,
            by: "maria".into(),
        }),
        AlertRef::Watch { machine, rule } if (&**machine, &**rule) == ("mill-1", "hot") => fine,
        other => Err(Refusal::UnknownAlert(format!("{other:?}"))),
    }
}

fn attempted(name: &str) -> Option<Attempted> {
    let attempted = |accepted, answer: &str| {
        Some(Attempted {
            accepted,
            request: vec!["POST https://ops.example.com/andon".to_owned()],
            answer: answer.to_owned(),
            took_ms: 12,
        })
    };
    match name {
        "ops" => attempted(true, "204 No Content"),
        "broken" => attempted(false, "500 Internal Server Error"),
        _ => None,
    }
}

pub(crate) fn view() -> View {
    let destination = |name: &str, state: &str, pending| DestinationView {
        name: name.to_owned(),
        kind: "webhook".to_owned(),
        state: state.to_owned(),
        why: (state != "ok").then(|| "connection refused".to_owned()),
        pending,
        oldest_seconds: pending * 60,
    };
    let machine = |id: &str, state: &str, not_watched: &[&str], tag: TagView| MachineView {
        id: id.to_owned(),
        name: id.to_uppercase(),
        state: state.to_owned(),
        not_watched: not_watched.iter().map(|rule| (*rule).to_owned()).collect(),
        tags: vec![tag],
        ..MachineView::default()
    };
    let good = TagView {
        tag: "temp".to_owned(),
        value: Some("97.3 °C".to_owned()),
        good_seconds: Some(1.4),
        age_seconds: 1.4,
        source: "hall-2".to_owned(),
        modbus_unit: Some(1),
        ..TagView::default()
    };
    let bad = TagView {
        value: Some("71.2 °C".to_owned()),
        good_seconds: Some(125.0),
        age_seconds: 65.0,
        modbus_unit: None,
        reason: Some("no_answer".to_owned()),
        bad: Some("no answer".to_owned()),
        bad_since: Some("2026-04-04T10:28:05Z".to_owned()),
        ..good.clone()
    };
    View {
        version: "0.1.0".to_owned(),
        site: "plant-7".to_owned(),
        site_name: "Plant 7".to_owned(),
        started: "2026-04-04T08:25:05.120Z".to_owned(),
        now: "2026-04-04T10:30:05.120Z".to_owned(),
        synchronised: true,
        config: ConfigView {
            path: "/etc/andon/andon.toml".to_owned(),
            hash: "3f2a9c01d2e4".to_owned(),
            refused: Vec::new(),
        },
        watches: 2,
        not_watching: 1,
        alerts: vec![alert(1042)],
        shelves: vec![ShelfView {
            target: "lathe-2/hot".to_owned(),
            left_seconds: 5400,
            by: "maria".to_owned(),
            reason: "new spindle".to_owned(),
        }],
        machines: vec![
            machine("lathe-2", "blind", &["hot"], bad),
            machine("mill-1", "alert", &[], good),
        ],
        destinations: vec![
            destination("ops", "ok", 0),
            destination("broken", "unreachable", 3),
        ],
        store: StoreView {
            durable: true,
            path: "/var/lib/andon".to_owned(),
            pending: 3,
            oldest_seconds: 190,
            bytes: 3 << 20,
            most_bytes: 256 << 20,
            written_a_day: 5 << 20,
            ..StoreView::default()
        },
        ..View::default()
    }
}

pub(crate) fn alert(number: u64) -> AlertView {
    AlertView {
        number: format!("A-{number}"),
        machine: "mill-1".to_owned(),
        machine_name: "CNC Mill #1".to_owned(),
        rule: "hot".to_owned(),
        severity: "critical".to_owned(),
        level: Some("hihi".to_owned()),
        value: Some("97.3 °C".to_owned()),
        limit: Some("95.0 °C".to_owned()),
        dedup_key: "5b1e".to_owned(),
        state: if number == 7 { "resolved" } else { "active" }.to_owned(),
        text: "spindle 97.3 °C, limit 95.0 °C".to_owned(),
        occurrences: 1,
        created: "2026-04-04T10:16:05Z".to_owned(),
        ..AlertView::default()
    }
}

pub(crate) fn delivery(id: i64) -> DeliveryView {
    DeliveryView {
        id,
        destination: "ops".to_owned(),
        state: if id == 7 { "pending" } else { "accepted" }.to_owned(),
        alert: "A-1042".to_owned(),
        event: "triggered".to_owned(),
        sequence: 42,
        attempts: 2,
        result: Some("503 Service Unavailable".to_owned()),
        decided: "2026-04-04T10:16:05Z".to_owned(),
        next: (id == 7).then(|| "2026-04-04T10:16:35Z".to_owned()),
        ..DeliveryView::default()
    }
}

struct Scripted {
    broken: bool,
    account: Account,
    record: Vec<Entry>,
    older: i64,
}

impl Scripted {
    fn reading<'a, T: Send + 'a>(&self, answer: T) -> Reading<'a, T> {
        let broken = self.broken;
        Box::pin(async move {
            match broken {
                true => Err(HistoryError("disk I/O error".to_owned())),
                false => Ok(answer),
            }
        })
    }
}

impl History for Scripted {
    fn alerts(&self, page: AlertPage) -> Reading<'_, Vec<AlertView>> {
        let numbers = [1042, 7].into_iter();
        let alerts = numbers.filter(|number| page.before.is_none_or(|before| *number < before));
        self.reading(alerts.take(page.limit).map(alert).collect())
    }

    fn alert(&self, number: u64) -> Reading<'_, Option<AlertStory>> {
        let events = vec![
            EventView {
                at: "2026-04-04T10:16:05Z".to_owned(),
                kind: "triggered".to_owned(),
                text: "spindle 97.3 °C".to_owned(),
                ..EventView::default()
            },
            EventView {
                at: "2026-04-04T10:20:05Z".to_owned(),
                kind: "acknowledged".to_owned(),
                text: "taken".to_owned(),
                by: Some("Otto".to_owned()),
                claimed: true,
                note: Some("on my way".to_owned()),
                ..EventView::default()
            },
        ];
        self.reading([1042, 7].contains(&number).then(|| AlertStory {
            alert: alert(number),
            events,
            deliveries: vec![
                DeliveryView {
                    result: Some("HTTP 202".to_owned()),
                    settled: Some("2026-04-04T10:16:07Z".to_owned()),
                    provider_id: Some("evt-8".to_owned()),
                    ..delivery(8)
                },
                delivery(7),
            ],
        }))
    }

    fn deliveries(&self, page: DeliveryPage) -> Reading<'_, Vec<DeliveryView>> {
        let matches = |one: &DeliveryView| {
            page.destination
                .as_ref()
                .is_none_or(|name| *name == one.destination)
                && page.state.as_ref().is_none_or(|state| *state == one.state)
                && page.before.is_none_or(|before| one.id < before)
        };
        let all = (7 - self.older..=8).rev().map(delivery);
        self.reading(all.filter(matches).take(page.limit).collect())
    }

    fn account(&self) -> Reading<'_, Account> {
        self.reading(self.account.clone())
    }

    fn record(&self, after: i64) -> Reading<'_, Page> {
        let entries = self.record.iter().filter(|entry| entry.seq > after);
        let entries: Vec<Entry> = entries.take(2).cloned().collect();
        let end = entries.len() < 2;
        self.reading(Page { entries, end })
    }

    fn delivery(&self, id: i64) -> Reading<'_, Option<DeliveryStory>> {
        self.reading([7, 8].contains(&id).then(|| DeliveryStory {
            delivery: delivery(id),
            log: vec![AttemptView {
                at: "2026-04-04T10:16:06Z".to_owned(),
                attempts: 1,
                result: "503 Service Unavailable".to_owned(),
                took_ms: Some(31),
                status: Some(503),
                provider_id: Some("req-9".to_owned()),
            }],
            event: EventView {
                at: "2026-04-04T10:16:05Z".to_owned(),
                kind: "triggered".to_owned(),
                text: "spindle 97.3 °C".to_owned(),
                ..EventView::default()
            },
            why: "the routes choose it".to_owned(),
            waits_for: (id == 7).then(|| "delivery 5, an older one of the same watch".to_owned()),
            body: serde_json::json!({ "id": "01JQ", "kind": "triggered" }),
        }))
    }
}
