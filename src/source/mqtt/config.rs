//! `[[source.mqtt]]`: what the user typed, read and checked into what the source needs.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use url::Url;

use super::{
    payload::{Format, MqttTag},
    topic::{Template, to_id},
};
use crate::{
    config::{
        machine::{self, Profiles},
        secret::Secret,
        section::{Id, Problems, Section, Size},
        tree::{Node, Place, Value},
        values::FileBeside,
    },
    link::mqtt::{Credentials, Filter, Options, Qos, Status, Timing},
    source::TagSpec,
};

/// A packet may be this many times `max_packet` before it ends the connection. What is between is reported as
/// malformed for the machine that sent it, so that one machine's mistake does not cut off the others.
const SLACK: usize = 16;

/// One broker.
#[derive(Clone, Debug)]
pub struct MqttConfig {
    /// The source's name.
    pub name: Arc<str>,
    /// Name or address of the broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// CA certificates; TLS is used if there are any.
    pub ca: Option<PathBuf>,
    /// Who logs in.
    pub user: Option<String>,
    /// With which password.
    pub password: Option<Secret>,
    /// Names the session at the broker.
    pub client_id: String,
    /// How often the broker hears something at least.
    pub keep_alive: Duration,
    /// Bytes; larger payloads are malformed.
    pub max_packet: usize,
    /// How many messages may wait for their commit before reading stops.
    pub max_unacked: usize,
    /// Where `online` and `offline` are published, retained.
    pub status_topic: Option<String>,
    /// What is listened to.
    pub subscriptions: Vec<Subscription>,
}

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
    place: Place,
    path: String,
}

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
        let address = section.required::<String>("url").and_then(|url| {
            let address = parse_url(&url);
            address.map_err(|why| section.error("url", why)).ok()
        });
        let ca = section.optional::<FileBeside>("ca").map(|file| file.0);
        match (&address, &ca) {
            (Some((.., true)), None) if section.raw("ca").is_none() => section.error(
                "ca",
                "is missing; mqtts needs the file (PEM) with the CA that signed the broker's certificate",
            ),
            (Some((.., false)), Some(_)) => section.error("ca", "is for mqtts://, `url` says mqtt://"),
            _ => {}
        }
        let user = section.optional::<String>("user");
        let password = section.optional::<Secret>("password");
        if password.is_some() && section.raw("user").is_none() {
            section.error("user", "is missing; MQTT has no password without a user");
        }
        let client_id = section.optional::<String>("client_id").unwrap_or_else(|| {
            let default = to_id(&format!("andon-{}-{name}", context.site));
            default.map_or_else(|| "andon".to_owned(), |id| id.0.to_string())
        });
        if client_id.is_empty() || client_id.len() > 128 {
            section.error("client_id", "must have 1 to 128 bytes");
        }
        let seconds = Duration::from_secs;
        let keep_alive = section.ranged("keep_alive", seconds(15), seconds(5)..=seconds(600));
        let max_packet =
            section.ranged("max_packet", Size(1 << 20), Size(1 << 10)..=Size(16 << 20));
        let max_unacked = section.ranged("max_unacked", 100_i64, 1..=1000);
        let status_topic = section.optional::<String>("status_topic");
        if let Some(topic) = &status_topic
            && (topic.is_empty() || topic.contains(['+', '#', '{', '}']))
        {
            section.error("status_topic", "must be a topic without wildcards");
        }
        let list = section.list_of_some("subscribe", "must list at least one topic");
        let subscriptions = list.into_iter();
        let subscriptions: Vec<_> = subscriptions
            .filter_map(|section| Subscription::read(section, context))
            .collect();
        section.finish();
        let (host, port, _) = address?;
        Some(Self {
            name: name.into(),
            host,
            port,
            ca,
            user,
            password,
            client_id,
            keep_alive,
            max_packet: usize::try_from(max_packet.0).unwrap_or(1 << 20),
            max_unacked: usize::try_from(max_unacked).unwrap_or(100),
            status_topic,
            subscriptions,
        })
    }

    /// The tags that this source promises. The same tag of the same machine from two topics is a mistake: nobody could
    /// say which of them is right.
    pub fn tags(&self, problems: &Problems) -> Vec<TagSpec> {
        let mut from: HashMap<(&str, &str), &str> = HashMap::new();
        let mut specs = Vec::new();
        for subscription in &self.subscriptions {
            for (machine, tag) in subscription.machine_tags() {
                if let Some(other) = from.insert((machine, &tag.tag), &subscription.path) {
                    let message =
                        format!("gives {machine}/{}, which {other} gives already", tag.tag);
                    problems.error(Some(&subscription.place), &subscription.path, message);
                    continue;
                }
                specs.push(TagSpec {
                    machine: Arc::clone(machine),
                    tag: Arc::clone(&tag.tag),
                    unit: Arc::clone(&tag.unit),
                    decimals: tag.decimals,
                    stale_after: subscription.stale_after,
                    modbus_unit: None,
                });
            }
        }
        specs
    }

    /// What people look for when it is silent: `broker.plant.local:8883`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// How the connection is made.
    pub(super) fn link(&self) -> Options {
        let password = self.password.clone();
        let reveal = move || match &password {
            Some(secret) => match secret.reveal() {
                Ok(revealed) => Ok(revealed.to_string()),
                Err(error) => Err(error.to_string()),
            },
            None => Ok(String::new()),
        };
        let mut filters: Vec<Filter> = Vec::new();
        for subscription in &self.subscriptions {
            let topic: Arc<str> = subscription.template.filter().into();
            // Asked for twice, the broker would send everything twice, or use the level that was asked for last.
            match filters.iter_mut().find(|filter| filter.topic == topic) {
                Some(filter) if subscription.qos == Qos::AtLeastOnce => {
                    filter.qos = Qos::AtLeastOnce
                }
                Some(_) => {}
                None => filters.push(Filter {
                    topic,
                    qos: subscription.qos,
                }),
            }
        }
        Options {
            host: self.host.clone(),
            port: self.port,
            ca: self.ca.clone(),
            credentials: self.user.clone().map(|user| Credentials {
                user,
                password: Arc::new(reveal),
            }),
            client_id: self.client_id.clone(),
            keep_alive: self.keep_alive,
            max_payload: self.max_packet,
            max_packet: self.max_packet.saturating_mul(SLACK).min(64 << 20),
            max_unacked: self.max_unacked,
            filters,
            status: self.status_topic.clone().map(|topic| Status {
                topic,
                online: "online".to_owned(),
                offline: "offline".to_owned(),
            }),
            timing: Timing::default(),
        }
    }
}

impl Subscription {
    fn read<'s>(section: Section<'s>, context: &Context<'_, 's>) -> Option<Self> {
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
        let later = |node: &Node| matches!(&node.value, Value::Text(text) if text == "sparkplug_b");
        let format = if section.raw("payload").is_some_and(later) {
            section.error(
                "payload",
                "is sparkplug_b, which is not supported by this version; number, bool and json are",
            );
            None
        } else {
            section.required_word("payload", &formats)
        };
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

    fn machine_tags(&self) -> impl Iterator<Item = (&Arc<str>, &MqttTag)> {
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

fn read_tag(section: &Section<'_>, path: Option<String>) -> Option<MqttTag> {
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

/// Host, port, and whether TLS is used.
fn parse_url(text: &str) -> Result<(String, u16, bool), String> {
    const EXPECTED: &str = "must be mqtt://host:1883 or mqtts://host:8883";
    let url = Url::parse(text).map_err(|_| EXPECTED.to_owned())?;
    let (tls, port) = match url.scheme() {
        "mqtt" => (false, 1883),
        "mqtts" => (true, 8883),
        _ => return Err(EXPECTED.to_owned()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{EXPECTED}; `user` and `password` are keys of their own"
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{EXPECTED}, with nothing after it"));
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| EXPECTED.to_owned())?;
    if tls && host.starts_with('[') {
        return Err("must name the broker for mqtts, not give its IPv6 address".to_owned());
    }
    Ok((host.to_owned(), url.port().unwrap_or(port), tls))
}
