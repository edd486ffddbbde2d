//! Running sources: each a task with a queue of its own, restarted if it panics.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{complaints::Voice, core::Core, discovery::Discovery};
use crate::{
    alert::{event::Event, plant::Plant, signal::Signal},
    clock::{Clock, Mono, Now},
    config::Settings,
    health::credentials::source_peer,
    link::certificate::Seen,
    rules,
    sample::Bad,
    source::{
        Batch, Drain, Feed, Heard, TagIds,
        modbus::{self, config::ModbusConfig},
        mqtt::{self, config::MqttConfig},
        tally::Tally,
    },
};

/// How many batches of one source may wait for the loop.
pub(super) const QUEUE: usize = 256;
/// Which of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin(usize);

/// All sources of a configuration.
pub(super) struct Sources {
    tasks: JoinSet<()>,
    by_task: HashMap<Id, usize>,
    lines: Vec<Line>,
    clock: Clock,
    wake: Arc<Notify>,
    stop: CancellationToken,
}

/// One source and the loop's end of its queue.
struct Line {
    kind: Kind,
    batches: Drain,
    tally: Tally,
    voice: Voice,
    discovery: Discovery,
}

#[derive(Clone)]
enum Kind {
    Modbus(ModbusConfig),
    Mqtt(MqttConfig),
}

impl Kind {
    fn name(&self) -> &str {
        match self {
            Self::Modbus(config) => &config.name,
            Self::Mqtt(config) => &config.name,
        }
    }

    fn max_machines(&self) -> usize {
        match self {
            Self::Modbus(_) => 0,
            Self::Mqtt(config) => config.max_machines,
        }
    }
}

impl Sources {
    /// Starts all of them. What those of the same name have counted before a reload goes on.
    pub(super) fn start(
        settings: &Settings,
        plant: &Plant,
        clock: &Clock,
        wake: &Arc<Notify>,
        seen: &Seen,
        before: Option<&Self>,
    ) -> Self {
        let parts = &settings.parts;
        let kinds = parts.modbus.iter().cloned().map(Kind::Modbus);
        let kinds = kinds.chain(parts.mqtt.iter().cloned().map(|mut config| {
            config.broker.witness = Some(seen.witness(&source_peer(&config.name)));
            Kind::Mqtt(config)
        }));
        let mut sources = Self {
            tasks: JoinSet::new(),
            by_task: HashMap::new(),
            lines: Vec::new(),
            clock: clock.clone(),
            wake: Arc::clone(wake),
            stop: CancellationToken::new(),
        };
        let tags = Arc::new(rules::tag_ids(plant));
        for kind in kinds {
            let at = sources.lines.len();
            // Replaced at once: a line has its queue from the task that feeds it.
            let (_, batches) = Feed::new(1, Arc::clone(wake));
            let counted = before.and_then(|before| before.tally(kind.name()));
            let tally = counted.cloned().unwrap_or_default();
            sources.lines.push(Line {
                discovery: Discovery::new(plant, kind.name(), kind.max_machines()),
                kind,
                batches,
                voice: Voice::new(&tally),
                tally,
            });
            sources.spawn(at, Arc::clone(&tags), Duration::ZERO);
        }
        sources
    }

    /// Takes what waits, at most `limit` batches of each source.
    pub(super) fn drain(&mut self, limit: usize, mut take: impl FnMut(Origin, Batch)) {
        for (at, line) in self.lines.iter_mut().enumerate() {
            line.batches.take(limit, |batch| take(Origin(at), batch));
        }
    }

    /// Takes what a source has heard of a machine by its name.
    pub(super) fn hear(
        &mut self,
        at: Now,
        origin: Origin,
        heard: &Heard,
        engine: &mut Core,
    ) -> Vec<Event> {
        let line = &mut self.lines[origin.0];
        line.discovery.hear(at, heard, engine, &line.tally)
    }

    /// Takes what holds for every tag of the machines that a source discovered.
    pub(super) fn all_are(
        &self,
        at: Now,
        origin: Origin,
        bad: Bad,
        engine: &mut Core,
    ) -> Vec<Event> {
        self.lines[origin.0].discovery.all_are(at, bad, engine)
    }

    /// Waits until a source ends by itself and starts it again with the tags of this plant; never returns if none does.
    pub(super) async fn supervise(&mut self, plant: &Plant) -> Option<Signal> {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let (id, error) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        let at = self.by_task.remove(&id)?;
        (!self.stop.is_cancelled()).then(|| self.restart(at, error.as_ref(), plant))
    }

    /// What there is to say of them now.
    pub(super) fn say(&mut self, now: Mono, engine: &Core) -> Vec<Signal> {
        for line in &mut self.lines {
            line.discovery.look(engine, &line.tally);
        }
        let lines = self.lines.iter_mut();
        let said = lines.filter_map(|line| line.voice.say(line.kind.name(), &line.tally, now));
        said.collect()
    }

    /// What a source says of itself.
    pub(super) fn tally(&self, name: &str) -> Option<&Tally> {
        let line = self.lines.iter().find(|line| line.kind.name() == name);
        line.map(|line| &line.tally)
    }

    /// Whether there is a source with this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.lines.iter().any(|line| line.kind.name() == name)
    }

    /// Stops all of them and leaves what they have sent in the queues.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(2), all)
            .await
            .is_err()
        {
            self.tasks.abort_all();
        }
    }

    fn restart(&mut self, at: usize, error: Option<&JoinError>, plant: &Plant) -> Signal {
        let line = &mut self.lines[at];
        let name = line.kind.name().to_owned();
        let (wait, signal) = line.voice.failed(&name);
        // Where is said by the panic itself. Its words are not repeated: they may hold what the source works with.
        let what = error.map_or("it ended by itself", |_| "it panicked");
        tracing::error!(
            source = name,
            "a source failed and starts again in {} s: {what}",
            wait.as_secs()
        );
        self.spawn(at, Arc::new(rules::tag_ids(plant)), wait);
        signal
    }

    fn spawn(&mut self, at: usize, tags: Arc<TagIds>, wait: Duration) {
        let (mut feed, batches) = Feed::new(QUEUE, Arc::clone(&self.wake));
        let (clock, stop) = (self.clock.clone(), self.stop.child_token());
        let line = &mut self.lines[at];
        line.batches = batches;
        line.voice.started(self.clock.now().mono);
        line.tally.restart();
        feed.tally = line.tally.clone();
        let task = match line.kind.clone() {
            Kind::Modbus(config) => self.tasks.spawn(async move {
                tokio::time::sleep(wait).await;
                modbus::run(config, tags, clock, feed, stop).await;
            }),
            Kind::Mqtt(config) => self.tasks.spawn(async move {
                tokio::time::sleep(wait).await;
                mqtt::run(config, tags, clock, feed, stop).await;
            }),
        };
        self.by_task.insert(task.id(), at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Synchronised, link::mqtt::Version, source::mqtt::config::Broker};

    fn line(batches: Drain) -> Line {
        Line {
            kind: Kind::Mqtt(MqttConfig {
                name: "cell-broker".into(),
                broker: Broker {
                    host: "localhost".to_owned(),
                    port: 1883,
                    version: Version::V3,
                    tls: false,
                    websocket: None,
                    ca: None,
                    identity: None,
                    witness: None,
                    user: None,
                    password: None,
                    client_id: "andon".to_owned(),
                    session_expiry: Duration::from_secs(60),
                    keep_alive: Duration::from_secs(15),
                    max_packet: 1 << 20,
                    max_unacked: 100,
                    status_topic: None,
                },
                subscriptions: Vec::new(),
                watches: Vec::new(),
                sparkplug: Default::default(),
                max_machines: 1000,
            }),
            batches,
            tally: Tally::default(),
            voice: Voice::new(&Tally::default()),
            discovery: Discovery::default(),
        }
    }

    fn sources(line: Line) -> Sources {
        Sources {
            tasks: JoinSet::new(),
            by_task: HashMap::new(),
            lines: vec![line],
            clock: Clock::system(Synchronised::Assume),
            wake: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    #[tokio::test]
    async fn what_a_source_said_in_a_panic_is_neither_logged_nor_told() {
        #[derive(Clone, Default)]
        struct Log(Arc<std::sync::Mutex<Vec<u8>>>);
        impl std::io::Write for Log {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let secret = std::hint::black_box("canary".to_owned());
        let task = tokio::spawn(async move { panic!("{secret} is refused") });
        let error = task.await.unwrap_err();
        assert!(error.to_string().contains("canary"), "nothing to hide");
        let (_feed, batches) = Feed::new(1, Arc::default());
        let mut sources = sources(line(batches));
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let signal = tracing::subscriber::with_default(subscriber.finish(), || {
            sources.restart(0, Some(&error), &Plant::default())
        });
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(logged.contains("it panicked"), "{logged}");
        assert!(!logged.contains("canary"), "{logged}");
        assert!(!format!("{signal:?}").contains("canary"), "{signal:?}");
    }
}
