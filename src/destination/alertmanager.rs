//! Prometheus Alertmanager, fed by its API v2: an alert by its labels, which it groups, routes, silences and tells people of.
//!
//! Its labels are its identity, so nothing that changes stands among them: value, severity before, state and step are annotations, and an alert
//! whose severity changes is another one there, and the one before ends. It forgets what it is not told again: what is active is told anew
//! every minute and ends four minutes after that, and what is over is told for five minutes more. Every instance is
//! told, as instances of a cluster expect; one that accepts is enough. It knows no acknowledgement; silences are made there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Late, Outcome, RenderError,
    Signing, Terms, Told, Veiled, events, read_sign,
    webhook::alertmanager::{annotations, labels},
};
use crate::{alert::event::EventKind, clock::Wall, config::section::Section};

/// How often what is active is told again.
const EVERY: Duration = Duration::from_secs(60);
/// When it ends there, if it is not.
const LASTS_MS: i64 = 4 * 60 * 1000;
/// The most instances.
const MOST: usize = 10;

#[derive(Debug)]
struct Alertmanager {
    access: Access,
    sign: Option<Signing>,
    events: Vec<EventKind>,
}

/// Reads `type = "alertmanager"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let urls: Vec<Veiled> = section.get("urls", Vec::new());
    let (one, several) = (section.raw("url").is_some(), section.raw("urls").is_some());
    if one == several {
        section.error(
            "urls",
            "is missing: give either `url`, or `urls` with every instance of the cluster",
        );
    } else if several && !(1..=MOST).contains(&urls.len()) {
        section.error("urls", "must list 1 to 10 instances");
    }
    let mut urls = urls.into_iter();
    let timeout = Duration::from_secs(10);
    let access = match urls.next().filter(|_| !one) {
        Some(first) => Access::read_instances(section, timeout, first, urls.collect()),
        None => Access::read_optional(section, timeout),
    };
    let terms = Terms::read(
        section,
        Terms {
            late: Late::Collapse,
            // Whom it calls how often is up to it.
            call_every: Duration::ZERO,
            ..Terms::default()
        },
    );
    let kind = Alertmanager {
        sign: read_sign(section),
        events: events::read(section, &events::UNTAKEN),
        access: access?,
    };
    Some((Arc::new(kind), terms))
}

impl Kind for Alertmanager {
    fn word(&self) -> &'static str {
        "alertmanager"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            new_incident: false,
            repost: Some(EVERY),
            ..Abilities::INCIDENT
        }
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Http(&self.access)
    }

    fn sign(&self) -> Option<&Signing> {
        self.sign.as_ref()
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let (notice, alert) = (told.notice, &told.notice.alert);
        let kind = told.kind()?;
        let ends = match kind.is_end() {
            true => alert.ended.unwrap_or(notice.at),
            false => told.attempt.now_seconds * 1000 + LASTS_MS,
        };
        let posted = |ends: i64| Posted {
            labels: labels(notice),
            annotations: annotations(notice, told.attempt, kind),
            starts_at: Wall::from_millis(alert.created).to_string(),
            // With a clock that went back it would end before it began, which is refused.
            ends_at: Wall::from_millis(ends.max(alert.created)).to_string(),
            generator_url: alert.url.as_deref(),
        };
        let mut all = vec![posted(ends)];
        // With the severity that it had it is another alert there, which is over.
        if let Some(before) = &alert.previous_severity {
            let mut before_it = posted(notice.at);
            let severity = before_it
                .labels
                .insert("severity".to_owned(), before.clone());
            if severity.as_ref() != Some(before) {
                all.insert(0, before_it);
            }
        }
        let body = told.json(&all)?;
        let all = std::iter::once(&self.access.url).chain(&self.access.more);
        let request = |url: &Veiled| {
            let url = url.clone().below("/api/v2/alerts");
            HttpRequest::json(url, body.as_str()).signed(self.sign.as_ref())
        };
        Ok(Errand::any(all.map(request).collect()))
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let mut outcome = Outcome::of_status(answer, &[400, 413, 422]);
        if let Outcome::Refused { why, .. } = &mut outcome
            && answer.status == 404
        {
            *why += "; is a prefix missing in the url, which goes up to before /api/v2?";
        }
        (outcome, None)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'t> {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'t str>,
}
