//! What tests of destinations share: reading one from a few lines, what is told, and what would be sent.

use super::{
    Answer, Destination, Errand, HttpRequest, MailRequest, Outcome, Request,
    notice::{Attempt, Notice},
    text::tests::{event, site},
};
use crate::{
    alert::event::EventKind,
    config::{
        section::{Problems, Section},
        tree::{Node, Place, Value},
    },
};

/// Reads a destination called `ops`; the mistakes if there are any.
pub(crate) fn read(toml: &str) -> Result<Destination, Vec<String>> {
    let tree = node(toml.parse::<toml::Table>().expect("TOML").into());
    let problems = Problems::new();
    let destination = Destination::read("ops", Section::root(&tree, &problems));
    let found: Vec<String> = problems
        .into_sorted()
        .iter()
        .filter(|problem| !problem.warning)
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    match destination {
        Some(destination) if found.is_empty() => Ok(destination),
        _ => Err(found),
    }
}

pub(in crate::destination) fn node(value: toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(bit) => Value::Bool(bit),
        toml::Value::Array(items) => Value::List(items.into_iter().map(node).collect()),
        toml::Value::Table(table) => Value::Table(
            table
                .into_iter()
                .map(|(key, value)| (key, node(value)))
                .collect(),
        ),
        toml::Value::Datetime(_) => panic!("no dates here"),
    };
    Node {
        value,
        place: Place {
            file: "a.toml".into(),
            line: 1,
        },
    }
}

/// What is told of the story of one alert, at the step of `kind`.
pub(in crate::destination) fn notice(kind: EventKind) -> Notice {
    Notice::of(&event(kind), &site(), true)
}

pub(in crate::destination) fn attempt() -> Attempt {
    Attempt {
        stream: "01JQSTREAM0000000000000000".to_owned(),
        sequence: 42,
        now_seconds: 1_775_291_405,
        ..Attempt::default()
    }
}

/// A request with stars in the place of its secrets.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::destination) struct Sent {
    pub(in crate::destination) method: &'static str,
    pub(in crate::destination) url: String,
    pub(in crate::destination) headers: Vec<(String, String)>,
    pub(in crate::destination) body: String,
}

impl Sent {
    fn of(request: &HttpRequest) -> Self {
        let headers = request.headers.iter();
        Self {
            method: request.method,
            url: request.url.shown(),
            headers: headers
                .map(|(name, value)| (name.clone(), value.shown()))
                .collect(),
            body: request.body.shown(),
        }
    }

    fn mail(mail: &MailRequest) -> Self {
        let to: Vec<&str> = mail.to.iter().map(|to| to.email.as_str()).collect();
        let headers = mail.shown().into_iter();
        Self {
            method: "MAIL",
            url: format!("mailto:{}", to.join(",")),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body: format!("Subject: {}\n\n{}\n{}", mail.subject, mail.text, mail.html),
        }
    }
}

/// All requests of one attempt.
pub(in crate::destination) fn sent(
    destination: &Destination,
    notice: &Notice,
    attempt: &Attempt,
    thread: Option<&str>,
) -> Vec<Sent> {
    let worded = destination.worded(notice, attempt);
    let told = destination.told(&worded, attempt, thread);
    all_of(&destination.render(&told).expect("an errand"))
}

/// All requests of an errand.
pub(in crate::destination) fn all_of(errand: &Errand) -> Vec<Sent> {
    let sent = |request: &Request| match request {
        Request::Http(request) => Sent::of(request),
        Request::Mail(mail) => Sent::mail(mail),
        Request::Publish(publish) => Sent {
            method: if publish.retain { "RETAIN" } else { "PUBLISH" },
            url: publish.topic.clone(),
            headers: Vec::new(),
            body: publish.payload.clone(),
        },
        Request::Run(run) => Sent {
            method: "RUN",
            url: String::new(),
            headers: (run.environment.iter())
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            body: run.input.clone(),
        },
        Request::Line(line) => Sent {
            method: "LINE",
            url: String::new(),
            headers: Vec::new(),
            body: line.clone(),
        },
    };
    errand.requests.iter().map(sent).collect()
}

/// What an answer to the telling of this kind of event means, and what is kept.
pub(in crate::destination) fn meant(
    destination: &Destination,
    kind: EventKind,
    answer: &Answer,
) -> (Outcome, Option<String>) {
    let (notice, attempt) = (notice(kind), attempt());
    destination.interpret(&destination.told(&notice, &attempt, None), answer)
}

/// What this answer to a trigger means at the destination of this configuration: an end, a wait, a retry, or acceptance.
pub(in crate::destination) fn verdict(config: &str, status: u16, body: &str) -> &'static str {
    let destination = read(config).expect("a destination");
    let answer = Answer {
        status,
        body: body.to_owned(),
        synchronised: true,
        ..Answer::default()
    };
    match meant(&destination, EventKind::Triggered, &answer).0 {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Failed {
            retry_after: None, ..
        } => "retry",
        Outcome::Failed { .. } => "pause",
        Outcome::Refused { give_up: true, .. } => "given up",
        Outcome::Refused { .. } => "mended",
        Outcome::Unreachable { .. } => "unreachable",
    }
}
