//! The way to one destination: its configuration and the client that is kept between attempts.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{super::owed::age, Contact, Exchange, Together, carry, chain, send, shown};
use crate::{
    clock::{BootId, Clock, Now, Wall},
    destination::{
        Destination, Errand, Outcome, Told,
        notice::{Attempt, GivenUp, Notice},
    },
    link::certificate::Witness,
    store::{
        Store,
        given_up::Range,
        rows::{Delivery, DeliveryState},
    },
};

/// A destination and how it is reached.
#[derive(Debug)]
pub struct Way {
    pub(super) destination: Destination,
    boot: BootId,
    witness: Witness,
    /// Made at the first attempt, and again when its files have changed, and after one that reached nobody or was not let in.
    contact: Mutex<Option<Arc<Contact>>>,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// When it began.
    pub at: Wall,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What the receiver calls it.
    pub provider_id: Option<String>,
    /// Attempts that it used: 0 where nobody was reached.
    pub used: u32,
    /// What the destination wants remembered about this alert.
    pub thread: Option<String>,
    /// The ranges that it was told will never come.
    pub told: Vec<Range>,
    /// The digest that was told, if it was one.
    pub digest: Option<Together>,
}

/// What came of a test, for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The destination accepted it.
    pub accepted: bool,
    /// What was sent, secrets masked.
    pub request: Vec<String>,
    /// What came back, or why nothing did: what it means, and the body.
    pub answer: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Tried {
    /// Nobody was reached.
    pub fn unreachable(at: Wall, why: &str) -> Self {
        Self::of(
            at,
            Outcome::Unreachable {
                why: why.to_owned(),
            },
        )
    }

    /// It may or may not have been heard.
    pub fn failed(at: Wall, why: &str) -> Self {
        Self::of(
            at,
            Outcome::Failed {
                why: why.to_owned(),
                retry_after: None,
            },
        )
    }

    /// The outcome in words, for the record.
    pub fn words(&self) -> String {
        let words = words(&self.outcome);
        match &self.digest {
            Some(together) => format!("in a digest of {} events: {words}", together.count),
            None => words,
        }
    }

    /// What an exchange brought that has just ended.
    pub(super) fn after(exchange: Exchange, now: Now) -> Self {
        Self {
            status: exchange.status,
            provider_id: exchange.provider_id,
            ..Self::of(now.wall, exchange.outcome)
        }
    }

    pub(super) fn of(at: Wall, outcome: Outcome) -> Self {
        let used = u32::from(!matches!(outcome, Outcome::Unreachable { .. }));
        Self {
            at,
            took: Duration::ZERO,
            outcome,
            status: None,
            provider_id: None,
            used,
            thread: None,
            told: Vec::new(),
            digest: None,
        }
    }
}

impl Way {
    /// A way to this destination in this boot; nothing is opened yet.
    pub fn new(destination: Destination, boot: BootId, witness: Witness) -> Self {
        Self {
            witness,
            destination,
            boot,
            contact: Mutex::default(),
        }
    }

    /// Tries a delivery once; none if the store does not owe it any more, so that there was nothing to try. It is read from the
    /// store, unless its commit has just handed it over: a look there may have to wait behind a flush.
    pub async fn attempt(
        &self,
        store: &Store,
        clock: &Clock,
        row: i64,
        ready: Option<Box<Delivery>>,
    ) -> Option<Tried> {
        let found = match ready {
            Some(delivery) => Ok(Some(*delivery)),
            None => store.delivery(row).await,
        };
        match found {
            Ok(Some(delivery)) if delivery.row.state == DeliveryState::Pending => {
                let now = clock.now();
                let tried = self.try_once(store, &delivery, now, false).await;
                Some(Tried {
                    took: clock.now().mono.since(now.mono),
                    ..tried
                })
            }
            // A limit of the store gave it up, or it is out of reach while the disk is.
            Ok(_) => None,
            Err(error) => Some(Tried::unreachable(clock.now().wall, &chain(&error))),
        }
    }

    /// Tells once more what was accepted; none if it is not on record any more.
    pub async fn repeat(&self, store: &Store, clock: &Clock, row: i64) -> Option<Tried> {
        match store.delivery(row).await {
            Ok(Some(delivery)) => Some(self.try_once(store, &delivery, clock.now(), true).await),
            Ok(None) => None,
            Err(error) => Some(Tried::unreachable(clock.now().wall, &chain(&error))),
        }
    }

    /// Whether what it has accepted has to be told again.
    pub fn forgets(&self) -> bool {
        self.destination.abilities().repost.is_some()
    }

    async fn try_once(&self, store: &Store, delivery: &Delivery, now: Now, again: bool) -> Tried {
        let (notice, mut attempt) = match self.about(delivery, now) {
            Ok(found) => found,
            Err(why) => return gave_up(now, &why),
        };
        // What is told again was told in time.
        if again {
            attempt.late_seconds = 0;
        }
        let mut thread = delivery.thread.clone();
        let told = self.destination.told(&notice, &attempt, thread.as_deref());
        if let Some(keep) = self.destination.beforehand(&told)
            && thread.as_ref() != Some(&keep)
        {
            if let Err(error) = store.remember(delivery.row.id, keep.clone()).await {
                return Tried::unreachable(now.wall, &chain(&error));
            }
            thread = Some(keep);
        }
        let thread = thread.as_deref();
        let exchange = self.exchange(&notice, &attempt, thread, now).await;
        Tried {
            thread: exchange.thread.clone(),
            told: delivery.given_up.clone(),
            ..Tried::after(exchange, now)
        }
    }

    /// What is told of a delivery, and what belongs to this attempt rather than to the event.
    ///
    /// # Errors
    /// Why it can never be told.
    pub(super) fn about(&self, delivery: &Delivery, now: Now) -> Result<(Notice, Attempt), String> {
        let read: Result<Notice, _> = serde_json::from_str(&delivery.body);
        let mut notice = read.map_err(|error| format!("its event cannot be read: {error}"))?;
        notice.durable = delivery.durable;
        let row = &delivery.row;
        let in_place = row.fallback_of.is_some();
        notice.id = super::idempotency_key(&row.kind, row.as_trigger, in_place, &delivery.event);
        let attempt = about(delivery, &notice, &self.boot, now);
        Ok((notice, attempt))
    }

    /// One exchange, with the contact that is kept if it still is what the files say.
    pub(super) async fn exchange(
        &self,
        notice: &Notice,
        attempt: &Attempt,
        thread: Option<&str>,
        now: Now,
    ) -> Exchange {
        let worded = self.destination.worded(notice, attempt);
        let told = self.destination.told(&worded, attempt, thread);
        self.with_contact(async |contact| carry(&self.destination, contact, &told, now).await)
            .await
    }

    /// The same of what was rendered for several at once; `told` is the first of them.
    pub(super) async fn exchange_digest(
        &self,
        (id, errand): (&str, &Errand),
        told: &Told<'_>,
        now: Now,
    ) -> Exchange {
        self.with_contact(async |contact| {
            send(&self.destination, contact, told, id, errand, now).await
        })
        .await
    }

    async fn with_contact(&self, exchange: impl AsyncFnOnce(&Contact) -> Exchange) -> Exchange {
        let contact = match self.contact() {
            Ok(contact) => contact,
            // A person can mend a certificate or an address, so this waits like a dead line does.
            Err(why) => return Exchange::of(Outcome::Unreachable { why }),
        };
        let exchange = exchange(&contact).await;
        if exchange.denied || matches!(exchange.outcome, Outcome::Unreachable { .. }) {
            self.forget_contact();
        }
        exchange
    }

    /// Sends a notice once, for a person who wants to see what happens.
    pub async fn test(&self, notice: &Notice, clock: &Clock) -> Tested {
        let now = clock.now();
        let attempt = Attempt {
            now_seconds: now.wall.as_seconds(),
            ..Attempt::default()
        };
        let request = self.shown(notice, &attempt);
        let Exchange { outcome, body, .. } = self.exchange(notice, &attempt, None, now).await;
        let said = words(&outcome);
        // Where nobody answers in words of their own, what it means has said all.
        let body = if said.ends_with(body.trim()) {
            String::new()
        } else {
            body
        };
        self.forget_contact();
        Tested {
            accepted: matches!(outcome, Outcome::Accepted { .. }),
            request,
            answer: std::iter::once(said).chain(shown::body(&body)).collect(),
            took: clock.now().mono.since(now.mono),
        }
    }

    fn shown(&self, notice: &Notice, attempt: &Attempt) -> Vec<String> {
        let worded = self.destination.worded(notice, attempt);
        let told = self.destination.told(&worded, attempt, None);
        match self.destination.render(&told) {
            Ok(errand) => shown::errand(&errand, &notice.id, attempt.now_seconds),
            Err(error) => vec![chain(&error)],
        }
    }

    fn contact(&self) -> Result<Arc<Contact>, String> {
        let mut kept = self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(contact) = kept
            .as_ref()
            .filter(|contact| contact.is_current(&self.destination))
        {
            return Ok(Arc::clone(contact));
        }
        *kept = None;
        let contact = Contact::new(&self.destination, Some(self.witness.clone()))
            .map_err(|error| chain(&error))?;
        Ok(Arc::clone(kept.insert(Arc::new(contact))))
    }

    #[cfg(test)]
    pub(super) fn has_contact(&self) -> bool {
        let kept = self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        kept.is_some()
    }

    fn forget_contact(&self) {
        *self.contact.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What belongs to this attempt rather than to the event.
fn about(delivery: &Delivery, notice: &Notice, boot: &BootId, now: Now) -> Attempt {
    let given_up = delivery.given_up.iter();
    let event_ended = matches!(notice.kind.as_str(), "resolved" | "closed");
    let is_over = delivery
        .alert
        .as_ref()
        .is_some_and(|alert| alert.state == "resolved");
    Attempt {
        stream: delivery.stream.clone(),
        sequence: delivery.row.sequence,
        given_up: given_up
            .map(|range| GivenUp {
                from: range.from,
                to: range.to,
                why: range.why.clone(),
            })
            .collect(),
        as_trigger: delivery.row.as_trigger,
        late_seconds: age(&delivery.row.decided, boot, now).as_secs(),
        already_resolved: is_over && !event_ended,
        now_seconds: now.wall.as_seconds(),
    }
}

pub(super) fn gave_up(now: Now, why: &str) -> Tried {
    Tried::of(
        now.wall,
        Outcome::Refused {
            why: why.to_owned(),
            give_up: true,
        },
    )
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { detail, .. } => detail.clone(),
        Outcome::Unreachable { why } => format!("unreachable: {why}"),
        Outcome::Failed { why, .. } => format!("failed: {why}"),
        Outcome::Refused { why, .. } => format!("refused: {why}"),
    }
}
