//! Mail by SMTP: the only place that knows lettre.
//!
//! One connection for each mail: dialled through the [`Guard`](super::guard::Guard), encrypted as our other connections are before lettre
//! speaks on it, and left at once. It retries nothing and does not decide what an answer means.

use std::{sync::Arc, time::Duration};

use lettre::{
    Address,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::AsyncSmtpConnection,
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::Response,
    },
};
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::timeout};

pub use self::letter::{Letter, Mailbox};
use self::{
    line::Line,
    stop::{Step, Stop, broken, stopped},
};
use super::{
    dial::{dial, encrypt},
    http::{BuildError, CONNECT_TIMEOUT, CallError, Settings, tls},
};
use crate::clock::Wall;

mod letter;
mod line;
mod starttls;
mod stop;

/// How long a relay may take to say goodbye; nothing depends on it.
const FAREWELL: Duration = Duration::from_millis(500);

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// Plain at first; the mail is not sent unless TLS follows.
    StartTls,
    /// TLS from the first byte on.
    Implicit,
}

/// Who we are at the relay.
#[derive(Clone, Copy)]
pub struct Login<'l> {
    /// The user.
    pub user: &'l str,
    /// The password.
    pub password: &'l str,
}

/// What a relay answered last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code of RFC 5321: 250.
    pub code: u16,
    /// What it answers: [`Step::word`].
    pub to: &'static str,
    /// What it said, its lines joined, and who of the recipients was not taken.
    pub text: String,
}

/// A relay and the way to it.
pub struct SmtpClient {
    host: String,
    port: u16,
    security: Security,
    settings: Settings,
    /// Whom it believes; none where nothing is encrypted.
    tls: Option<Arc<ClientConfig>>,
}

impl std::fmt::Debug for SmtpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SmtpClient({}:{})", self.host, self.port)
    }
}

impl SmtpClient {
    /// A client for the relay at this host and port. It opens no connection yet.
    ///
    /// # Errors
    /// [`BuildError`] when the certificates cannot be read.
    pub fn new(
        (host, port): (&str, u16),
        security: Security,
        settings: Settings,
    ) -> Result<Self, BuildError> {
        let tls = match security {
            Security::Plain => None,
            _ => Some(Arc::new(tls::config(&settings)?)),
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            security,
            settings,
            tls,
        })
    }

    /// Sends one letter, dated `now`, over a connection of its own.
    ///
    /// # Errors
    /// [`CallError`] when the relay was not reached, or its answer is not known.
    pub async fn send(
        &self,
        letter: &Letter,
        login: Option<Login<'_>>,
        now: Wall,
    ) -> Result<Reply, CallError> {
        let bytes = letter
            .to_bytes(now)
            .map_err(|why| CallError::Unreachable(format!("the mail cannot be written: {why}")))?;
        let mut step = Step::Greeting;
        let limit = self.settings.timeout;
        let talk = self.talk(letter, &bytes, login, &mut step);
        let ended = timeout(limit, talk).await;
        match ended {
            Ok(Ok(ended) | Err(Stop::Said(ended))) => Ok(ended),
            Ok(Err(Stop::Unreachable(why))) => Err(CallError::Unreachable(why)),
            Ok(Err(Stop::Broken(why))) => Err(broken(step, &why)),
            Err(_) if step == Step::Greeting => Err(CallError::Unreachable(format!(
                "the mail relay did not greet within {limit:?}; is it a mail relay, and does it speak TLS at once (`tls`)?"
            ))),
            Err(_) => Err(broken(step, &format!("no answer within {limit:?}"))),
        }
    }

    async fn talk(
        &self,
        letter: &Letter,
        bytes: &[u8],
        login: Option<Login<'_>>,
        step: &mut Step,
    ) -> Result<Reply, Stop> {
        let mut connection = self.connect().await?;
        if let Some(login) = login {
            *step = Step::Login;
            log_in(&mut connection, login).await?;
        }
        *step = Step::From;
        let options = eight_bits(&connection, bytes);
        let from = letter.from.address().map_err(Stop::Unreachable)?;
        let said = connection.command(Mail::new(Some(from), options)).await;
        said.map_err(|error| stopped(&error, Step::From))?;
        *step = Step::To;
        let missed = name_all(&mut connection, &letter.to).await?;
        *step = Step::Data;
        let said = connection.command(Data).await;
        said.map_err(|error| stopped(&error, Step::Data))?;
        *step = Step::Message;
        let said = connection.message(bytes).await;
        let said = said.map_err(|error| stopped(&error, Step::Message))?;
        let _ = timeout(FAREWELL, connection.quit()).await;
        Ok(Reply {
            code: said.code().into(),
            to: Step::Message.word(),
            text: [text(&said)]
                .into_iter()
                .chain(missed)
                .collect::<Vec<_>>()
                .join("; "),
        })
    }

    /// A connection on which the relay has greeted and TLS stands, where it is wanted.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Stop> {
        let patience = CONNECT_TIMEOUT.min(self.settings.timeout.mul_f64(0.8));
        let (guard, bind) = (&self.settings.guard, self.settings.bind.as_ref());
        let to = (self.host.as_str(), self.port);
        let dialled = dial(to, Some(guard), bind, patience).await;
        let mut stream = dialled.map_err(Stop::Unreachable)?;
        let ours = stream.local_addr().map(|address| address.ip());
        let hello = match ours {
            Ok(std::net::IpAddr::V6(ip)) => ClientId::Ipv6(ip),
            Ok(std::net::IpAddr::V4(ip)) => ClientId::Ipv4(ip),
            Err(_) => ClientId::default(),
        };
        let line = match (self.security, &self.tls) {
            (Security::Implicit, Some(tls)) => Line::tls(self.handshake(stream, tls).await?),
            (Security::StartTls, Some(tls)) => {
                starttls::ask(&mut stream, &hello).await?;
                // The relay does not greet a second time, and lettre waits for that.
                Line::greeted(self.handshake(stream, tls).await?)
            }
            _ => Line::plain(stream),
        };
        let connected = AsyncSmtpConnection::connect_with_transport(Box::new(line), &hello).await;
        connected.map_err(|error| match stopped(&error, Step::Greeting) {
            Stop::Broken(why) => Stop::Unreachable(format!(
                "what answers does not greet as a mail relay ({why}); is the port right, and does it speak TLS at once (`tls`)?"
            )),
            other => other,
        })
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        tls: &Arc<ClientConfig>,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Stop> {
        let identity = self.settings.identity.is_some();
        let encrypted = encrypt(stream, &self.host, tls, identity).await;
        encrypted.map_err(Stop::Unreachable)
    }
}

async fn log_in(connection: &mut AsyncSmtpConnection, login: Login<'_>) -> Result<(), Stop> {
    const KNOWN: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];
    if connection
        .server_info()
        .get_auth_mechanism(&KNOWN)
        .is_none()
    {
        return Err(Stop::Unreachable(
            "the mail relay takes no password on this connection (it offers neither AUTH PLAIN nor LOGIN); remove `user` and `password` if it \
             wants none, or look at `tls`"
                .to_owned(),
        ));
    }
    let credentials = Credentials::new(login.user.to_owned(), login.password.to_owned());
    let said = connection.auth(&KNOWN, &credentials).await;
    said.map(drop).map_err(|error| stopped(&error, Step::Login))
}

/// Names the recipients. One that is refused does not keep the others from their mail; who that was is told.
async fn name_all(
    connection: &mut AsyncSmtpConnection,
    to: &[Mailbox],
) -> Result<Option<String>, Stop> {
    let mut refused: Vec<(String, Reply)> = Vec::new();
    for mailbox in to {
        let address = mailbox.address().map_err(Stop::Unreachable)?;
        let said = connection.command(Rcpt::new(address, Vec::new())).await;
        match said.map_err(|error| stopped(&error, Step::To)) {
            Ok(_) => {}
            // The relay ends the conversation.
            Err(Stop::Said(reply)) if reply.code == 421 => return Err(Stop::Said(reply)),
            Err(Stop::Said(reply)) => refused.push((mailbox.email.clone(), reply)),
            Err(broken) => return Err(broken),
        }
    }
    if refused.len() < to.len() {
        let each = refused.iter();
        let each = each.map(|(who, reply)| format!("{who} ({} {})", reply.code, reply.text));
        let each: Vec<String> = each.collect();
        return Ok((!each.is_empty()).then(|| format!("not taken for {}", each.join(", "))));
    }
    // What may be taken later counts more than what never will.
    let first = refused.into_iter().min_by_key(|(_, reply)| reply.code);
    let (who, mut reply) = first.ok_or_else(|| Stop::Unreachable("nobody is named".to_owned()))?;
    reply.text = format!("{who}: {}", reply.text);
    Err(Stop::Said(reply))
}

/// Bodies are written in seven bits; should one not be, the relay has to know.
fn eight_bits(connection: &AsyncSmtpConnection, bytes: &[u8]) -> Vec<MailParameter> {
    let can = connection
        .server_info()
        .supports_feature(Extension::EightBitMime);
    let needs = !bytes.is_ascii() && can;
    needs
        .then_some(MailParameter::Body(MailBodyParameter::EightBitMime))
        .into_iter()
        .collect()
}

fn text(said: &Response) -> String {
    said.message().collect::<Vec<_>>().join(" ")
}

impl Mailbox {
    fn address(&self) -> Result<Address, String> {
        self.email
            .parse()
            .map_err(|error| format!("{}: {error}", self.email))
    }
}

#[cfg(test)]
mod tests;
