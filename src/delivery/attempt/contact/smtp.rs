//! What is kept of a mail relay: whom it believes. A connection is made for each mail, as mails are rare.

use super::{
    super::{mask::Hidden, reach::settings_of_server},
    SendError,
};
use crate::{
    clock::Now,
    delivery::signature::SealError,
    destination::{self, MailRequest, Relay, access::Protection},
    link::{
        certificate::Witness,
        http::{BuildError, Settings},
        smtp::{Letter, Login, Mailbox, Reply, Security, SmtpClient},
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A relay as it is reached now. Made from files as they were then; see [`SmtpContact::is_current`].
#[derive(Debug)]
pub struct SmtpContact {
    client: SmtpClient,
    relay: Relay,
    material: [u8; 32],
}

impl SmtpContact {
    /// Opens nothing yet. The witness notes what certificate the relay shows.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn new(relay: &Relay, witness: Option<Witness>) -> Result<Self, BuildError> {
        let settings = Settings {
            witness,
            ..settings_of_server(&relay.server)
        };
        let material = settings.material();
        let to = (relay.server.host.as_str(), relay.server.port);
        let security = match relay.protection {
            Protection::StartTls => Security::StartTls,
            Protection::Implicit => Security::Implicit,
            Protection::None => Security::Plain,
        };
        Ok(Self {
            client: SmtpClient::new(to, security, settings)?,
            relay: relay.clone(),
            material,
        })
    }

    /// Whether the files that it was made from are still the same.
    pub fn is_current(&self, relay: &Relay) -> bool {
        self.relay == *relay && self.material == settings_of_server(&relay.server).material()
    }

    /// Sends once. The password is read now, and comes back as what must not be repeated.
    ///
    /// # Errors
    /// [`SendError`] when there is no answer.
    pub async fn send(&self, mail: &MailRequest, now: Now) -> Result<(Reply, Hidden), SendError> {
        let Some((user, password)) = &self.relay.user else {
            let reply = self.client.send(&letter(mail), None, now.wall).await?;
            return Ok((reply, Hidden::default()));
        };
        let password = password.reveal().map_err(SealError::from)?;
        let login = Login {
            user,
            password: &password,
        };
        let reply = self
            .client
            .send(&letter(mail), Some(login), now.wall)
            .await?;
        let written = [
            password.to_string(),
            STANDARD.encode(password.as_bytes()),
            STANDARD.encode(format!("\0{user}\0{}", &*password)),
        ];
        Ok((reply, Hidden::these(written)))
    }
}

fn letter(mail: &MailRequest) -> Letter {
    let mailbox = |mailbox: &destination::Mailbox| Mailbox {
        name: mailbox.name.clone(),
        email: mailbox.email.clone(),
    };
    Letter {
        from: mailbox(&mail.from),
        to: mail.to.iter().map(mailbox).collect(),
        reply_to: mail.reply_to.as_ref().map(mailbox),
        subject: mail.subject.clone(),
        message_id: mail.message_id.clone(),
        follows: mail.follows.clone(),
        headers: mail.headers.clone(),
        text: mail.text.clone(),
        html: mail.html.clone(),
    }
}
