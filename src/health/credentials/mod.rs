//! What the agent needs to be let in, and whom it trusts: secrets that cannot be used, and certificates that end.
//!
//! A secret or a file that cannot be used disables only what needs it; that is told when it is found, and not only when
//! somebody should have heard of an alert. What peers show is known once they were connected to, and not before.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    alert::{plant::Severity, signal::Signal},
    clock::{Now, Wall},
    config::{Settings, secret::Secret},
    delivery::attempt::{unusable, unusable_request, unusable_secret, unusable_server},
    destination::{Access, Destination, HttpRequest, Server, Signing, access::Identity},
    link::certificate::{End, Seen},
    source::mqtt::config::{Broker, MqttConfig},
};

/// The rule of a secret or certificate that cannot be used.
pub const SECRET_RULE: &str = "andon.secret";
/// The rule of a certificate that ends soon, or has ended.
pub const CERTIFICATE_RULE: &str = "andon.certificate";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long before its end a certificate is how bad, the worst first.
const STEPS: [(Duration, Severity); 3] = [
    (DAY, Severity::Error),
    (DAY.saturating_mul(7), Severity::Warning),
    (DAY.saturating_mul(30), Severity::Info),
];

/// What one destination, source or the heartbeat needs.
#[derive(Clone, Debug)]
pub struct Credential {
    /// `destination.ops`: the subject of alerts about it, and the name of its peer.
    pub subject: String,
    /// `destination ops`
    name: String,
    needs: Needs,
}

#[derive(Clone, Debug)]
enum Needs {
    Destination(Destination),
    Heartbeat(Access, Option<Signing>),
    Broker(Broker),
}

/// The name under which the peer of a destination is known.
pub fn destination_peer(name: &str) -> String {
    format!("destination.{name}")
}

/// The name under which the heartbeat's peer is known.
pub const HEARTBEAT_PEER: &str = "heartbeat";

/// The name under which a broker is known.
pub fn source_peer(name: &str) -> String {
    format!("source.{name}")
}

impl Credential {
    /// All that this configuration needs.
    pub fn all(settings: &Settings) -> Vec<Self> {
        let destinations = settings.parts.destinations.iter().map(|of| Self {
            subject: destination_peer(&of.name),
            name: format!("destination {}", of.name),
            needs: Needs::Destination(of.clone()),
        });
        let brokers = settings.parts.mqtt.iter().map(|of: &MqttConfig| Self {
            subject: source_peer(&of.name),
            name: format!("source {}", of.name),
            needs: Needs::Broker(of.broker.clone()),
        });
        let heartbeat = settings.heartbeat.iter().map(|of| Self {
            subject: HEARTBEAT_PEER.to_owned(),
            name: "the heartbeat".to_owned(),
            needs: Needs::Heartbeat(of.access.clone(), of.sign.clone()),
        });
        destinations.chain(brokers).chain(heartbeat).collect()
    }

    fn access(&self) -> Option<&Access> {
        match &self.needs {
            Needs::Destination(destination) => destination.access(),
            Needs::Heartbeat(access, _) => Some(access),
            Needs::Broker(_) => None,
        }
    }

    fn server(&self) -> Option<&Server> {
        match &self.needs {
            Needs::Destination(destination) => destination.server(),
            _ => None,
        }
    }

    /// The authority that is trusted, and our own certificate.
    fn files(&self) -> (Option<&PathBuf>, Option<&Identity>) {
        match (self.access(), self.server(), &self.needs) {
            (Some(access), ..) => (access.ca.as_ref(), access.identity.as_ref()),
            (_, Some(server), _) => (server.ca.as_ref(), server.identity.as_ref()),
            (.., Needs::Broker(broker)) => (broker.ca.as_ref(), broker.identity.as_ref()),
            _ => (None, None),
        }
    }

    fn is_tls(&self) -> bool {
        match (self.access(), self.server(), &self.needs) {
            (Some(access), ..) => access.is_tls(),
            (_, Some(server), _) => server.tls,
            (.., Needs::Broker(broker)) => broker.tls,
            _ => false,
        }
    }

    /// Why it cannot be used now.
    fn unusable(&self) -> Option<String> {
        let by_server = || self.server().and_then(unusable_server);
        let by_access = || self.access().and_then(unusable).or_else(by_server);
        match &self.needs {
            Needs::Destination(destination) => by_access().or_else(|| unusable_secret(destination)),
            Needs::Heartbeat(_, sign) => by_access()
                .or_else(|| unusable_request(&HttpRequest::json("", "").signed(sign.as_ref()))),
            Needs::Broker(broker) => {
                let by_files = broker.unusable();
                by_files.or_else(|| broker.password.as_ref().and_then(unread))
            }
        }
    }

    /// The alerts about it, raised or gone. What is said of certificates needs a clock that is right.
    fn look(&self, seen: &Seen, now: Now, found: &mut Vec<Signal>) {
        found.push(match self.unusable() {
            None => Signal::gone(SECRET_RULE, &self.subject),
            Some(why) => Signal::raised(
                SECRET_RULE,
                &self.subject,
                Severity::Error,
                format!("{} is off: {why}", self.name),
                "Mend the file or the secret; it is read again at the next attempt.",
            ),
        });
        if !now.synchronised {
            return;
        }
        for paper in self.papers() {
            let end = match &paper.lies {
                Lies::File(path, pick) => pick(End::in_file(path)),
                Lies::Peer(peer) => seen.of(peer),
            };
            if let Some(end) = end {
                found.push(paper.judge(&self.subject, &end, now.wall));
            }
        }
    }

    /// The subjects of all alerts that there may be about its certificates.
    pub fn subjects(&self) -> Vec<String> {
        let papers = self.papers().into_iter();
        papers
            .map(|paper| format!("{}.{}", self.subject, paper.key))
            .collect()
    }

    fn papers(&self) -> Vec<Paper> {
        let mut papers = Vec::new();
        let ((ca, identity), is_tls) = (self.files(), self.is_tls());
        let name = &self.name;
        if let Some(path) = ca.filter(|_| is_tls) {
            papers.push(Paper {
                key: "ca",
                what: format!(
                    "the authority in {} by which {name} is trusted",
                    path.display()
                ),
                action: "Put the next authority's certificate into the file beside the old one.",
                lies: Lies::File(path.clone(), last),
            });
        }
        if let Some(identity) = identity {
            papers.push(Paper {
                key: "client_cert",
                what: format!("our certificate for {name} in {}", identity.cert.display()),
                action: "Renew it and replace the files of `client_cert` and `client_key`.",
                lies: Lies::File(identity.cert.clone(), first),
            });
        }
        if is_tls {
            papers.push(Paper {
                key: "peer",
                what: format!("the certificate that {name} shows"),
                action: "Whoever runs it must renew it; the alert ends with the next connection after that.",
                lies: Lies::Peer(self.subject.clone()),
            });
        }
        papers
    }
}

/// A certificate and where it lies.
struct Paper {
    key: &'static str,
    what: String,
    action: &'static str,
    lies: Lies,
}

enum Lies {
    /// In a file, and which of its certificates counts.
    File(PathBuf, fn(Vec<End>) -> Option<End>),
    /// At the peer of this name.
    Peer(String),
}

/// Of a chain, the first that ends breaks it.
fn first(ends: Vec<End>) -> Option<End> {
    ends.into_iter().min_by_key(|end| end.at)
}

/// Of authorities, one that is good is enough: the old one stays beside the new one for a while.
fn last(ends: Vec<End>) -> Option<End> {
    ends.into_iter().max_by_key(|end| end.at)
}

impl Paper {
    fn judge(&self, of: &str, end: &End, now: Wall) -> Signal {
        let subject = format!("{of}.{}", self.key);
        let Some(severity) = severity(end.at, now) else {
            return Signal::gone(CERTIFICATE_RULE, &subject);
        };
        let ends = if end.at <= now { "has ended" } else { "ends" };
        let at = end.at.to_string();
        let (day, time) = at.split_once('T').unwrap_or((&at, "00:00"));
        let time = time.get(..5).unwrap_or(time);
        let message = format!(
            "{} ({}) {ends} on {day}, {time} UTC",
            self.what, end.subject
        );
        Signal::raised(CERTIFICATE_RULE, &subject, severity, message, self.action)
    }
}

/// How bad it is that a certificate ends then.
fn severity(end: Wall, now: Wall) -> Option<Severity> {
    let mut steps = STEPS.iter();
    let step = steps.find(|(before, _)| now + *before >= end);
    step.map(|(_, severity)| *severity)
}

fn unread(secret: &Secret) -> Option<String> {
    let error = secret.reveal().err()?;
    Some(format!("{:#}", anyhow::Error::from(error)))
}

/// Looks at all of them. Files are read, so this is not for the loop itself.
pub fn look(all: &Arc<Vec<Credential>>, seen: &Seen, now: Now) -> Vec<Signal> {
    let mut found = Vec::new();
    for credential in all.iter() {
        credential.look(seen, now, &mut found);
    }
    found
}

#[cfg(test)]
mod tests;
