//! `subscribe = [{ topic = .. }]`: one topic template, the machines that it is for, and the tags in its payloads.

use std::{sync::Arc, time::Duration};

use super::{
    config::Context,
    payload::{Format, MqttTag, Reader, read_means},
    topic::{MACHINE, Template},
};
use crate::{
    config::{
        machine,
        section::{Id, Section},
        tree::Place,
    },
    link::mqtt::Qos,
    sample::Retained,
};

/// One topic template and what its payloads mean.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The topic.
    pub template: Template,
    /// The quality of service to ask for.
    pub qos: Qos,
    /// Without a message for this long, its tags are stale.
    pub stale_after: Duration,
    /// How what the broker had kept counts; none where it does not.
    pub retained: Option<Retained>,
    /// The machines that it is for: one, or those that the topic may name.
    pub machines: Arc<[Arc<str>]>,
    /// The class of machines that it discovers, if it does.
    pub discovers: Option<Arc<str>>,
    /// The tags of each of these machines.
    pub tags: Vec<MqttTag>,
    /// What reads its payloads.
    pub reader: Reader,
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
            ("text", Format::Text),
            ("json", Format::Json),
            ("senml", Format::Senml),
        ];
        let format = section.required_word("payload", &formats);
        let stale_after = section.required::<Duration>("stale_after");
        if stale_after.is_some_and(|after| after < Duration::from_secs(1)) {
            section.error("stale_after", "must be at least 1s");
        }
        let retained = [
            ("use", Some(Retained::Used)),
            ("state", Some(Retained::State)),
            ("ignore", None),
        ];
        let retained = section.word("retained", &retained);
        let retained = retained.unwrap_or(Some(Retained::Used));
        let class = section.optional::<Id>("class").map(|id| id.0);
        let discover = section.get("discover", false);
        let discovers = read_discover(&section, template.as_ref(), class.as_ref(), discover);
        let machines = read_machines(&section, template.as_ref(), class, discover, context);
        let means = read_means(&section, format, context.profiles);
        let (place, path) = (section.place().clone(), section.path().to_owned());
        section.finish();
        let means = means?;
        Some(Self {
            template: template?,
            qos,
            stale_after: stale_after?,
            retained,
            machines: machines.into(),
            discovers,
            tags: means.tags,
            reader: means.reader,
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

/// `discover = true`: the class of machines that are watched without being configured.
fn read_discover(
    section: &Section<'_>,
    template: Option<&Template>,
    class: Option<&Arc<str>>,
    discover: bool,
) -> Option<Arc<str>> {
    if !discover {
        return None;
    }
    if section.raw("class").is_none() {
        section.error(
            "discover",
            "needs a class: what is a machine that nobody configured? class = \"cnc-mill\"",
        );
    }
    if template.is_some_and(|template| !template.has(MACHINE)) {
        section.error("discover", "is for topics with {machine} in them");
    }
    class.cloned()
}

fn read_machines(
    section: &Section<'_>,
    template: Option<&Template>,
    class: Option<Arc<str>>,
    discover: bool,
    context: &Context<'_, '_>,
) -> Vec<Arc<str>> {
    let machine = section.optional::<Id>("machine").map(|id| id.0);
    let Some(template) = template else {
        return Vec::new();
    };
    let ids = || context.machines.iter().map(|(id, _)| id);
    match (template.has(MACHINE), machine) {
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
            if machines.is_empty() && !discover {
                let key = if class.is_some() { "class" } else { "topic" };
                section.warn(key, "is for no machine that is configured");
            }
            machines
        }
    }
}
