//! An MQTT broker of the plant: for each watch a retained topic with its state, for displays that come later, and a topic where every event
//! passes, for what listens.
//!
//! The state comes first, so that an attempt that breaks off and is repeated changes nothing of it; a repeated event has the same `id`.
//! Both go at QoS 1 and count when the broker has acknowledged them. What is over stays retained, with its state. A broker keeps and
//! passes on; it calls nobody by itself.

use std::{fmt::Write as _, sync::Arc};

use super::{
    Abilities, Answer, Carrier, Errand, Kind, Need, Outcome, Publish, RenderError, Request, Server,
    Terms, Told, access::server::Scheme, events, webhook::native,
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

/// Schemes of `url` and their usual ports.
const SCHEMES: [Scheme; 2] = [("mqtt", false, Some(1883)), ("mqtts", true, Some(8883))];
/// The most bytes of a topic as it is written; what is filled in has at most 64 each.
const LONGEST: usize = 256;

/// A broker, as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// The way to it.
    pub server: Server,
    /// Version 5 is spoken there, not 3.1.1.
    pub version_5: bool,
    /// How we are called there; without it another name for each connection, which no other client has.
    pub client_id: Option<String>,
    /// Who logs in.
    pub login: Option<(String, Secret)>,
}

#[derive(Debug)]
struct Mqtt {
    broker: Broker,
    state: Topic,
    event: Topic,
    events: Vec<EventKind>,
}

/// Reads `type = "mqtt"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let terms = Terms::read(section, Terms::default());
    let events = events::read(section, &EventKind::ALL);
    let client_id: Option<String> = section.optional("client_id");
    if client_id
        .as_ref()
        .is_some_and(|id| id.is_empty() || id.len() > 128)
    {
        section.error("client_id", "must have 1 to 128 bytes");
    }
    let (user, password): (Option<String>, Option<Secret>) =
        (section.optional("user"), section.optional("password"));
    match (section.raw("user"), section.raw("password")) {
        (Some(_), None) => section.error(
            "password",
            "is missing; a user needs one: password = { file = \"broker.pw\" }",
        ),
        (None, Some(_)) => section.error("user", "is missing; a password needs one"),
        _ => {}
    }
    let topic = |key: &'static str, default: &str| {
        let text = section.get(key, default.to_owned());
        let parsed = Topic::parse(&text);
        parsed.map_err(|wrong| section.error(key, wrong)).ok()
    };
    let state = topic("state_topic", "andon/{site}/alerts/{machine}/{rule}");
    let event = topic("event_topic", "andon/{site}/events");
    if state.as_ref().is_some_and(|topic| !topic.is_of_one_watch()) {
        section.error("state_topic", "must have {machine} and {rule} in it, as each watch has a state of its own, and neither {event} nor {severity}, which change");
    }
    let server = Server::read(section, &SCHEMES)?;
    let broker = Broker {
        server,
        version_5: section.word("version", &[("3.1.1", false), ("5", true)]) == Some(true),
        client_id,
        login: user.zip(password),
    };
    let mqtt = Mqtt {
        broker,
        state: state?,
        event: event?,
        events,
    };
    Some((Arc::new(mqtt), terms))
}

impl Kind for Mqtt {
    fn word(&self) -> &'static str {
        "mqtt"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    /// A state stays as it is until its end is told.
    fn abilities(&self) -> Abilities {
        Abilities {
            stays_open: true,
            ends_tests: true,
            ..Abilities::MESSAGE
        }
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Mqtt(&self.broker)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let payload = told.json(&native::payload(told.notice, told.attempt)?)?;
        let kind = told.kind()?;
        let publish = |topic: &Topic, retain| {
            Request::Publish(Publish {
                topic: topic.filled(told, kind),
                payload: payload.clone(),
                retain,
            })
        };
        Ok(Errand {
            requests: vec![publish(&self.state, true), publish(&self.event, false)],
            need: Need::Each,
        })
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        (Outcome::said(answer), None)
    }
}

/// A topic with places to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Topic(Vec<(String, Option<Place>)>);

/// What is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Site,
    Machine,
    Rule,
    Severity,
    Event,
}

const PLACES: [(&str, Place); 5] = [
    ("site", Place::Site),
    ("machine", Place::Machine),
    ("rule", Place::Rule),
    ("severity", Place::Severity),
    ("event", Place::Event),
];

impl Topic {
    /// Pieces of text, most with a place behind them.
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST || text.starts_with('$') {
            return Err(format!(
                "must be a topic of 1 to {LONGEST} bytes that does not begin with $"
            ));
        }
        if text.contains(['+', '#']) || text.contains(char::is_control) {
            return Err(
                "has a wildcard or a control character in it, which nobody can publish to"
                    .to_owned(),
            );
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or("has a { without its }")?;
            let place = PLACES.iter().find(|(word, _)| *word == name);
            let (_, place) = place.ok_or_else(|| {
                let all = PLACES.map(|(word, _)| format!("{{{word}}}"));
                format!("has {{{name}}} in it, must be some of {}", all.join(", "))
            })?;
            pieces.push((before.to_owned(), Some(*place)));
            rest = behind;
        }
        pieces.push((rest.to_owned(), None));
        match pieces.iter().any(|(text, _)| text.contains('}')) {
            true => Err("has a } without its {".to_owned()),
            false => Ok(Self(pieces)),
        }
    }

    fn has(&self, place: Place) -> bool {
        self.0.iter().any(|(_, have)| *have == Some(place))
    }

    fn is_of_one_watch(&self) -> bool {
        let changes = self.has(Place::Event) || self.has(Place::Severity);
        self.has(Place::Machine) && self.has(Place::Rule) && !changes
    }

    fn filled(&self, told: &Told<'_>, kind: EventKind) -> String {
        let (notice, alert) = (told.notice, &told.notice.alert);
        let mut topic = String::new();
        for (text, place) in &self.0 {
            let value = place.map(|place| match place {
                Place::Site => notice.site.as_str(),
                Place::Machine => &alert.machine,
                Place::Rule => &alert.rule,
                Place::Severity => &alert.severity,
                Place::Event => kind.word(),
            });
            let _ = write!(topic, "{text}{}", value.map(level).unwrap_or_default());
        }
        topic
    }
}

/// One level of a topic. Ids have nothing in them that means anything to a broker; this holds even if one had.
fn level(value: &str) -> String {
    let means = |c: char| matches!(c, '+' | '#' | '/') || c.is_control();
    let level = value.replace(means, "_");
    if level.is_empty() {
        "-".to_owned()
    } else {
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::testbed::{attempt, notice, read, sent};

    #[test]
    fn the_state_is_retained_and_comes_before_the_event() {
        let broker =
            read("type = \"mqtt\"\nurl = \"mqtts://broker.example.com\"").expect("a destination");
        let requests = sent(&broker, &notice(EventKind::Triggered), &attempt(), None);
        let [state, event] = requests.as_slice() else {
            panic!("{requests:?}");
        };
        assert_eq!(
            (state.method, state.url.as_str()),
            ("RETAIN", "andon/plant-7/alerts/mill-1/spindle-overtemp")
        );
        assert_eq!(
            (event.method, event.url.as_str()),
            ("PUBLISH", "andon/plant-7/events")
        );
        assert_eq!(state.body, event.body);
    }

    #[test]
    fn nothing_that_is_filled_in_can_be_a_wildcard_or_a_level_more() {
        let more = "type = \"mqtt\"\nurl = \"mqtt://broker.example.com\"\nevent_topic = \"a/{machine}/{severity}/{event}/x\"";
        let broker = read(more).expect("a destination");
        let mut bad = notice(EventKind::Resolved);
        bad.alert.machine = "+/#\u{0}\n".to_owned();
        bad.alert.severity = String::new();
        let topics: Vec<String> = sent(&broker, &bad, &attempt(), None)
            .into_iter()
            .map(|sent| sent.url)
            .collect();
        assert_eq!(
            topics,
            [
                "andon/plant-7/alerts/_____/spindle-overtemp",
                "a/_____/-/resolved/x"
            ]
        );
    }

    #[test]
    fn a_topic_that_cannot_be_one_is_a_mistake() {
        for (bad, why) in [
            ("", "1 to 256"),
            ("$SYS/{machine}", "1 to 256"),
            ("a/+/b", "wildcard"),
            ("a/#", "wildcard"),
            ("a/{machine", "without its }"),
            ("a/machine}", "without its {"),
            ("a/{tag}", "{site}, {machine}"),
        ] {
            let wrong = Topic::parse(bad).expect_err(bad);
            assert!(wrong.contains(why), "{bad}: {wrong}");
        }
    }
}
