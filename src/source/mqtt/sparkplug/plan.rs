//! Which nodes and devices are watched, and for which machines: the subscriptions as the session needs them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{
    super::{
        payload::MqttTag,
        topic::{Template, to_id},
    },
    watched::Watched,
};
use crate::sample::TagId;

/// One machine of one subscription. One node or device at a time fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeatIx(pub(super) u32);

/// All that is watched.
#[derive(Clone, Debug, Default)]
pub(in crate::source::mqtt) struct Plan {
    listening: Vec<Listening>,
    seats: Vec<Arc<Watched>>,
}

#[derive(Clone, Debug)]
struct Listening {
    template: Template,
    /// The topics of the node itself and of everything behind it.
    of_node: Template,
    naming: Naming,
    seats: HashMap<Arc<str>, SeatIx>,
}

/// How a topic names its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Always this one.
    Fixed(Arc<str>),
    /// Of what the topic says in its captures: `{node}-{device}`.
    Pattern(Vec<Piece>),
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Stands for itself.
    Text(String),
    /// Stands for what the topic says there.
    Capture(String),
}

/// For whom a topic is.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) seats: Vec<(SeatIx, Arc<Watched>)>,
    /// A machine that is not configured.
    pub(super) stranger: Option<String>,
}

impl Plan {
    /// Watches a topic: `spBv1.0/{group}/+/{node}/{device}`, or without the last level the node itself.
    pub(in crate::source::mqtt) fn listen(
        &mut self,
        template: Template,
        naming: Naming,
        stale_after: Option<Duration>,
        machines: impl IntoIterator<Item = (Arc<str>, Vec<(TagId, Arc<MqttTag>)>)>,
    ) {
        let seats = machines.into_iter().map(|(machine, tags)| {
            let seat = SeatIx(self.seats.len() as u32);
            self.seats.push(Arc::new(Watched::new(tags, stale_after)));
            (machine, seat)
        });
        let seats = seats.collect();
        self.listening.push(Listening {
            of_node: Template::parse(&filter(&template)).expect("a filter is a template"),
            template,
            naming,
            seats,
        });
    }

    /// How many seats there are.
    pub(super) fn seats(&self) -> usize {
        self.seats.len()
    }

    /// Whether messages of this topic matter: the order of a node's messages runs through all of them.
    pub(super) fn follows(&self, topic: &str) -> bool {
        self.listening
            .iter()
            .any(|listening| listening.of_node.captures(topic).is_some())
    }

    /// For whom the messages of this topic are.
    pub(super) fn find(&self, topic: &str) -> Found {
        let mut found = Found::default();
        for listening in &self.listening {
            let Some(captures) = listening.template.captures(topic) else {
                continue;
            };
            let (machine, said) = listening.naming.machine(&captures);
            match machine.and_then(|machine| listening.seats.get(&machine)) {
                Some(&seat) => {
                    let watched = Arc::clone(&self.seats[seat.0 as usize]);
                    found.seats.push((seat, watched));
                }
                None => found.stranger = Some(said),
            }
        }
        found
    }

    /// The nodes that the configuration names, as group and node: they may be asked before they have said anything.
    pub(super) fn named_nodes(&self) -> impl Iterator<Item = String> {
        self.listening.iter().filter_map(|listening| {
            let filter = listening.template.filter();
            let levels: Vec<&str> = filter.split('/').collect();
            match levels[..] {
                [_, group, _, node, ..] if group != "+" && node != "+" => {
                    Some(format!("{group}/{node}"))
                }
                _ => None,
            }
        })
    }
}

/// What to subscribe to at the broker: all kinds of messages, of the node and of everything behind it.
pub(in crate::source::mqtt) fn filter(template: &Template) -> String {
    let filter = template.filter();
    let levels = filter.split('/').take(4).chain(["#"]);
    levels.collect::<Vec<_>>().join("/")
}

impl Naming {
    /// The machine's id, if what the topic says can be one, and what it says.
    fn machine(&self, captures: &[(&str, &str)]) -> (Option<Arc<str>>, String) {
        let pieces = match self {
            Self::Fixed(machine) => return (Some(Arc::clone(machine)), machine.to_string()),
            Self::Pattern(pieces) => pieces,
        };
        let said = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Capture(name) => {
                let found = captures.iter().find(|(known, _)| known == name);
                found.map_or("", |(_, said)| said)
            }
        });
        let said: String = said.collect();
        (to_id(&said).map(|id| id.0), said)
    }
}
