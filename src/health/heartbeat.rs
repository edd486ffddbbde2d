//! The heartbeat: a signed POST at a fixed distance, so that somebody outside notices a gateway that is silent.
//!
//! It carries what a central team needs to trust the silence between alerts: the version, the configuration that runs, the
//! oldest event that was not delivered, and which machines cannot be seen. One that is not accepted is logged at its start
//! and its end, and never retried: the next one says the same, newer.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use crate::{
    api::{
        order::{Agent, Order},
        view::View,
    },
    clock::{Clock, Now},
    config::section::Section,
    delivery::attempt::HttpContact,
    destination::{Access, HttpRequest, Signing, read_sign},
    link::certificate::Witness,
};

/// `[heartbeat]`
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// How it gets there.
    pub access: Access,
    /// How often.
    pub every: Duration,
    /// How it is signed.
    pub sign: Option<Signing>,
}

/// What it says.
#[derive(Debug, Serialize)]
struct Beat<'a> {
    event: &'static str,
    id: String,
    timestamp: String,
    clock: &'static str,
    tenant_id: &'a str,
    site_name: &'a str,
    agent_id: &'a str,
    version: &'a str,
    config_hash: &'a str,
    config_refused: bool,
    durable: bool,
    open_alerts: usize,
    watches: usize,
    not_watching: usize,
    undelivered: u64,
    oldest_undelivered_seconds: u64,
    blind_machines: Vec<&'a str>,
    every_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Head<'a>>,
}

/// The last event of the record: who keeps it finds out with `andon verify --head` whether what was decided is rewritten later.
#[derive(Debug, Serialize)]
struct Head<'a> {
    stream: &'a str,
    sequence: i64,
    hash: &'a str,
}

impl Heartbeat {
    /// Reads `[heartbeat]`; without its `url` there is none.
    pub fn read(root: &Section<'_>) -> Option<Self> {
        let section = root.table("heartbeat")?;
        let range = Duration::from_secs(10)..=Duration::from_secs(24 * 60 * 60);
        let every = section.ranged("every", Duration::from_secs(60), range);
        let sign = read_sign(&section);
        let access = Access::read_optional(&section, Duration::from_secs(10));
        section.finish();
        Some(Self {
            access: access?,
            every,
            sign,
        })
    }

    /// Beats until it is stopped.
    pub async fn run(self, agent: Agent, clock: Clock, witness: Witness, stop: CancellationToken) {
        let mut silent = false;
        let mut contact = None;
        // The first one at once: whoever installs the gateway sees that the way is open.
        let mut wait = Duration::ZERO;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = self.every;
            let Ok(view) = agent.ask(Order::Look).await else {
                continue;
            };
            match self.beat(&mut contact, &witness, &view, clock.now()).await {
                Ok(()) if silent => {
                    silent = false;
                    tracing::info!("the heartbeat is accepted again");
                }
                Ok(()) => {}
                Err(why) if !silent => {
                    silent = true;
                    tracing::warn!("the heartbeat is not accepted: {why}");
                }
                Err(_) => {}
            }
        }
    }

    async fn beat(
        &self,
        kept: &mut Option<HttpContact>,
        witness: &Witness,
        view: &Arc<View>,
        now: Now,
    ) -> Result<(), String> {
        let random = u128::from(fastrand::u64(..)) << 16 | u128::from(fastrand::u16(..));
        let id =
            Ulid::from_parts(u64::try_from(now.wall.as_millis()).unwrap_or(0), random).to_string();
        let body = serde_json::to_string(&self.content(view, &id, now))
            .map_err(|error| error.to_string())?;
        let request = HttpRequest::json(self.access.url.clone(), body).signed(self.sign.as_ref());
        // Kept while it works and its files are the same, as it holds a token.
        let contact = match kept
            .take()
            .filter(|contact| contact.is_current(&self.access))
        {
            Some(contact) => contact,
            None => HttpContact::new(&self.access, self.sign.as_ref(), Some(witness.clone()))
                .map_err(said)?,
        };
        let (reply, _) = contact.send(&request, &id, now).await.map_err(said)?;
        if !(200..300).contains(&reply.status) {
            return Err(format!("HTTP {}", reply.status));
        }
        *kept = Some(contact);
        Ok(())
    }

    fn content<'a>(&self, view: &'a View, id: &str, now: Now) -> Beat<'a> {
        let destinations = view.destinations.iter();
        Beat {
            event: "agent.heartbeat",
            id: id.to_owned(),
            timestamp: now.wall.to_string(),
            clock: if now.synchronised {
                "synchronised"
            } else {
                "unsynchronised"
            },
            tenant_id: &view.site,
            site_name: &view.site_name,
            agent_id: &view.agent,
            version: &view.version,
            config_hash: &view.config.hash,
            config_refused: !view.config.refused.is_empty(),
            durable: view.store.durable,
            open_alerts: view.alerts.len(),
            watches: view.watches,
            not_watching: view.not_watching,
            undelivered: view.store.pending,
            oldest_undelivered_seconds: destinations.map(|of| of.oldest_seconds).max().unwrap_or(0),
            blind_machines: view
                .machines
                .iter()
                .filter(|machine| machine.state == "blind")
                .map(|machine| machine.id.as_str())
                .collect(),
            every_seconds: self.every.as_secs(),
            record: view.store.head.as_ref().map(|head| Head {
                stream: &view.store.stream,
                sequence: head.seq,
                hash: &head.hash,
            }),
        }
    }
}

fn said(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::from(error))
}
