//! A syslog server, by RFC 5424 over TCP (RFC 6587) or TLS (RFC 5425): a message for each event, with its fields as structured data.
//!
//! Syslog confirms nothing: what is accepted is what the connection took. A server that has died since its last word is noticed with
//! the next message. It is there for who reads logs and calls nobody.

use std::{fmt::Write as _, sync::Arc};

use super::{
    Abilities, Answer, Carrier, Errand, Kind, Outcome, RenderError, Request, Server, Terms, Told,
    access::server::Scheme, events, text,
};
use crate::{
    alert::event::EventKind,
    clock::Wall,
    config::section::{Section, Size},
};

/// Schemes of `url`. Over TCP people use many ports, so none is the usual one.
const SCHEMES: [Scheme; 2] = [("tcp", false, None), ("tls", true, Some(6514))];
/// Facilities by their numbers.
const FACILITIES: [(&str, u8); 24] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("ntp", 12),
    ("audit", 13),
    ("alert", 14),
    ("clock", 15),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];
/// The most characters of one value of the structured data.
const VALUE: usize = 200;
/// What a text begins with that is not ASCII.
const BOM: char = '\u{feff}';

/// How one message is told from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Its length stands before it (octet counting).
    Octets,
    /// A line feed stands after it.
    Line,
}

#[derive(Debug)]
struct Syslog {
    server: Server,
    framing: Framing,
    facility: u8,
    app_name: String,
    /// The name of the structured data: `andon@32473`.
    data_id: String,
    /// Bytes of a whole message.
    most: usize,
    events: Vec<EventKind>,
}

/// Reads `type = "syslog"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let terms = Terms {
        concurrency: 1,
        ..Terms::default()
    };
    let terms = Terms::read(section, terms);
    let events = events::read(section, &EventKind::ALL);
    let framings = [("octets", Framing::Octets), ("line", Framing::Line)];
    let framing = section.word("framing", &framings);
    let facility = section.word("facility", &FACILITIES).unwrap_or(16);
    let most = section.ranged("max_message", Size(8 << 10), Size(2 << 10)..=Size(64 << 10));
    let name = |key: &'static str, default: &str, most: usize| {
        let name: String = section.get(key, default.to_owned());
        if name.is_empty() || name.len() > most || name.contains(not_in_a_name) {
            section.error(key, format!("must be 1 to {most} letters, digits and marks of ASCII, without spaces, `=`, `]` and quotation marks"));
        }
        name
    };
    let app_name = name("app_name", "andon", 48);
    let data_id = name("data_id", "andon@32473", 32);
    let server = Server::read(section, &SCHEMES)?;
    if server.tls && framing == Some(Framing::Line) {
        section.error("framing", "is octets over TLS (RFC 5425)");
    }
    let syslog = Syslog {
        server,
        framing: framing.unwrap_or(Framing::Octets),
        facility,
        app_name,
        data_id,
        most: usize::try_from(most.0).unwrap_or(usize::MAX),
        events,
    };
    Some((Arc::new(syslog), terms))
}

impl Kind for Syslog {
    fn word(&self) -> &'static str {
        "syslog"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities::MESSAGE
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Syslog(&self.server, self.framing)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        Ok(Request::Line(self.message(told)?).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        (Outcome::said(answer), None)
    }
}

impl Syslog {
    fn message(&self, told: &Told<'_>) -> Result<String, RenderError> {
        let kind = told.kind()?;
        let priority = self.facility * 8 + severity(told, kind);
        let time = Wall::from_millis(told.notice.at);
        let host = header(&told.notice.site, 255);
        let app = &self.app_name;
        let head = format!("<{priority}>1 {time} {host} {app} - {} ", kind.word());
        let mut data = self.data(told, kind);
        let text = text::for_attempt(told.notice, told.attempt);
        // A server that splits at line feeds finds none.
        let text = text.replace(char::is_control, " ");
        let bom = if text.is_ascii() { 0 } else { BOM.len_utf8() };
        // A text that is cut to nothing tells people nothing, so the data gives way.
        if head.len() + data.len() + 1 + bom + text.len().min(512) > self.most {
            "-".clone_into(&mut data);
        }
        let room = self.most.saturating_sub(head.len() + data.len() + 1 + bom);
        let text = shorten_bytes(&text, room);
        let mut message = head + &data + " ";
        if !text.is_ascii() {
            message.push(BOM);
        }
        Ok(message + &text)
    }

    /// The structured data: how good the time is, and what the event is about.
    fn data(&self, told: &Told<'_>, kind: EventKind) -> String {
        let (notice, alert) = (told.notice, &told.notice.alert);
        let synced = u8::from(notice.synchronised);
        let mut data = format!(
            "[timeQuality tzKnown=\"1\" isSynced=\"{synced}\"][{}",
            self.data_id
        );
        let number = format!("A-{}", alert.number);
        let value = alert
            .value
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        let limit = alert
            .limit
            .map_or_else(String::new, |limit| limit.to_string());
        let by = notice.by.as_ref().filter(|_| !told.attempt.as_trigger);
        let yes = |is: bool| if is { "1" } else { "" };
        let pairs: [(&str, &str); 18] = [
            ("event", &format!("alert.{}", kind.word())),
            ("id", &notice.id),
            ("alert", &number),
            ("site", &notice.site),
            ("machine", &alert.machine),
            ("machineName", &alert.machine_name),
            ("rule", &alert.rule),
            ("severity", &alert.severity),
            ("state", &alert.state),
            ("tag", alert.tag.as_deref().unwrap_or_default()),
            ("value", &value),
            ("unit", &alert.unit),
            ("limit", &limit),
            ("by", by.map_or("", |by| &by.name)),
            ("dedupKey", &notice.dedup_key),
            ("url", alert.url.as_deref().unwrap_or_default()),
            ("test", yes(notice.test)),
            ("drill", yes(notice.drill)),
        ];
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            let value = escaped(&text::shorten(value, VALUE));
            let _ = write!(data, " {name}=\"{value}\"");
        }
        data.push(']');
        data
    }
}

/// RFC 5424's severities: an alert as bad as it is, an end as a notice.
fn severity(told: &Told<'_>, kind: EventKind) -> u8 {
    match told.notice.alert.severity.as_str() {
        _ if told.is_over() || kind.is_end() => 5,
        "critical" => 2,
        "error" => 3,
        "warning" => 4,
        _ => 6,
    }
}

/// A value of structured data (RFC 5424, 6.3.3): three characters are escaped, and nothing else is.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// A field of the header: visible ASCII, or a dash where there is none.
fn header(text: &str, most: usize) -> String {
    let visible = text.chars().filter(char::is_ascii_graphic);
    let text: String = visible.take(most).collect();
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

fn not_in_a_name(c: char) -> bool {
    !c.is_ascii_graphic() || matches!(c, '=' | ']' | '"')
}

/// At most so many bytes, with an ellipsis where something is cut off.
fn shorten_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests;
