//! What `init` asks for, and which answers it takes.

use std::{path::PathBuf, sync::Arc};

use url::{Host, Url};

use super::{
    Args,
    ask::{Asker, Question},
};
use crate::{cli::exit::Failure, config::section::Id};

/// Everything that a first configuration needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answers {
    pub(super) site: Arc<str>,
    pub(super) site_name: String,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) source: Source,
    pub(super) machine: Arc<str>,
    pub(super) tag: Arc<str>,
    pub(super) limit: f64,
    pub(super) destination: Option<Hook>,
}

/// What is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Modbus {
        /// `tcp://192.168.10.21:502`
        address: String,
        unit: u8,
        register: String,
        form: String,
    },
    Mqtt {
        url: String,
        ca: Option<String>,
        topic: String,
    },
}

/// Who is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hook {
    pub(super) url: Url,
    pub(super) secret_file: Option<String>,
}

impl Answers {
    /// Takes what the flags say and asks for the rest.
    pub(super) fn ask(args: &Args, asker: &mut Asker<'_, '_>) -> Result<Self, Failure> {
        let site = ask_id(
            asker,
            "site",
            &args.site,
            "Id of this plant, like plant-7",
            None,
        )?;
        let site_name = asker.ask(
            &Question {
                flag: "site-name",
                given: args.site_name.as_deref(),
                text: "Its name for people",
                default: Some(&site),
            },
            one_line,
        )?;
        let source = ask_source(args, asker)?;
        let machine = ask_id(
            asker,
            "machine",
            &args.machine,
            "Id of the machine that it measures",
            Some("machine-1"),
        )?;
        let tag = ask_id(
            asker,
            "tag",
            &args.tag,
            "What is measured, like spindle_temp",
            Some("temperature"),
        )?;
        let limit = asker.ask(
            &Question {
                flag: "limit",
                given: args.limit.as_deref(),
                text: "Alert above which value",
                default: Some("85"),
            },
            number,
        )?;
        Ok(Self {
            site,
            site_name,
            data_dir: args.data_dir.clone(),
            source,
            machine,
            tag,
            limit,
            destination: ask_destination(args, asker)?,
        })
    }
}

fn ask_id(
    asker: &mut Asker<'_, '_>,
    flag: &'static str,
    given: &Option<String>,
    text: &str,
    default: Option<&str>,
) -> Result<Arc<str>, Failure> {
    let question = Question {
        flag,
        given: given.as_deref(),
        text,
        default,
    };
    let read = |text: &str| match Id::new(text) {
        Some(id) => Ok(id.0),
        None => Err("must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`".to_owned()),
    };
    asker.ask(&question, read)
}

/// Where a source is, before what is read there is known.
enum Origin {
    Modbus(String),
    Mqtt { url: String, tls: bool },
}

fn ask_source(args: &Args, asker: &mut Asker<'_, '_>) -> Result<Source, Failure> {
    let question = Question {
        flag: "source",
        given: args.source.as_deref(),
        text: "What to read, like modbus://192.168.10.21:502 or mqtt://broker.plant.local:1883",
        default: None,
    };
    match asker.ask(&question, origin)? {
        Origin::Modbus(address) => ask_modbus(address, args, asker),
        Origin::Mqtt { url, tls } => ask_mqtt(url, tls, args, asker),
    }
}

fn ask_modbus(address: String, args: &Args, asker: &mut Asker<'_, '_>) -> Result<Source, Failure> {
    let unit = Question {
        flag: "unit",
        given: args.unit.as_deref(),
        text: "Modbus unit id",
        default: Some("1"),
    };
    let register = Question {
        flag: "register",
        given: args.register.as_deref(),
        text: "Register, counted from 0",
        default: Some("holding:0"),
    };
    let form = Question {
        flag: "type",
        given: args.form.as_deref(),
        text: "What it holds: u16, i16, u32, i32 or f32",
        default: Some("u16"),
    };
    Ok(Source::Modbus {
        address,
        unit: asker.ask(&unit, unit_id)?,
        register: asker.ask(&register, self::register)?,
        form: asker.ask(&form, self::form)?,
    })
}

fn ask_mqtt(
    url: String,
    tls: bool,
    args: &Args,
    asker: &mut Asker<'_, '_>,
) -> Result<Source, Failure> {
    let ca = Question {
        flag: "ca",
        given: args.ca.as_deref(),
        text: "File with the CA of the broker (PEM)",
        default: Some("/etc/andon/broker-ca.pem"),
    };
    let ca = tls.then(|| asker.ask(&ca, one_line)).transpose()?;
    let topic = Question {
        flag: "topic",
        given: args.topic.as_deref(),
        text: "Topic that carries the number, like plant/mill-1/temperature",
        default: None,
    };
    let topic = asker.ask(&topic, self::topic)?;
    Ok(Source::Mqtt { url, ca, topic })
}

fn ask_destination(args: &Args, asker: &mut Asker<'_, '_>) -> Result<Option<Hook>, Failure> {
    let url = Question {
        flag: "destination",
        given: args.destination.as_deref(),
        text: "Webhook to tell, like https://ops.example.com/andon",
        default: Some(""),
    };
    let Some(url) = asker.ask(&url, webhook)? else {
        return Ok(None);
    };
    let secret = Question {
        flag: "secret-file",
        given: args.secret_file.as_deref(),
        text: "File with its signing secret",
        default: Some(""),
    };
    let secret_file = asker.ask(&secret, |text| match text {
        "" => Ok(None),
        path => one_line(path).map(Some),
    })?;
    Ok(Some(Hook { url, secret_file }))
}

fn one_line(text: &str) -> Result<String, String> {
    match text.is_empty() || text.chars().any(char::is_control) {
        true => Err("must be a text of one line".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| "must be a number like 85 or 85.5".to_owned())
}

fn unit_id(text: &str) -> Result<u8, String> {
    let unit = text
        .parse()
        .ok()
        .filter(|unit| *unit <= 247 || *unit == 255);
    unit.ok_or_else(|| "must be 0 to 247, or 255 for a device without a bus".to_owned())
}

fn register(text: &str) -> Result<String, String> {
    let number = text
        .strip_prefix("holding:")
        .or_else(|| text.strip_prefix("input:"));
    match number.map(str::parse::<u16>) {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err("must be like holding:100 or input:100, 0 to 65535".to_owned()),
    }
}

fn form(text: &str) -> Result<String, String> {
    match ["u16", "i16", "u32", "i32", "f32"].contains(&text) {
        true => Ok(text.to_owned()),
        false => Err("must be u16, i16, u32, i32 or f32".to_owned()),
    }
}

fn topic(text: &str) -> Result<String, String> {
    match text.contains(['+', '#', '{', '}', '$']) || text.is_empty() {
        true => Err("must be one topic, without wildcards; add those in the file".to_owned()),
        false => one_line(text),
    }
}

fn origin(text: &str) -> Result<Origin, String> {
    const EXPECTED: &str = "must be like modbus://192.168.10.21:502 or mqtt://broker:1883";
    let url = Url::parse(text).map_err(|_| EXPECTED.to_owned())?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or(EXPECTED)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user in it; write `user` and `password` into the file later".to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{EXPECTED}, with nothing behind the port"));
    }
    let with_port =
        |scheme: &str, usual: u16| format!("{scheme}://{host}:{}", url.port().unwrap_or(usual));
    match url.scheme() {
        "modbus" | "tcp" => Ok(Origin::Modbus(with_port("tcp", 502))),
        "mqtt" => Ok(Origin::Mqtt {
            url: with_port("mqtt", 1883),
            tls: false,
        }),
        "mqtts" => Ok(Origin::Mqtt {
            url: with_port("mqtts", 8883),
            tls: true,
        }),
        _ => Err(EXPECTED.to_owned()),
    }
}

fn webhook(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        Some(url) => Ok(Some(url)),
        None => Err("must begin with https:// or http://".to_owned()),
    }
}

impl Hook {
    /// The network and port that must be allowed, where the URL itself shows that it is not public.
    pub(super) fn private(&self) -> Option<String> {
        let port = self.url.port_or_known_default()?;
        match self.url.host()? {
            Host::Ipv4(ip) if ip.is_private() || ip.is_loopback() => {
                Some(format!("{ip}/32:{port}"))
            }
            Host::Ipv6(ip) if ip.is_unique_local() || ip.is_loopback() => {
                Some(format!("[{ip}/128]:{port}"))
            }
            _ => None,
        }
    }
}
