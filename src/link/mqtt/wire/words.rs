//! What brokers answer, in words for people that follow the broker's name: what it did and what to do.

use std::fmt::{self, Write as _};

/// How much is repeated of what a broker says.
const MOST: usize = 200;

pub(super) fn login(said: Option<&str>) -> String {
    with(
        "refused the login; check user and password".to_owned(),
        said,
    )
}

pub(super) fn client_id(said: Option<&str>) -> String {
    with("refused the client id; set `client_id`".to_owned(), said)
}

pub(super) fn unavailable(said: Option<&str>) -> String {
    with("is not available now".to_owned(), said)
}

pub(super) fn other_version(not: &str, but: &str) -> String {
    format!("does not speak MQTT {not}; set version = \"{but}\"")
}

pub(super) fn status(code: impl fmt::Debug, said: Option<&str>) -> String {
    let why = spoken(code, said);
    format!("cannot keep our status ({why}); leave `status_topic` out")
}

pub(super) fn elsewhere(where_to: Option<&str>) -> String {
    match where_to {
        Some(other) => format!("wants its clients to go to {}; set `url`", plain(other)),
        None => "wants its clients to go to another broker; set `url`".to_owned(),
    }
}

pub(super) fn no_access(said: Option<&str>) -> String {
    let text = "the broker refused the subscription; check its access rules";
    with(text.to_owned(), said)
}

/// A packet that is fine and has no business here.
pub(super) fn unexpected(packet: &impl fmt::Debug) -> String {
    let whole = format!("{packet:?}");
    let kind: String = whole
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    format!("a packet that only clients send, or that was not asked for ({kind})")
}

/// A reason code, which is named as the standard does, and what the broker adds to it: `quota exceeded (50 per hour)`.
pub(super) fn spoken(code: impl fmt::Debug, said: Option<&str>) -> String {
    let mut words = String::new();
    for c in format!("{code:?}").replace("QoS", "Qos").chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    with(words, said)
}

fn with(mut text: String, said: Option<&str>) -> String {
    if let Some(said) = said.filter(|said| !said.trim().is_empty()) {
        let _ = write!(text, " ({})", plain(said));
    }
    text
}

/// A stranger's text on one line of a log.
fn plain(said: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    said.trim().chars().map(shown).take(MOST).collect()
}
