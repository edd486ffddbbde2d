//! All nodes of one broker: which message is for which, and which of them are to be asked to be born again.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use prost::Message as _;

use super::{
    claims::Claims,
    config::Settings,
    letter::{Came, Desk, Letter},
    namespace::{Topic, command_topic},
    node::Node,
    order::Print,
    plan::Plan,
    remark::{Counts, Last, Remark, What},
    value::BOOLEAN,
    wire::{Metric, Payload, Value},
};
use crate::{
    clock::{Now, Wall},
    source::trouble::Trouble,
};

/// The most nodes of one broker. Those beyond are not heard, unless others of which nothing is watched can be forgotten for them.
pub(super) const MOST_NODES: usize = 1000;
/// The most bytes of messages that wait for one that is missing, of all nodes together.
pub(super) const MOST_HELD: usize = 1 << 20;
/// A connection needs so long until what it has subscribed to is surely heard.
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(1);
/// How many nodes are asked at once, so that a whole plant isn't born in one instant.
const ASKED_AT_ONCE: usize = 10;

/// The sessions of all nodes of one broker.
#[derive(Debug)]
pub(in crate::source::mqtt) struct Session<T> {
    plan: Plan,
    claims: Claims,
    settings: Settings,
    nodes: HashMap<Arc<str>, Node<T>>,
    /// How many bytes more may be held.
    room: usize,
    crowd: Trouble,
    /// How often something has happened.
    pub(in crate::source::mqtt) counts: Counts,
    /// What it was.
    pub(in crate::source::mqtt) last: Last,
}

/// Something to publish: a request to be born again (5.20, 6.4.22). At QoS 0, not retained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::mqtt) struct Request {
    /// Where.
    pub(in crate::source::mqtt) topic: String,
    /// What.
    pub(in crate::source::mqtt) payload: Vec<u8>,
}

impl<T> Session<T> {
    pub(in crate::source::mqtt) fn new(plan: Plan, settings: Settings) -> Self {
        Self {
            claims: Claims::new(plan.seats()),
            plan,
            settings,
            nodes: HashMap::new(),
            room: MOST_HELD,
            crowd: Trouble::default(),
            counts: Counts::default(),
            last: Last::default(),
        }
    }

    /// Takes a message. Its outcome may come at once or with a later call.
    pub(in crate::source::mqtt) fn take(&mut self, letter: Letter<T>) -> Came<T> {
        let descriptor = Topic::read(&letter.topic).map(|topic| topic.descriptor());
        let met = descriptor.as_deref().is_none_or(|it| self.meet(it));
        let say = (!met).then(|| self.crowd.failed(letter.at.mono)).flatten();
        let unheard = say.map(|say| Remark {
            of: descriptor.clone().unwrap_or_default(),
            what: What::TooMany,
            say,
        });
        let (nodes, mut desk) = self.split();
        match descriptor.and_then(|descriptor| nodes.get_mut(&*descriptor)) {
            Some(node) => {
                let print = print(&letter);
                node.take(letter, print, &mut desk);
            }
            None => desk.done(letter.at, letter, Vec::new()),
        }
        let mut came = desk.came();
        came.remarks.extend(unheard);
        came
    }

    /// Looks at what ends by itself. To be called every second.
    pub(in crate::source::mqtt) fn tick(&mut self, at: Now) -> Came<T> {
        let (nodes, mut desk) = self.split();
        for node in nodes.values_mut() {
            node.tick(at, &mut desk);
        }
        desk.came()
    }

    /// There is a connection to the broker. What nodes have said before is known no more, so they are asked.
    pub(in crate::source::mqtt) fn connected(&mut self, at: Now) {
        for descriptor in self.plan.named_nodes().collect::<Vec<_>>() {
            self.meet(&descriptor);
        }
        for node in self.nodes.values_mut() {
            node.asking.want_from(at.mono + SUBSCRIBED_WITHIN);
        }
    }

    /// The connection is gone. Nothing that was heard counts any more, and what is held is dropped with its tokens.
    pub(in crate::source::mqtt) fn disconnected(&mut self) {
        let (nodes, mut desk) = self.split();
        for node in nodes.values_mut() {
            node.disconnect(&mut desk);
        }
    }

    /// Ends it, and gives back what is held.
    pub(super) fn abandon(&mut self) -> Vec<Letter<T>> {
        let nodes = std::mem::take(&mut self.nodes).into_values();
        nodes.flat_map(|mut node| node.abandon()).collect()
    }

    /// How many bytes more may be held.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Who is to be asked now. Each question counts as asked.
    pub(in crate::source::mqtt) fn requests(&mut self, at: Now) -> (Vec<Request>, Vec<Remark>) {
        let mut remarks = Vec::new();
        if !self.settings.rebirth {
            return (Vec::new(), remarks);
        }
        let due = self.nodes.iter_mut();
        let due = due.filter(|(_, node)| node.asking.is_due(at.mono));
        let asked = due.take(ASKED_AT_ONCE).map(|(descriptor, node)| {
            remarks.extend(node.asked(at));
            Request {
                topic: command_topic(descriptor),
                payload: rebirth(at.wall),
            }
        });
        let asked: Vec<Request> = asked.collect();
        self.counts.asked += asked.len() as u64;
        (asked, remarks)
    }

    /// Makes a node of this name if there is none; false if there is no room for it.
    fn meet(&mut self, descriptor: &str) -> bool {
        if self.nodes.contains_key(descriptor) {
            return true;
        }
        if self.nodes.len() >= MOST_NODES {
            let mut nodes = self.nodes.iter();
            let idle = nodes.find(|(_, node)| node.is_idle());
            let Some(idle) = idle.map(|(descriptor, _)| Arc::clone(descriptor)) else {
                return false;
            };
            self.nodes.remove(&idle);
        }
        let descriptor: Arc<str> = descriptor.into();
        let node = Node::new(Arc::clone(&descriptor));
        self.nodes.insert(descriptor, node);
        true
    }

    /// The nodes, and what they work with.
    fn split(&mut self) -> (&mut HashMap<Arc<str>, Node<T>>, Desk<'_, T>) {
        let desk = Desk {
            plan: &self.plan,
            claims: &mut self.claims,
            reorder: self.settings.reorder_timeout,
            room: &mut self.room,
            counts: &mut self.counts,
            last: &mut self.last,
            outcomes: Vec::new(),
            remarks: Vec::new(),
            strangers: Vec::new(),
        };
        (&mut self.nodes, desk)
    }
}

/// The command that asks a node to be born again. It has no sequence number.
fn rebirth(now: Wall) -> Vec<u8> {
    let timestamp = u64::try_from(now.as_millis()).ok();
    let metric = Metric {
        name: Some("Node Control/Rebirth".to_owned()),
        timestamp,
        datatype: Some(BOOLEAN),
        value: Some(Value::Boolean(true)),
        ..Metric::default()
    };
    let payload = Payload {
        timestamp,
        metrics: vec![metric],
        seq: None,
    };
    payload.encode_to_vec()
}

fn print<T>(letter: &Letter<T>) -> Print {
    let mut hasher = DefaultHasher::new();
    (&letter.topic, &letter.payload).hash(&mut hasher);
    Print(hasher.finish())
}
