//! What was, read from the store for the API. Current state is never read here: it is in the view.

use crate::{
    alert::plant::Severity,
    api::{
        history::{
            AlertPage, AlertStory, AttemptView, DeliveryPage, DeliveryStory, DeliveryView,
            EventView, History, HistoryError, Reading,
        },
        view::AlertView,
    },
    clock::Wall,
    destination::notice::Notice,
    store::{
        Store, StoreError,
        history::{AlertFilter, DeliveryFilter},
        rows::{AlertRow, Delivery, DeliveryRow, DeliveryState, EventRow},
    },
    verify::rows::{Account, Page},
};

/// The history in a store.
pub(super) struct StoreHistory(Store);

impl StoreHistory {
    pub(super) fn new(store: Store) -> Self {
        Self(store)
    }

    async fn read_alerts(&self, page: AlertPage) -> Result<Vec<AlertView>, StoreError> {
        let filter = AlertFilter {
            before: page.before,
            ..AlertFilter::default()
        };
        let rows = self.0.alerts(filter, page.limit).await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            let events = self.0.events_of(row.number, 1).await?;
            views.push(alert(&row, events.last()));
        }
        Ok(views)
    }

    async fn read_alert(&self, number: u64) -> Result<Option<AlertStory>, StoreError> {
        let filter = AlertFilter {
            number: Some(number),
            ..AlertFilter::default()
        };
        let Some(row) = self.0.alerts(filter, 1).await?.pop() else {
            return Ok(None);
        };
        let events = self.0.events_of(row.number, crate::api::ROWS).await?;
        let filter = DeliveryFilter {
            alert: Some(row.number),
            ..DeliveryFilter::default()
        };
        let rows = self.0.deliveries(filter, crate::api::ROWS).await?;
        let mut deliveries = Vec::with_capacity(rows.len());
        for one in &rows {
            let mut view = delivery(one, row.number);
            if one.attempts > 0
                && let Some(found) = self.0.delivery(one.id).await?
            {
                view.provider_id = provider_id(&found);
            }
            deliveries.push(view);
        }
        Ok(Some(AlertStory {
            alert: alert(&row, events.last()),
            events: events.iter().map(event).collect(),
            deliveries,
        }))
    }

    async fn read_deliveries(&self, page: DeliveryPage) -> Result<Vec<DeliveryView>, StoreError> {
        let filter = DeliveryFilter {
            destination: page.destination,
            state: page.state.as_deref().and_then(DeliveryState::from_word),
            before: page.before,
            ..DeliveryFilter::default()
        };
        let rows = self.0.deliveries(filter, page.limit).await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            let number = self
                .0
                .delivery(row.id)
                .await?
                .and_then(|found| found.alert)
                .map_or(0, |alert| alert.number);
            views.push(delivery(&row, number));
        }
        Ok(views)
    }

    async fn read_delivery(&self, id: i64) -> Result<Option<DeliveryStory>, StoreError> {
        let Some(found) = self.0.delivery(id).await? else {
            return Ok(None);
        };
        let number = found.alert.as_ref().map_or(0, |alert| alert.number);
        let attempt = |tried: &crate::store::rows::Tried| AttemptView {
            at: Wall::from_millis(tried.at).to_string(),
            attempts: tried.attempts,
            result: tried.result.clone(),
            took_ms: tried.took_ms,
            status: tried.status,
            provider_id: tried.provider_id.clone(),
        };
        let told = EventRow {
            seq: found.row.event_seq,
            id: found.event.clone(),
            alert: found.row.alert.clone(),
            kind: found.row.kind.clone(),
            at: found.row.at,
            body: found.body.clone(),
        };
        let mut view = delivery(&found.row, number);
        view.provider_id = provider_id(&found);
        Ok(Some(DeliveryStory {
            why: self.why(&found.row, number, &told).await?,
            waits_for: self.waits_for(&found.row).await?,
            event: event(&told),
            delivery: view,
            log: found.log.iter().map(attempt).collect(),
            body: serde_json::from_str(&found.body).unwrap_or_default(),
        }))
    }

    /// Some jobs' worth of the record: each is short, and whatever else waits goes between them.
    async fn read_record(&self, after: i64) -> Result<Page, StoreError> {
        let mut page = self.0.record(after).await?;
        while !page.end && page.entries.len() < crate::api::ROWS {
            let last = page.entries.last().map_or(after, |entry| entry.seq);
            let more = self.0.record(last).await?;
            page.entries.extend(more.entries);
            page.end = more.end;
        }
        Ok(page)
    }

    /// Why a destination is told: decided when it was, and told apart again by what the rows say.
    async fn why(
        &self,
        row: &DeliveryRow,
        number: u64,
        told: &EventRow,
    ) -> Result<String, StoreError> {
        if let Some(step) = notice(told).escalation {
            let (policy, step) = (step.policy_name, step.step);
            return Ok(match row.as_trigger {
                true => format!(
                    "step {step} of policy {policy:?} calls it for the first time: it is told the alert's state first"
                ),
                false => format!("step {step} of policy {policy:?} calls it"),
            });
        }
        let filter = DeliveryFilter {
            destination: Some(row.destination.clone()),
            alert: Some(number),
            before: Some(row.id),
            ..DeliveryFilter::default()
        };
        let heard = !self.0.deliveries(filter, 1).await?.is_empty();
        Ok(match (heard, row.as_trigger) {
            (true, _) => "it was told of the alert before, and hears everything that follows",
            (false, true) => "the routes choose it now: it is told the alert's state as a trigger",
            (false, false) => "the routes choose it",
        }
        .to_owned())
    }

    /// An older delivery of the same watch to the same destination, which goes first.
    async fn waits_for(&self, row: &DeliveryRow) -> Result<Option<String>, StoreError> {
        if row.state != DeliveryState::Pending {
            return Ok(None);
        }
        let (mut before, mut first) = (row.id, None);
        loop {
            let filter = DeliveryFilter {
                destination: Some(row.destination.clone()),
                state: Some(DeliveryState::Pending),
                before: Some(before),
                ..DeliveryFilter::default()
            };
            let page = self.0.deliveries(filter, crate::api::ROWS).await?;
            let Some(last) = page.last() else {
                break;
            };
            before = last.id;
            let of_lane = page.iter().rfind(|one| one.lane == row.lane);
            first = of_lane.map(|one| one.id).or(first);
        }
        Ok(first.map(|id| format!("delivery {id}, an older one of the same watch")))
    }
}

impl History for StoreHistory {
    fn alerts(&self, page: AlertPage) -> Reading<'_, Vec<AlertView>> {
        Box::pin(async move { self.read_alerts(page).await.map_err(failed) })
    }

    fn alert(&self, number: u64) -> Reading<'_, Option<AlertStory>> {
        Box::pin(async move { self.read_alert(number).await.map_err(failed) })
    }

    fn deliveries(&self, page: DeliveryPage) -> Reading<'_, Vec<DeliveryView>> {
        Box::pin(async move { self.read_deliveries(page).await.map_err(failed) })
    }

    fn delivery(&self, id: i64) -> Reading<'_, Option<DeliveryStory>> {
        Box::pin(async move { self.read_delivery(id).await.map_err(failed) })
    }

    fn account(&self) -> Reading<'_, Account> {
        Box::pin(async move { self.0.account().await.map_err(failed) })
    }

    fn record(&self, after: i64) -> Reading<'_, Page> {
        Box::pin(async move { self.read_record(after).await.map_err(failed) })
    }
}

fn failed(error: StoreError) -> HistoryError {
    HistoryError(error.to_string())
}

/// An alert as its row and its last event tell it.
fn alert(row: &AlertRow, last: Option<&EventRow>) -> AlertView {
    let notice = last.map(notice).unwrap_or_default();
    let quantity = |number: Option<String>| {
        number.map(|number| {
            format!("{number} {}", notice.alert.unit)
                .trim_end()
                .to_owned()
        })
    };
    AlertView {
        number: format!("A-{}", row.number),
        id: row.id.clone(),
        dedup_key: row.dedup_key.clone(),
        machine: row.machine.clone(),
        machine_name: notice.alert.machine_name.clone(),
        rule: row.rule.clone(),
        severity: Severity::ALL
            .get(usize::from(row.severity))
            .map_or("critical", |severity| severity.word())
            .to_owned(),
        state: row.state.clone(),
        shelved: notice.alert.shelved,
        level: notice.alert.level.clone(),
        text: notice.text.clone(),
        value: quantity(notice.alert.value.as_ref().map(ToString::to_string)),
        limit: quantity(notice.alert.limit.map(|limit| limit.to_string())),
        occurrences: notice.alert.occurrences,
        created: row.created.to_string(),
        ended: row.ended.map(|ended| ended.to_string()),
    }
}

fn event(row: &EventRow) -> EventView {
    let notice = notice(row);
    let by = notice.by;
    EventView {
        id: row.id.clone(),
        at: row.at.to_string(),
        kind: row.kind.clone(),
        text: notice.text,
        claimed: by.as_ref().is_some_and(|by| by.claimed),
        note: by.as_ref().and_then(|by| by.note.clone()),
        by: by.map(|by| by.name),
    }
}

fn delivery(row: &DeliveryRow, number: u64) -> DeliveryView {
    DeliveryView {
        id: row.id,
        destination: row.destination.clone(),
        state: row.state.word().to_owned(),
        alert: format!("A-{number}"),
        event: row.kind.clone(),
        sequence: row.sequence,
        attempts: row.attempts,
        result: row.result.clone(),
        fallback_of: row.fallback_of,
        fallback_to: row.fallback_to,
        decided: row.decided.wall.to_string(),
        next: row.not_before.map(|at| at.to_string()),
        settled: row.settled.map(|at| at.to_string()),
        provider_id: None,
    }
}

/// What the destination calls it, as it said last.
fn provider_id(found: &Delivery) -> Option<String> {
    let mut tries = found.log.iter().rev();
    tries.find_map(|tried| tried.provider_id.clone())
}

/// What an event was told as; empty where it cannot be read.
fn notice(row: &EventRow) -> Notice {
    serde_json::from_str(&row.body).unwrap_or_default()
}
