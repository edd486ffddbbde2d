//! `subscribe = [{ topic = .. }]`: one topic template, the machines that it is for, and the tags in its payloads.

use std::{sync::Arc, time::Duration};

use super::{
    config::Context,
    payload::{Format, MqttTag},
    topic::Template,
};
use crate::{
    config::{
        machine,
        section::{Id, Section},
        tree::Place,
    },
    link::mqtt::Qos,
};

/// One topic template and what its payloads mean.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The topic.
    pub template: Template,
    /// The quality of service to ask for.
    pub qos: Qos,
    /// How payloads are written.
    pub format: Format,
    /// Without a message for this long, its tags are stale.
    pub stale_after: Duration,
    /// Whether what the broker had kept counts.
    pub use_retained: bool,
    /// The machines that it is for: one, or those that the topic may name.
    pub machines: Vec<Arc<str>>,
    /// The tags of each of these machines.
    pub tags: Vec<MqttTag>,
    /// Where a JSON payload carries its time.
    pub time: Option<String>,
    pub(super) place: Place,
    pub(super) path: String,
}

impl Subscription {
    /// Reads one entry; mistakes are reported.
    pub(super) fn read<'s>(section: Section<'s>, context: &Context<'_, 's>) -> Option<Self> {
        let template = section.required::<String>("topic").and_then(|topic| {
            let template = Template::parse(&topic);
            template.map_err(|why| section.error("topic", why)).ok()
        });
        let qos = match section.ranged("qos", 1_i64, 0..=1) {
            0 => Qos::AtMostOnce,
            _ => Qos::AtLeastOnce,
        };
        let formats = [
            ("number", Format::Number),
            ("bool", Format::Bool),
            ("json", Format::Json),
        ];
        let format = section.required_word("payload", &formats);
        let stale_after = section.required::<Duration>("stale_after");
        if stale_after.is_some_and(|after| after < Duration::from_secs(1)) {
            section.error("stale_after", "must be at least 1s");
        }
        let retained = [("use", true), ("ignore", false)];
        let use_retained = section.word("retained", &retained).unwrap_or(true);
        let machines = read_machines(&section, template.as_ref(), context);
        let tags = read_payload_tags(&section, format, context);
        let time = section.optional::<String>("time");
        if time.as_deref().is_some_and(|path| !is_pointer(path)) {
            section.error("time", NO_POINTER);
        }
        if time.is_some() && matches!(format, Some(Format::Number | Format::Bool)) {
            section.error("time", "needs payload = \"json\"");
        }
        let (place, path) = (section.place().clone(), section.path().to_owned());
        section.finish();
        Some(Self {
            template: template?,
            qos,
            format: format?,
            stale_after: stale_after?,
            use_retained,
            machines,
            tags,
            time,
            place,
            path,
        })
    }

    /// Every tag of every machine.
    pub(super) fn machine_tags(&self) -> impl Iterator<Item = (&Arc<str>, &MqttTag)> {
        let machines = self.machines.iter();
        machines.flat_map(|machine| self.tags.iter().map(move |tag| (machine, tag)))
    }
}

fn read_machines(
    section: &Section<'_>,
    template: Option<&Template>,
    context: &Context<'_, '_>,
) -> Vec<Arc<str>> {
    let machine = section.optional::<Id>("machine").map(|id| id.0);
    let class = section.optional::<Id>("class").map(|id| id.0);
    let Some(template) = template else {
        return Vec::new();
    };
    let ids = || context.machines.iter().map(|(id, _)| id);
    match (template.has("machine"), machine) {
        (true, Some(_)) => {
            section.error("machine", "is named twice: `topic` has {machine} in it");
            Vec::new()
        }
        (false, None) => {
            section.error("machine", "is missing, as `topic` has no {machine} in it");
            Vec::new()
        }
        (false, Some(machine)) => {
            if class.is_some() {
                section.error("class", "is for topics with {machine} in them");
            }
            machine::check(section, &machine, ids().map(AsRef::as_ref));
            vec![machine]
        }
        (true, None) => {
            let wanted = |(_, of): &&(_, Option<Arc<str>>)| class.is_none() || *of == class;
            let machines = context.machines.iter().filter(wanted);
            let machines: Vec<Arc<str>> = machines.map(|(id, _)| Arc::clone(id)).collect();
            if machines.is_empty() {
                let key = if class.is_some() { "class" } else { "topic" };
                section.warn(key, "is for no machine that is configured");
            }
            machines
        }
    }
}

fn read_payload_tags<'s>(
    section: &Section<'s>,
    format: Option<Format>,
    context: &Context<'_, 's>,
) -> Vec<MqttTag> {
    match format {
        Some(Format::Number | Format::Bool) => read_tag(section, None).into_iter().collect(),
        Some(Format::Json) => {
            let before = section.problems().errors();
            let entries = context.profiles.tags(section);
            // A profile that there is not, or tags that are no list, were reported.
            if entries.is_empty() && section.problems().errors() == before {
                section.error(
                    "tags",
                    "are missing: tags = [{ tag = .., path = .. }] or profile",
                );
            }
            entries.into_iter().filter_map(read_json_tag).collect()
        }
        None => {
            // Which keys exist here depends on the format, so none is called unknown.
            for key in ["tag", "tags", "profile", "unit", "decimals", "valid"] {
                section.raw(key);
            }
            for key in ["invalid", "scale", "offset"] {
                section.raw(key);
            }
            Vec::new()
        }
    }
}

/// Reads one of `tags = [{ tag, path, .. }]`, of a profile or of a subscription's own.
fn read_json_tag(section: Section<'_>) -> Option<MqttTag> {
    let path = section.required::<String>("path");
    if path.as_deref().is_some_and(|path| !is_pointer(path)) {
        section.error("path", NO_POINTER);
    }
    let tag = read_tag(&section, path);
    section.finish();
    tag
}

const NO_POINTER: &str = "must be a JSON pointer like \"/temperature\" or \"/motor/0/load\"";

fn is_pointer(path: &str) -> bool {
    path.is_empty() || path.starts_with('/')
}

pub(super) fn read_tag(section: &Section<'_>, path: Option<String>) -> Option<MqttTag> {
    let tag = section.required::<Id>("tag");
    let valid = section.optional::<Vec<f64>>("valid");
    let range = match valid.as_deref() {
        Some([low, high]) if low < high => Some((*low, *high)),
        Some(_) => {
            section.error("valid", "must be two numbers, the lower first: [-40, 150]");
            None
        }
        None => None,
    };
    let scale = section.get("scale", 1.0);
    if scale == 0.0 {
        section.error("scale", "must not be 0: every value would be the same");
    }
    Some(MqttTag {
        path: path.unwrap_or_default(),
        unit: section.get("unit", "".into()),
        decimals: u8::try_from(section.ranged("decimals", 1_i64, 0..=9)).unwrap_or(1),
        valid: range,
        invalid: section.get("invalid", Vec::new()),
        scale,
        offset: section.get("offset", 0.0),
        tag: tag?.0,
    })
}
