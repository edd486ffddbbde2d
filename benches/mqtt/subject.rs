//! What is measured: the agent or the bare loop, as a process that listens to topics of its own and posts crossings to a receiver of its own.

use std::{path::PathBuf, process::Child};

use tempfile::TempDir;

use crate::{
    CLIENT, Qos, bare,
    broker::Broker,
    crossing,
    plant::{self, Plant, Shape},
    process::{self, Work},
    receiver::{Arrival, Receiver},
    wire::{self, Publisher},
};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Agent,
    Bare,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Bare => "bare",
        }
    }
}

/// One of them; its process ends with this value.
pub struct Subject {
    pub kind: Kind,
    pub qos: Qos,
    pub receiver: Receiver,
    plant: Option<Plant>,
    /// Of the bodies that the bare loop posts.
    size: usize,
    broker: u16,
    child: Option<Child>,
    marks: u64,
    topics: Vec<String>,
    _dir: TempDir,
}

impl Subject {
    /// Prepares one that is not running.
    pub fn new(kind: Kind, shape: Shape, qos: Qos, broker: &Broker, size: usize) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let receiver = Receiver::start();
        let plant = (kind == Kind::Agent)
            .then(|| Plant::configure(dir.path(), shape, qos, broker.port(), receiver.port()));
        let word = kind.word();
        let topics = (0..shape.topics).flat_map(|topic| {
            let level = plant::level(topic);
            (0..shape.machines).map(move |machine| format!("{word}/m-{machine}/{level}"))
        });
        Self {
            kind,
            qos,
            receiver,
            plant,
            size,
            broker: broker.port(),
            child: None,
            marks: 0,
            topics: topics.collect(),
            _dir: dir,
        }
    }

    /// Both, connected and heard of.
    pub fn pair(
        machines: usize,
        qos: Qos,
        broker: &Broker,
        publisher: &mut Publisher,
    ) -> [Self; 2] {
        let shape = Shape {
            machines,
            topics: 1,
        };
        let mut agent = Self::new(Kind::Agent, shape, qos, broker, 0);
        agent.begin(publisher);
        let size = agent.mark(publisher).size;
        let mut bare = Self::new(Kind::Bare, shape, qos, broker, size);
        bare.begin(publisher);
        [agent, bare]
    }

    /// Starts it over a session that is there already, and waits until it is heard of.
    pub fn begin(&mut self, publisher: &mut Publisher) {
        self.leave_session();
        self.start();
        self.mark(publisher);
    }

    /// Leaves an empty session at the broker, as if it had been connected.
    pub fn leave_session(&self) {
        let word = self.kind.word();
        let (client, topics) = (format!("{CLIENT}-{word}"), format!("{word}/+/temp"));
        let filters = [
            (topics.as_str(), self.qos as u8),
            (&format!("{word}-mark/temp"), 1),
        ];
        wire::prepare(self.broker, &client, &filters);
    }

    pub fn start(&mut self) {
        self.child = Some(match &self.plant {
            Some(plant) => plant.start(),
            None => bare::start(self.broker, self.qos, self.receiver.port(), self.size),
        });
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child");
            child.wait().expect("a child");
        }
    }

    pub fn topic(&self, machine: usize) -> &str {
        &self.topics[machine % self.topics.len()]
    }

    /// Publishes a crossing that is never dropped, and gives its number.
    pub fn publish_mark(&mut self, publisher: &mut Publisher) -> u64 {
        self.marks += 1;
        let topic = format!("{}-mark/temp", self.kind.word());
        publisher.publish(&topic, &crossing(self.marks), 1);
        self.marks
    }

    /// The same, and waits until the receiver has heard of it: everything before it was taken then.
    pub fn mark(&mut self, publisher: &mut Publisher) -> Arrival {
        let number = self.publish_mark(publisher);
        publisher.flush();
        self.receiver.wait_for(number)
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn work(&self) -> Work {
        process::work(self.pid())
    }

    /// Whether it dropped anything since its last start, as far as it says.
    pub fn has_dropped(&self) -> bool {
        self.plant.as_ref().is_some_and(Plant::has_dropped)
    }

    pub fn folder(&self) -> PathBuf {
        self._dir.path().to_owned()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.kill();
    }
}
