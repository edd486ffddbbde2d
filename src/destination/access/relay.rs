//! How a mail relay is reached (SMTP), as far as its configuration says.

use std::time::Duration;

use url::Url;

use super::{Identity, Server};
use crate::config::{
    secret::Secret,
    section::{Read, Section},
    tree::{Node, Value},
    values::FileBeside,
};

/// The way to a mail relay.
#[derive(Clone, Debug, PartialEq)]
pub struct Relay {
    /// Where it is; it is spoken to over TLS unless its protection is none.
    pub server: Server,
    /// How the connection is protected.
    pub protection: Protection,
    /// Who we are there, if it asks.
    pub user: Option<(String, Secret)>,
}

/// How a connection to a relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// By STARTTLS, or nothing is sent.
    StartTls,
    /// From its first byte on.
    Implicit,
    /// Not at all.
    None,
}

impl Protection {
    /// The port that is usual for it.
    fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

impl Relay {
    /// Reads `server` and the keys that belong to it.
    pub fn read(section: &Section<'_>, timeout: Duration) -> Option<Self> {
        let server = section.required::<Place>("server");
        let words = [
            ("starttls", Protection::StartTls),
            ("implicit", Protection::Implicit),
            ("none", Protection::None),
        ];
        let word = section.word("tls", &words);
        let allow_plain = section.get("allow_plain", false);
        let user = read_user(section);
        let ca = section.optional::<FileBeside>("ca").map(|file| file.0);
        let (identity, bind) = (Identity::read(section), section.optional("bind"));
        let timeout = section.ranged(
            "timeout",
            timeout,
            Duration::from_secs(1)..=Duration::from_secs(60),
        );
        let allow_addresses = section.get("allow_addresses", Vec::new());
        let place = server?;
        let tls = match (place.secure, word) {
            (true, Some(Protection::StartTls | Protection::None)) => {
                section.error("tls", "is not for smtps://, which is encrypted from its first byte on; write smtp:// or leave `tls` out");
                return None;
            }
            (true, _) => Protection::Implicit,
            (false, word) => word.unwrap_or(Protection::StartTls),
        };
        if tls == Protection::None && !allow_plain {
            section.error("tls", "is \"none\": everybody on the way could read and change the mail; if that is meant, set `allow_plain = true`");
            return None;
        }
        if tls == Protection::None && user.is_some() {
            section.warn("password", "is sent in the open, as `tls` is \"none\"");
        }
        Some(Self {
            server: Server {
                key: "server",
                host: place.host,
                port: place.port.unwrap_or(tls.port()),
                tls: tls != Protection::None,
                timeout,
                ca,
                allow_addresses,
                identity,
                bind,
            },
            protection: tls,
            user,
        })
    }
}

fn read_user(section: &Section<'_>) -> Option<(String, Secret)> {
    let user = section.optional::<String>("user");
    let password = section.optional::<Secret>("password");
    let there = |key| section.raw(key).is_some();
    for (given, needed) in [("user", "password"), ("password", "user")] {
        if there(given) && !there(needed) {
            section.error(given, format!("is of no use without `{needed}`"));
        }
    }
    user.zip(password)
}

/// `smtp://relay.plant.local:587`
struct Place {
    host: String,
    port: Option<u16>,
    secure: bool,
}

impl Read for Place {
    const EXPECTED: &'static str =
        "a mail relay like \"smtp://relay.plant.local:587\" or \"smtps://mail.example.com\"";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        // None of these messages repeats the text, which may hold a password.
        let wrong = || format!("must be {}, with nothing after it", Self::EXPECTED);
        let url = Url::parse(text).map_err(|_| wrong())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "must not hold a user or password; they are `user` and `password`".to_owned(),
            );
        }
        let secure = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(wrong()),
        };
        let bare =
            matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if !bare || host.is_empty() || url.port() == Some(0) {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_lowercase(),
            port: url.port(),
            secure,
        })
    }
}
