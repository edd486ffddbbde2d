//! Mail by SMTP, through a relay: a mail for each event, those about one alert in one thread.
//!
//! What a relay takes may still never arrive, and nobody says so. Of several recipients those that the relay refuses are named in the
//! record; the others get their mail.

use std::{sync::Arc, time::Duration};

use super::{
    Abilities, Answer, Carrier, Errand, Kind, MailRequest, Outcome, Rate, RenderError, Request,
    Terms, Told, access::Relay, address::Mailbox, events, letter::Letter, shape, text::harmless,
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

/// The most recipients of one mail.
const MOST: usize = 50;

#[derive(Debug)]
struct Mail {
    relay: Relay,
    from: Mailbox,
    to: Vec<Mailbox>,
    reply_to: Option<Mailbox>,
    events: Vec<EventKind>,
}

/// Reads `type = "mail"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let relay = Relay::read(section, Duration::from_secs(30));
    let terms = Terms::read(section, terms(Rate::per_minute(60)));
    let events = events::read(section, &events::LIFE);
    let from = section.required("from");
    let to = recipients(section);
    let reply_to = section.optional("reply_to");
    let mail = Mail {
        relay: relay?,
        from: from?,
        to: to?,
        reply_to,
        events,
    };
    Some((Arc::new(mail), terms))
}

/// What every kind that sends mail does by default.
pub(super) fn terms(rate: Rate) -> Terms {
    Terms {
        duplicate_window: Duration::from_secs(60),
        ..Terms::of_people(rate)
    }
}

/// Reads `api_key` of a service whose keys begin like this.
pub(super) fn api_key(section: &Section<'_>, begin: &str) -> Option<Secret> {
    let key = section.required::<Secret>("api_key")?;
    let odd = format!("does not begin with `{begin}`, as the keys of this service do");
    let fine = |key: &str| key.starts_with(begin);
    shape::should(section, "api_key", &key, fine, &odd);
    Some(key)
}

/// The name of the destination that is read.
pub(super) fn name_of(section: &Section<'_>) -> String {
    let path = section.path();
    path.strip_prefix("destination.").unwrap_or(path).to_owned()
}

/// Reads `to`, which every kind that sends mail has.
pub(super) fn recipients(section: &Section<'_>) -> Option<Vec<Mailbox>> {
    let to: Vec<Mailbox> = section.required("to")?;
    if (1..=MOST).contains(&to.len()) {
        return Some(to);
    }
    section.error("to", format!("must name 1 to {MOST} addresses"));
    None
}

impl Kind for Mail {
    fn word(&self) -> &'static str {
        "mail"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities::MESSAGE
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Smtp(&self.relay)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let Letter {
            subject,
            text,
            html,
        } = Letter::of(told)?;
        Ok(Request::Mail(Box::new(MailRequest {
            from: self.from.clone(),
            to: self.to.clone(),
            reply_to: self.reply_to.clone(),
            subject,
            message_id: message_id(told, &self.from),
            follows: follows(told).map(str::to_owned),
            headers: headers(told),
            text,
            html,
        }))
        .into())
    }

    fn interpret(&self, told: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let outcome = outcome(answer);
        let thread = thread(told, &self.from, &outcome);
        (outcome, thread)
    }
}

/// What is kept of a mail: the id of the one that began the story.
pub(super) fn thread(told: &Told<'_>, from: &Mailbox, outcome: &Outcome) -> Option<String> {
    let begins = follows(told).is_none() && matches!(outcome, Outcome::Accepted { .. });
    begins.then(|| message_id(told, from))
}

/// `<01KNC1BP60Z5WFM062EF07CYF6@plant.example.com>`, the same at each attempt, so that a mail program that has it already can drop a
/// repeat.
fn message_id(told: &Told<'_>, from: &Mailbox) -> String {
    format!("<{}@{}>", told.notice.id, from.domain())
}

/// The mail that this one follows: none for what begins a new story.
fn follows<'t>(told: &Told<'t>) -> Option<&'t str> {
    let fine = |id: &&str| id.starts_with('<') && id.ends_with('>') && id.is_ascii();
    told.thread
        .filter(fine)
        .filter(|_| !told.is(EventKind::Triggered))
}

/// The headers that every mail has.
fn headers(told: &Told<'_>) -> Vec<(&'static str, String)> {
    vec![
        // Nobody's absence note is to answer (RFC 3834).
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Alert-Dedup-Key", told.notice.dedup_key.clone()),
    ]
}

/// The same with those by which mail programs know a mail and what it follows.
pub(super) fn all_headers(told: &Told<'_>, from: &Mailbox) -> Vec<(&'static str, String)> {
    let mut headers = headers(told);
    headers.push(("Message-ID", message_id(told, from)));
    if let Some(id) = follows(told) {
        headers.push(("In-Reply-To", id.to_owned()));
        headers.push(("References", id.to_owned()));
    }
    headers
}

fn outcome(answer: &Answer) -> Outcome {
    let said = harmless(&answer.body, 300);
    let why = || format!("SMTP {}: {said}", answer.status);
    match answer.status {
        200..=299 => Outcome::Accepted {
            detail: format!("accepted by the mail relay: {said}"),
            provider_id: queued_as(&answer.body),
        },
        400..=499 => Outcome::Failed {
            why: why(),
            retry_after: None,
        },
        _ => Outcome::Refused {
            why: why() + advice(answer),
            give_up: blames_the_mail(answer),
        },
    }
}

/// What was refused is in front of what the relay said: `RCPT TO: ..`.
fn at(answer: &Answer, step: &str) -> bool {
    answer.body.starts_with(step)
}

/// Whether the relay will never take it. What says that we may not (RFC 3463: 5.7) can be mended.
fn blames_the_mail(answer: &Answer) -> bool {
    let blames = matches!(answer.status, 550 | 552 | 553 | 554);
    let policy = at(answer, "RCPT TO") && answer.body.contains("5.7.");
    blames && !policy && (at(answer, "RCPT TO") || at(answer, "DATA") || at(answer, "the message"))
}

fn advice(answer: &Answer) -> &'static str {
    match answer.status {
        530 | 534 | 535 | 538 => "; look at `user`, `password` and `tls`",
        _ if at(answer, "MAIL FROM") => "; look at `from`",
        _ if at(answer, "RCPT TO") => {
            "; look at `to`, and whether the relay wants `user` and `password`"
        }
        _ => "",
    }
}

/// `250 2.0.0 Ok: queued as 4ZBgPq1x`
fn queued_as(said: &str) -> Option<String> {
    let (_, after) = said.split_once("queued as ")?;
    let id = after.split([' ', ';', '>']).next()?;
    let id = harmless(id, 200);
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::testbed::{attempt, meant, notice, read, sent};

    const MAIL: &str = "type = \"mail\"\nserver = \"smtp://relay.example.com\"\nfrom = \"andon <andon@plant.example.com>\"\nto = [\"ops@example.com\"]";

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.to_owned(),
            synchronised: true,
            ..Answer::default()
        }
    }

    #[test]
    fn mails_about_one_alert_are_one_thread_that_begins_with_its_trigger() {
        let mail = read(MAIL).expect("a destination");
        let taken = answer(250, "the message: 2.0.0 Ok: queued as 4ZBgPq1x");
        let (outcome, thread) = meant(&mail, EventKind::Triggered, &taken);
        let Outcome::Accepted { provider_id, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(provider_id.as_deref(), Some("4ZBgPq1x"));
        let first = thread.expect("a thread");
        let id = &notice(EventKind::Triggered).id;
        assert_eq!(first, format!("<{id}@plant.example.com>"));
        for (kind, follows) in [(EventKind::Resolved, true), (EventKind::Triggered, false)] {
            let notice = notice(kind);
            let requests = sent(&mail, &notice, &attempt(), Some(&first));
            let header = |name: &str| {
                let mut headers = requests[0].headers.iter();
                headers
                    .find(|(have, _)| have == name)
                    .map(|(_, value)| value.clone())
            };
            assert_eq!(header("In-Reply-To"), follows.then(|| first.clone()));
            assert!(header("Message-ID").is_some_and(|id| id.contains(&notice.id)));
        }
    }

    #[test]
    fn only_what_blames_the_mail_or_a_recipient_is_given_up() {
        let mail = read(MAIL).expect("a destination");
        for (status, body, expected) in [
            (550, "RCPT TO: 5.1.1 no such user", Some(true)),
            (550, "RCPT TO: 5.7.1 relaying denied", Some(false)),
            (552, "the message: 5.3.4 too large", Some(true)),
            (554, "the message: 5.7.1 spam", Some(true)),
            (550, "MAIL FROM: not from there", Some(false)),
            (535, "AUTH: 5.7.8 wrong", Some(false)),
            (530, "MAIL FROM: 5.7.0 STARTTLS first", Some(false)),
            (554, "EHLO: no service here", Some(false)),
            (421, "EHLO: too busy", None),
            (451, "RCPT TO: greylisted", None),
        ] {
            let (outcome, thread) = meant(&mail, EventKind::Triggered, &answer(status, body));
            let given_up = match outcome {
                Outcome::Refused { give_up, .. } => Some(give_up),
                Outcome::Failed { .. } => None,
                other => panic!("{body}: {other:?}"),
            };
            assert_eq!(given_up, expected, "{body}");
            assert_eq!(thread, None);
        }
    }
}
