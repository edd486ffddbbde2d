//! Looks at secrets and certificates now and then, beside the loop, and says what is new about them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    alert::signal::Signal,
    clock::{Mono, Now},
    config::Settings,
    health::credentials::{self, CERTIFICATE_RULE, Credential, SECRET_RULE},
    link::certificate::Seen,
};

/// The rules of the alerts that are told here.
pub(super) const RULES: [&str; 2] = [SECRET_RULE, CERTIFICATE_RULE];
/// How often they are looked at; a peer that shows something new is looked at with the next turn.
const EVERY: Duration = Duration::from_secs(10);

/// What is needed, what was said of it, and the look that is under way.
#[derive(Debug)]
pub(super) struct Credentials {
    all: Arc<Vec<Credential>>,
    seen: Seen,
    /// When it was looked last, and how much peers had shown by then.
    looked: Option<(Mono, u64)>,
    looking: Option<oneshot::Receiver<Vec<Signal>>>,
    said: BTreeMap<(Arc<str>, Arc<str>), Signal>,
}

impl Credentials {
    pub(super) fn new(settings: &Settings, seen: Seen) -> Self {
        Self {
            all: Arc::new(Credential::all(settings)),
            seen,
            looked: None,
            looking: None,
            said: BTreeMap::new(),
        }
    }

    /// What peers have shown.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Another configuration runs: everything is looked at anew.
    pub(super) fn reload(&mut self, settings: &Settings) {
        *self = Self::new(settings, self.seen.clone());
    }

    /// Whether there may be an alert of this rule about this subject.
    pub(super) fn may_concern(&self, rule: &str, subject: &str) -> bool {
        let mut all = self.all.iter();
        match rule {
            SECRET_RULE => all.any(|of| of.subject == subject),
            CERTIFICATE_RULE => all.any(|of| of.subjects().iter().any(|of| of == subject)),
            _ => false,
        }
    }

    /// Looks if it is time, and gives what a look has brought that was not said.
    pub(super) fn keep(&mut self, now: Now) -> Vec<Signal> {
        let mut news = Vec::new();
        if let Some(looking) = &mut self.looking {
            match looking.try_recv() {
                Ok(found) => news = self.unsaid(found),
                Err(oneshot::error::TryRecvError::Empty) => return news,
                Err(oneshot::error::TryRecvError::Closed) => {}
            }
            self.looking = None;
        }
        let changes = self.seen.changes();
        let due = self
            .looked
            .is_none_or(|(at, seen)| now.mono.since(at) >= EVERY || seen != changes);
        if due {
            self.looked = Some((now.mono, changes));
            let (all, seen) = (Arc::clone(&self.all), self.seen.clone());
            let (sender, looking) = oneshot::channel();
            // A file on a share that hangs must not stop the loop.
            tokio::task::spawn_blocking(move || {
                let _ = sender.send(credentials::look(&all, &seen, now));
            });
            self.looking = Some(looking);
        }
        news
    }

    fn unsaid(&mut self, found: Vec<Signal>) -> Vec<Signal> {
        let mut news = Vec::new();
        for signal in found {
            let key = (Arc::clone(&signal.rule), Arc::clone(&signal.subject));
            if self.said.get(&key) == Some(&signal) {
                continue;
            }
            let was_bad = self
                .said
                .get(&key)
                .is_some_and(|said| said.severity.is_some());
            match signal.severity {
                Some(_) => tracing::warn!("{}", signal.face.message),
                None if was_bad => {
                    tracing::info!(subject = &*signal.subject, "is well again: {}", signal.rule)
                }
                None => {}
            }
            self.said.insert(key, signal.clone());
            news.push(signal);
        }
        news
    }
}
