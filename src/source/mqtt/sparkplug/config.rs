//! `payload = "sparkplug_b"` of a subscription, and `sparkplug = { .. }` of its source: what the user typed, read and checked.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        config::Context,
        payload::{MqttTag, read_bare_tag},
        topic::{Template, to_id},
    },
    namespace::NAMESPACE,
    plan::{Naming, Piece, filter},
};
use crate::{
    config::{
        machine,
        section::{Id, Section},
        tree::{Place, Value},
    },
    link::mqtt::{Qos, Status},
};

/// The word of `payload`.
pub(in crate::source::mqtt) const FORMAT: &str = "sparkplug_b";

/// A tag of Sparkplug is not stale by its own silence: a node sends only what changes, and says so when it goes.
pub(in crate::source::mqtt) const NEVER_STALE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What one broker's nodes are told and asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether nodes are asked to be born again.
    pub rebirth: bool,
    /// How long messages wait for one that is missing before them.
    pub reorder_timeout: Duration,
    /// The name under which nodes may wait for this agent as their primary host.
    pub host_id: Option<Arc<str>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rebirth: true,
            reorder_timeout: Duration::from_secs(2),
            host_id: None,
        }
    }
}

impl Settings {
    /// Reads `sparkplug = { .. }` of a source, if it is there. Mistakes are reported.
    pub(in crate::source::mqtt) fn read(source: &Section<'_>) -> Self {
        let usual = Self::default();
        let Some(section) = source.table("sparkplug") else {
            return usual;
        };
        let longest = Duration::from_secs(60);
        let host_id = section.optional::<Arc<str>>("host_id");
        let is_free = |c: char| !matches!(c, '+' | '#' | '/') && !c.is_control();
        let is_level = |id: &str| !id.is_empty() && id.len() <= 128 && id.chars().all(is_free);
        if host_id.as_deref().is_some_and(|id| !is_level(id)) {
            section.error(
                "host_id",
                "must be 1 to 128 bytes without +, #, / and control characters",
            );
        }
        if host_id.is_some() && source.raw("status_topic").is_some() {
            let message = "takes the place of `status_topic`, as a connection has one last will; leave that out";
            section.warn("host_id", message);
        }
        let settings = Self {
            host_id,
            rebirth: section.get("rebirth", usual.rebirth),
            reorder_timeout: section.ranged(
                "reorder_timeout",
                usual.reorder_timeout,
                Duration::ZERO..=longest,
            ),
        };
        section.finish();
        settings
    }

    /// What the agent says of itself as a host (6.4.27), if it is to be one.
    pub(in crate::source::mqtt) fn state(&self) -> Option<Status> {
        let topic = state_topic(self.host_id.as_deref()?);
        let is = |online: bool| format!("{{\"online\":{online},\"timestamp\":{}}}", Status::TIME);
        Some(Status {
            topic,
            online: is(true),
            offline: is(false),
        })
    }
}

/// Where a host says whether it is there.
pub(super) fn state_topic(host_id: &str) -> String {
    format!("{NAMESPACE}/STATE/{host_id}")
}

/// A subscription to nodes or devices.
#[derive(Clone, Debug)]
pub struct Watch {
    /// `spBv1.0/{group}/+/{node}/{device}`, or without the last level the node itself.
    pub template: Template,
    /// How its machine is named.
    pub naming: Naming,
    /// The quality of service to ask for.
    pub qos: Qos,
    /// After so long a silence of the node or device its tags are stale; without it they never are.
    pub stale_after: Option<Duration>,
    /// The machines that it is for.
    pub machines: Vec<Arc<str>>,
    /// The tags of each of these machines.
    pub tags: Vec<Arc<MqttTag>>,
    pub(in crate::source::mqtt) place: Place,
    pub(in crate::source::mqtt) path: String,
}

impl Watch {
    /// Whether a subscription is one of these.
    pub(in crate::source::mqtt) fn is(section: &Section<'_>) -> bool {
        let payload = section.raw("payload").map(|node| &node.value);
        matches!(payload, Some(Value::Text(text)) if text == FORMAT)
    }

    /// Reads a subscription; mistakes are reported.
    pub(in crate::source::mqtt) fn read<'s>(
        section: Section<'s>,
        context: &Context<'_, 's>,
    ) -> Option<Self> {
        // It was read before, to see what this is.
        section.raw("payload");
        let template = section.required::<String>("topic").and_then(|topic| {
            let template = read_topic(&topic);
            template.map_err(|why| section.error("topic", why)).ok()
        });
        let qos = match section.ranged("qos", 1_i64, 0..=1) {
            0 => Qos::AtMostOnce,
            _ => Qos::AtLeastOnce,
        };
        let stale_after = section.optional::<Duration>("stale_after");
        if stale_after.is_some_and(|after| after < Duration::from_secs(10)) {
            section.error(
                "stale_after",
                "must be at least 10s: a node that is silent is asked before that means something",
            );
        }
        let named = read_machines(&section, template.as_ref(), context);
        let before = section.problems().errors();
        let entries = context.profiles.tags(&section);
        // A profile that there is not, or tags that are no list, were reported.
        if entries.is_empty() && section.problems().errors() == before {
            section.error(
                "tags",
                "are missing: tags = [{ tag = .., metric = .. }] or profile",
            );
        }
        let tags = entries.into_iter().filter_map(read_metric).map(Arc::new);
        let tags = tags.collect();
        let (place, path) = (section.place().clone(), section.path().to_owned());
        section.finish();
        let (naming, machines) = named?;
        Some(Self {
            template: template?,
            naming,
            qos,
            stale_after,
            machines,
            tags,
            place,
            path,
        })
    }

    /// Every tag of every machine.
    pub(in crate::source::mqtt) fn machine_tags(
        &self,
    ) -> impl Iterator<Item = (&Arc<str>, &MqttTag)> {
        let machines = self.machines.iter();
        machines.flat_map(|machine| self.tags.iter().map(move |tag| (machine, &**tag)))
    }

    /// What to subscribe to at the broker.
    pub(in crate::source::mqtt) fn filter(&self) -> String {
        filter(&self.template)
    }
}

/// The levels of a topic are fixed: namespace, group, kind of message, node, device.
fn read_topic(topic: &str) -> Result<Template, String> {
    const EXPECTED: &str = "must be \"spBv1.0/GROUP/+/NODE/DEVICE\", or \"spBv1.0/GROUP/+/NODE\" for a node itself; \
         names in braces are captures, as {machine} or {node}";
    let template = Template::parse(topic)?;
    let levels: Vec<&str> = topic.split('/').collect();
    let fits = matches!(
        levels[..],
        [NAMESPACE, _, "+", _] | [NAMESPACE, _, "+", _, _]
    );
    let is_whole = levels
        .iter()
        .all(|level| !level.is_empty() && *level != "#");
    match fits && is_whole {
        true => Ok(template),
        false => Err(EXPECTED.to_owned()),
    }
}

/// How machines are named, and those that are.
fn read_machines(
    section: &Section<'_>,
    template: Option<&Template>,
    context: &Context<'_, '_>,
) -> Option<(Naming, Vec<Arc<str>>)> {
    let machine = section.optional::<String>("machine");
    let class = section.optional::<Id>("class").map(|id| id.0);
    let template = template?;
    let pieces = match machine {
        Some(_) if template.has("machine") => {
            section.error("machine", "is named twice: `topic` has {machine} in it");
            return None;
        }
        None if template.has("machine") => vec![Piece::Capture("machine".to_owned())],
        None => {
            section.error(
                "machine",
                "is missing, as `topic` has no {machine} in it: an id, or made of captures like \"{node}-{device}\"",
            );
            return None;
        }
        Some(machine) if !machine.contains(['{', '}']) => {
            if class.is_some() {
                section.error("class", "is for machines that the topic names");
            }
            let Some(machine) = Id::new(&machine) else {
                let example = to_id(&machine).map_or("mill-1".into(), |id| id.0);
                section.error("machine", format!("must be an id like \"{example}\""));
                return None;
            };
            let ids = context.machines.iter().map(|(id, _)| id.as_ref());
            machine::check(section, &machine.0, ids);
            return Some((Naming::Fixed(Arc::clone(&machine.0)), vec![machine.0]));
        }
        Some(machine) => match read_pattern(&machine, template) {
            Ok(pieces) => pieces,
            Err(why) => {
                section.error("machine", why);
                return None;
            }
        },
    };
    let wanted = |(_, of): &&(_, Option<Arc<str>>)| class.is_none() || *of == class;
    let machines = context.machines.iter().filter(wanted);
    let machines: Vec<Arc<str>> = machines.map(|(id, _)| Arc::clone(id)).collect();
    if machines.is_empty() {
        let key = if class.is_some() { "class" } else { "topic" };
        section.warn(key, "is for no machine that is configured");
    }
    Some((Naming::Pattern(pieces), machines))
}

/// `{node}-{device}`
fn read_pattern(text: &str, template: &Template) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or("has a brace that is not closed")?;
        if !template.has(name) {
            return Err(format!(
                "has {{{name}}}, which `topic` does not have as a level"
            ));
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Capture(name.to_owned()));
        rest = after;
    }
    if rest.contains('}') {
        return Err("has a brace that is not opened".to_owned());
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// Reads one of `tags = [{ tag, metric, .. }]`, of a profile or of a subscription's own.
fn read_metric(section: Section<'_>) -> Option<MqttTag> {
    let metric = section.required::<String>("metric");
    if metric.as_deref().is_some_and(str::is_empty) {
        section.error(
            "metric",
            "must be the name that the node gives it in its birth",
        );
    }
    let tag = read_bare_tag(&section);
    section.finish();
    let path = metric?;
    tag.map(|tag| MqttTag { path, ..tag })
}
