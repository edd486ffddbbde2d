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
        rows::{AlertRow, DeliveryRow, DeliveryState, EventRow},
    },
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
            let events = self.0.events_of(row.number, 0).await?;
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
        let events = self.0.events_of(row.number, 0).await?;
        let filter = DeliveryFilter {
            alert: Some(row.number),
            ..DeliveryFilter::default()
        };
        let rows = self.0.deliveries(filter, crate::api::ROWS).await?;
        Ok(Some(AlertStory {
            alert: alert(&row, events.last()),
            events: events.iter().map(event).collect(),
            deliveries: rows
                .iter()
                .map(|delivery_row| delivery(delivery_row, row.number))
                .collect(),
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
        };
        Ok(Some(DeliveryStory {
            delivery: delivery(&found.row, number),
            log: found.log.iter().map(attempt).collect(),
            body: serde_json::from_str(&found.body).unwrap_or_default(),
        }))
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
    }
}

/// What an event was told as; empty where it cannot be read.
fn notice(row: &EventRow) -> Notice {
    serde_json::from_str(&row.body).unwrap_or_default()
}
