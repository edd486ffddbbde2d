//! A letter as it is written: headers, a part for people who read text, one for those who see pages.

use std::time::{Duration, SystemTime};

use lettre::message::{
    Mailbox as Named, Message, MultiPart, SinglePart,
    header::{HeaderName, HeaderValue},
};

use crate::clock::Wall;

/// An address and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// A name for people; may be empty.
    pub name: String,
    /// `maintenance@plant.example.com`
    pub email: String,
}

/// All of a letter but its date. No header can be added by what stands in it: everything is encoded where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
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
    /// The id of the letter that it follows, with angle brackets.
    pub follows: Option<String>,
    /// Further headers; names and values are ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// For people who read text.
    pub text: String,
    /// For people who see pages.
    pub html: String,
}

impl Letter {
    /// The letter with the date of this attempt. Nothing in it is left to chance, so that an attempt repeats the one before it.
    ///
    /// # Errors
    /// What of it cannot be written, for people.
    pub fn to_bytes(&self, now: Wall) -> Result<Vec<u8>, String> {
        let named = |mailbox: &Mailbox| {
            let name = Some(mailbox.name.clone()).filter(|name| !name.is_empty());
            Ok::<_, String>(Named::new(name, mailbox.address()?))
        };
        let since = Duration::from_secs(u64::try_from(now.as_seconds()).unwrap_or(0));
        let mut builder = Message::builder()
            .from(named(&self.from)?)
            .subject(&*self.subject)
            .date(SystemTime::UNIX_EPOCH + since)
            .message_id(Some(self.message_id.clone()));
        for mailbox in &self.to {
            builder = builder.to(named(mailbox)?);
        }
        if let Some(mailbox) = &self.reply_to {
            builder = builder.reply_to(named(mailbox)?);
        }
        if let Some(id) = &self.follows {
            builder = builder.in_reply_to(id.clone()).references(id.clone());
        }
        for (name, value) in &self.headers {
            let name = HeaderName::new_from_ascii((*name).to_owned());
            let name = name.map_err(|error| error.to_string())?;
            builder = builder.raw_header(HeaderValue::new(name, value.clone()));
        }
        let inside = |c: &char| c.is_ascii_alphanumeric();
        let id: String = self.message_id.chars().filter(inside).take(40).collect();
        let parts = MultiPart::alternative()
            .boundary(format!("part-{id}"))
            .singlepart(SinglePart::plain(self.text.clone()))
            .singlepart(SinglePart::html(self.html.clone()));
        let message = builder
            .multipart(parts)
            .map_err(|error| error.to_string())?;
        Ok(message.formatted())
    }
}
