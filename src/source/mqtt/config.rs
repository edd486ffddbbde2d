//! `[[source.mqtt]]`: what the user typed, read and checked into what the source needs.

use std::{collections::HashMap, sync::Arc, time::Duration};

pub use super::{broker::Broker, subscription::Subscription};
use super::{
    payload::MqttTag,
    sparkplug::config::{NEVER_STALE, Settings, Watch},
};
use crate::{
    config::{
        machine::Profiles,
        section::{Problems, Section},
    },
    link::mqtt::{Filter, Options, Qos, Version},
    source::{MouldSpec, TagSpec},
};

/// One broker and what is listened to there.
#[derive(Clone, Debug)]
pub struct MqttConfig {
    /// The source's name.
    pub name: Arc<str>,
    /// How it is reached.
    pub broker: Broker,
    /// What is listened to; shared, as the configuration, the source and its intake each have it.
    pub subscriptions: Vec<Arc<Subscription>>,
    /// Nodes and devices of Sparkplug that are listened to.
    pub watches: Vec<Watch>,
    /// What its nodes are told and asked.
    pub sparkplug: Settings,
    /// So many machines it discovers at most.
    pub max_machines: usize,
}

/// Of `max_machines`.
const MAX_MACHINES: i64 = 1000;

/// What a source needs to know of the rest of the configuration.
#[derive(Debug)]
pub struct Context<'a, 's> {
    /// The site's id.
    pub site: &'a str,
    /// Ids and classes of all machines.
    pub machines: &'a [(Arc<str>, Option<Arc<str>>)],
    /// Profiles; those that are used here have tags with a `path`.
    pub profiles: &'a Profiles<'s>,
}

impl MqttConfig {
    /// Reads one entry of `[[source.mqtt]]`. Mistakes are reported; with any, the result is not to be run.
    pub fn read<'s>(name: &str, section: Section<'s>, context: &Context<'_, 's>) -> Option<Self> {
        let broker = Broker::read(&section, context.site, name);
        let (mut subscriptions, mut watches) = (Vec::new(), Vec::new());
        for section in section.list_of_some("subscribe", "must list at least one topic") {
            match Watch::is(&section) {
                true => watches.extend(Watch::read(section, context)),
                false => subscriptions.extend(Subscription::read(section, context).map(Arc::new)),
            }
        }
        if section.raw("sparkplug").is_some() && watches.is_empty() {
            section.error(
                "sparkplug",
                "needs a subscription with payload = \"sparkplug_b\"",
            );
        }
        let sparkplug = Settings::read(&section);
        let max_machines = section.ranged("max_machines", MAX_MACHINES, 1..=10_000);
        if section.raw("max_machines").is_some()
            && subscriptions.iter().all(|of| of.discovers.is_none())
        {
            section.error("max_machines", "needs a subscription with discover = true");
        }
        if let Some(broker) = &broker {
            warn_of_sharing(&section, broker, &subscriptions);
        }
        warn_of_overlaps(&subscriptions, &watches, section.problems());
        section.finish();
        Some(Self {
            name: name.into(),
            broker: broker?,
            subscriptions,
            watches,
            sparkplug,
            max_machines: usize::try_from(max_machines).unwrap_or_default(),
        })
    }

    /// What machines are like that this source may discover: for each class the tags of all subscriptions that discover it.
    pub fn moulds(&self, problems: &Problems) -> Vec<MouldSpec> {
        let mut moulds: Vec<MouldSpec> = Vec::new();
        let mut from: HashMap<(&str, &str), &str> = HashMap::new();
        for of in &self.subscriptions {
            let Some(class) = &of.discovers else { continue };
            let at = match moulds.iter().position(|mould| mould.class == *class) {
                Some(at) => at,
                None => {
                    moulds.push(MouldSpec {
                        class: Arc::clone(class),
                        tags: Vec::new(),
                        place: of.place.clone(),
                        path: of.path.clone(),
                    });
                    moulds.len() - 1
                }
            };
            for tag in &of.tags {
                if let Some(other) = from.insert((class, &tag.tag), &of.path) {
                    let message = format!(
                        "gives {} of every {class}, which {other} gives already",
                        tag.tag
                    );
                    problems.error(Some(&of.place), &of.path, message);
                    continue;
                }
                moulds[at].tags.push(spec("".into(), tag, of.stale_after));
            }
        }
        moulds
    }

    /// The tags that this source promises. The same tag of the same machine from two topics is a mistake: nobody could
    /// say which of them is right.
    pub fn tags(&self, problems: &Problems) -> Vec<TagSpec> {
        let mut from: HashMap<(&str, &str), &str> = HashMap::new();
        let mut specs = Vec::new();
        let subscriptions = self.subscriptions.iter().flat_map(|subscription| {
            let of = |pair| {
                (
                    pair,
                    subscription.stale_after,
                    &subscription.place,
                    &subscription.path,
                )
            };
            subscription.machine_tags().map(of)
        });
        let watches = self.watches.iter().flat_map(|watch| {
            let of = |pair| (pair, NEVER_STALE, &watch.place, &watch.path);
            watch.machine_tags().map(of)
        });
        for ((machine, tag), stale_after, place, path) in subscriptions.chain(watches) {
            if let Some(other) = from.insert((machine, &tag.tag), path) {
                let message = format!("gives {machine}/{}, which {other} gives already", tag.tag);
                problems.error(Some(place), path, message);
                continue;
            }
            specs.push(spec(Arc::clone(machine), tag, stale_after));
        }
        specs
    }

    /// What people look for when it is silent: `broker.plant.local:8883`.
    pub fn address(&self) -> String {
        self.broker.address()
    }

    /// How the connection is made.
    pub(super) fn link(&self) -> Options {
        let mut filters: Vec<Filter> = Vec::new();
        let subscriptions = self.subscriptions.iter();
        let subscriptions = subscriptions.map(|it| (it.template.filter(), it.qos));
        let watches = self.watches.iter().map(|it| (it.filter(), it.qos));
        // A host hears what others say of it, and speaks up.
        let state = self.sparkplug.state();
        let own = state.iter().map(|it| (it.topic.clone(), Qos::AtLeastOnce));
        for (topic, qos) in subscriptions.chain(watches).chain(own) {
            let topic: Arc<str> = topic.into();
            // Asked for twice, the broker would send everything twice, or use the level that was asked for last.
            match filters.iter_mut().find(|filter| filter.topic == topic) {
                Some(filter) if qos == Qos::AtLeastOnce => filter.qos = Qos::AtLeastOnce,
                Some(_) => {}
                None => filters.push(Filter { topic, qos }),
            }
        }
        let options = self.broker.link();
        Options {
            filters,
            // A host of Sparkplug has a session of its own for each connection (message-flow-phid-sparkplug-clean-session).
            clean: options.clean || (state.is_some() && self.subscriptions.is_empty()),
            status: state.or(options.status),
            ..options
        }
    }
}

fn spec(machine: Arc<str>, tag: &MqttTag, stale_after: Duration) -> TagSpec {
    TagSpec {
        machine,
        tag: Arc::clone(&tag.tag),
        unit: Arc::clone(&tag.unit),
        decimals: tag.decimals,
        labels: tag.labels.clone(),
        stale_after,
        modbus_unit: None,
    }
}

/// Many brokers share subscriptions in 3.1.1 too, but nothing says that they must, or that they say so when they don't.
fn warn_of_sharing(section: &Section<'_>, broker: &Broker, subscriptions: &[Arc<Subscription>]) {
    let shared = subscriptions.iter().filter(|of| of.template.is_shared());
    for of in shared.filter(|_| broker.version == Version::V3) {
        let path = format!("{}.topic", of.path);
        let message = "is a shared subscription, which only MQTT 5 has; set version = \"5\", or make sure that this broker shares with 3.1.1 too";
        section
            .problems()
            .warn(Some(&of.place), &path, message.to_owned());
    }
}

/// A message at a topic of two subscriptions may come once for each. At one level these follow each other; at two a later message may
/// come between, and the older one would be taken once more after it.
fn warn_of_overlaps(subscriptions: &[Arc<Subscription>], watches: &[Watch], problems: &Problems) {
    let plain = subscriptions.iter().map(|of| {
        (
            of.template.filter(),
            &of.template,
            of.qos,
            &of.place,
            &of.path,
        )
    });
    let nodes = watches
        .iter()
        .map(|of| (of.filter(), &of.template, of.qos, &of.place, &of.path));
    let all: Vec<_> = plain.chain(nodes).collect();
    for (at, (filter, template, qos, place, path)) in all.iter().enumerate() {
        let mut before = all[..at].iter();
        let other = before.find(|(other, topics, level, ..)| {
            level != qos && other != filter && topics.overlaps(template)
        });
        if let Some((.., other)) = other {
            let message = format!(
                "has topics in common with {other}, at another qos; give both the same, so that their messages stay in order"
            );
            problems.warn(Some(place), path, message);
        }
    }
}
