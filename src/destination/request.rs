//! What an attempt sends: one request, or a few that belong together. Sending is not done here.

use std::fmt;

use thiserror::Error;

use super::{Mailbox, Run, Signing, Veiled};

/// All that one attempt sends. Most send one request; a kind that also changes what it has sent before sends more, and one that has
/// several instances sends the same to each.
///
/// An attempt that breaks off is repeated from its beginning, so of several requests all but the last must be such that a repeat changes
/// nothing: the change of an older message first, the new message last.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// In their order, at least one.
    pub requests: Vec<Request>,
    /// Which of them have to be accepted.
    pub need: Need,
}

/// Which requests of an errand have to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Each; after the first that is not, the rest is not sent.
    Each,
    /// One; all are sent, whatever becomes of the others.
    Any,
}

impl Errand {
    /// These, one after the other; each has to be accepted.
    pub fn each(requests: Vec<HttpRequest>) -> Self {
        Self {
            requests: requests.into_iter().map(Request::Http).collect(),
            need: Need::Each,
        }
    }

    /// The same to several; one has to accept.
    pub fn any(requests: Vec<HttpRequest>) -> Self {
        Self {
            need: Need::Any,
            ..Self::each(requests)
        }
    }
}

impl Errand {
    /// How long its longest body is.
    pub fn bytes(&self) -> usize {
        let bytes = |request: &Request| match request {
            Request::Http(request) => request.body.shown().len(),
            Request::Mail(mail) => mail.text.len() + mail.html.len(),
            Request::Line(line) => line.len(),
            Request::Publish(publish) => publish.payload.len(),
            Request::Run(run) => run.input.len(),
        };
        self.requests.iter().map(bytes).max().unwrap_or(0)
    }
}

impl From<Request> for Errand {
    fn from(request: Request) -> Self {
        Self {
            requests: vec![request],
            need: Need::Each,
        }
    }
}

impl From<HttpRequest> for Errand {
    fn from(request: HttpRequest) -> Self {
        Request::Http(request).into()
    }
}

/// One request, by what carries it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Over HTTP.
    Http(HttpRequest),
    /// By SMTP.
    Mail(Box<MailRequest>),
    /// One line or message, without what tells it from the next.
    Line(String),
    /// A message to a broker.
    Publish(Publish),
    /// A run of a program.
    Run(Run),
}

/// A message to an MQTT broker, at QoS 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Never with wildcards.
    pub topic: String,
    /// What is said.
    pub payload: String,
    /// The broker keeps it for who subscribes later, in the place of the one before.
    pub retain: bool,
}

/// A mail, but for its date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRequest {
    /// Who it is from.
    pub from: Mailbox,
    /// Who gets it, at least one.
    pub to: Vec<Mailbox>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<Mailbox>,
    /// One line.
    pub subject: String,
    /// Its id, with angle brackets.
    pub message_id: String,
    /// The id of the mail that it follows, with angle brackets.
    pub follows: Option<String>,
    /// Further headers, ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// For people who read text.
    pub text: String,
    /// For people who see pages.
    pub html: String,
}

impl MailRequest {
    /// Its headers but the subject, in their order, as a person may see them.
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let to: Vec<&str> = self.to.iter().map(|to| to.email.as_str()).collect();
        let mut shown = vec![("From", self.from.email.clone()), ("To", to.join(", "))];
        shown.extend(
            self.reply_to
                .iter()
                .map(|to| ("Reply-To", to.email.clone())),
        );
        shown.push(("Message-ID", self.message_id.clone()));
        shown.extend(self.follows.iter().map(|id| ("In-Reply-To", id.clone())));
        shown.extend(self.headers.iter().cloned());
        shown
    }
}

/// An HTTP request whose secrets are named and not yet read.
#[derive(Clone, PartialEq)]
pub struct HttpRequest {
    /// `POST`
    pub method: &'static str,
    /// Where to; may hold tokens, so `Debug` leaves it out.
    pub url: Veiled,
    /// Names and values.
    pub headers: Vec<(String, Veiled)>,
    /// The exact bytes that are sent and signed.
    pub body: Veiled,
    /// How it is signed, if it is.
    pub sign: Option<Signing>,
}

impl HttpRequest {
    /// A `POST` of a body of this type.
    pub fn post(url: impl Into<Veiled>, content_type: &str, body: impl Into<Veiled>) -> Self {
        Self {
            method: "POST",
            url: url.into(),
            headers: vec![("content-type".to_owned(), content_type.into())],
            body: body.into(),
            sign: None,
        }
    }

    /// A `POST` of JSON.
    pub fn json(url: impl Into<Veiled>, body: impl Into<Veiled>) -> Self {
        Self::post(url, "application/json", body)
    }

    /// With one header more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Veiled>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a signature.
    #[must_use]
    pub fn signed(self, sign: Option<&Signing>) -> Self {
        Self {
            sign: sign.cloned(),
            ..self
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = self
            .headers
            .iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("headers", &headers)
            .field("body", &self.body.shown())
            .field("sign", &self.sign)
            .finish_non_exhaustive()
    }
}

/// Why a notice can never be told at this destination.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The notice names an event kind that this version does not know.
    #[error("event {id} is of the kind \"{kind}\", which this version does not know")]
    UnknownKind {
        /// The event.
        id: String,
        /// What it says.
        kind: String,
    },
    /// The payload cannot be written.
    #[error("the payload of event {id} cannot be written")]
    Payload {
        /// The event.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Several events cannot be told together.
    #[error("this kind of destination takes no digests")]
    NoDigest,
}
