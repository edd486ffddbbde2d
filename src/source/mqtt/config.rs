//! `[[source.mqtt]]`: what the user typed, read and checked into what the source needs.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use url::Url;

pub use super::subscription::Subscription;
use super::{
    sparkplug::config::{NEVER_STALE, Settings, Watch},
    topic::to_id,
};
use crate::{
    config::{
        machine::Profiles,
        secret::Secret,
        section::{Problems, Section, Size},
        values::FileBeside,
    },
    link::certificate::Witness,
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
    /// Who notes what certificate it shows.
    pub witness: Option<Witness>,
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
    /// Nodes and devices of Sparkplug that are listened to.
    pub watches: Vec<Watch>,
    /// What its nodes are told and asked.
    pub sparkplug: Settings,
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
        let (mut subscriptions, mut watches) = (Vec::new(), Vec::new());
        for section in section.list_of_some("subscribe", "must list at least one topic") {
            match Watch::is(&section) {
                true => watches.extend(Watch::read(section, context)),
                false => subscriptions.extend(Subscription::read(section, context)),
            }
        }
        if section.raw("sparkplug").is_some() && watches.is_empty() {
            section.error(
                "sparkplug",
                "needs a subscription with payload = \"sparkplug_b\"",
            );
        }
        let sparkplug = Settings::read(&section);
        section.finish();
        let (host, port, _) = address?;
        Some(Self {
            name: name.into(),
            host,
            port,
            ca,
            witness: None,
            user,
            password,
            client_id,
            keep_alive,
            max_packet: usize::try_from(max_packet.0).unwrap_or(1 << 20),
            max_unacked: usize::try_from(max_unacked).unwrap_or(100),
            status_topic,
            subscriptions,
            watches,
            sparkplug,
        })
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
            specs.push(TagSpec {
                machine: Arc::clone(machine),
                tag: Arc::clone(&tag.tag),
                unit: Arc::clone(&tag.unit),
                decimals: tag.decimals,
                labels: crate::sample::Labels::default(),
                stale_after,
                modbus_unit: None,
            });
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
        let subscriptions = self.subscriptions.iter();
        let subscriptions = subscriptions.map(|it| (it.template.filter(), it.qos));
        let watches = self.watches.iter().map(|it| (it.filter(), it.qos));
        for (topic, qos) in subscriptions.chain(watches) {
            let topic: Arc<str> = topic.into();
            // Asked for twice, the broker would send everything twice, or use the level that was asked for last.
            match filters.iter_mut().find(|filter| filter.topic == topic) {
                Some(filter) if qos == Qos::AtLeastOnce => filter.qos = Qos::AtLeastOnce,
                Some(_) => {}
                None => filters.push(Filter { topic, qos }),
            }
        }
        Options {
            host: self.host.clone(),
            port: self.port,
            ca: self.ca.clone(),
            witness: self.witness.clone(),
            credentials: self.user.clone().map(|user| Credentials {
                user,
                password: Arc::new(reveal),
            }),
            secured: None,
            bind_device: None,
            clean: false,
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
