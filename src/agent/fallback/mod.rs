//! Rows that come back to the loop from the task that delivers: what was not accepted in time and is told to others, and what a
//! person wants to be tried again. Both change who hears of an alert, and that is known here.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::record::Recorder;
use crate::{
    alert::{event::EventKind, plant::Severity},
    clock::Now,
    delivery::{
        dispatch::{Job, Owed},
        route,
    },
    store::{
        StoreError,
        rows::{AlertRow, DeliveryRow, DeliveryState, FallBack},
    },
};

impl Recorder {
    /// Owes the state of a delivery's alert to the fallback destinations, unless somebody has taken it or it is over.
    pub(super) async fn fall_back(&mut self, row: i64, now: Now) -> Result<(), StoreError> {
        let Some(delivery) = self.store.delivery(row).await? else {
            return Ok(());
        };
        // It may have been accepted since it was reported.
        let lacks = matches!(
            delivery.row.state,
            DeliveryState::Pending
                | DeliveryState::Failed
                | DeliveryState::Refused
                | DeliveryState::Expired
        );
        let Some(alert) = delivery
            .alert
            .filter(|alert| lacks && alert.state == "active")
        else {
            return Ok(());
        };
        let names = self.fallbacks.get(&*delivery.row.destination);
        let to: Vec<Arc<str>> = names
            .into_iter()
            .flatten()
            .filter(|name| self.would_tell(name, &alert))
            .cloned()
            .collect();
        let Some(id) = alert.id.parse().ok().filter(|_| !to.is_empty()) else {
            return Ok(());
        };
        let audience = self
            .audiences
            .of_alert(id, alert.number, &self.store)
            .await?;
        let mut names = audience.names();
        names.extend(to.iter().cloned());
        let text = |name: &Arc<str>| name.to_string();
        let what = FallBack {
            row,
            to: to.iter().map(text).collect(),
            audience: names.iter().map(text).collect(),
        };
        let made = self.store.fall_back(what).await?;
        for made in &made {
            let destination: Arc<str> = made.destination.as_str().into();
            audience.made(&destination, made.id, false);
            tracing::warn!(
                alert = alert.number,
                destination = &*destination,
                "is told in place of {}, which did not accept",
                delivery.row.destination
            );
        }
        self.hand_over_late(&made, now).await;
        Ok(())
    }

    /// Hands over what is owed of events of earlier commits.
    async fn hand_over_late(&self, made: &[DeliveryRow], now: Now) {
        let read = |row: &DeliveryRow| {
            let mut owed = Owed::read(row, &self.boot, now)?;
            // It is owed since now, however old its event is.
            owed.row.decided = now.mono;
            Some(owed)
        };
        let rows: Vec<Owed> = made.iter().filter_map(read).collect();
        if !rows.is_empty() {
            let _ = self.jobs.send(Job::Owed(rows)).await;
        }
    }

    fn would_tell(&self, name: &Arc<str>, alert: &AlertRow) -> bool {
        let owed = route::Owed {
            destination: Arc::clone(name),
            as_trigger: true,
            withdrawable: false,
        };
        let severity = Severity::ALL.get(usize::from(alert.severity)).copied();
        let severity = severity.unwrap_or(Severity::Critical);
        self.routes.calls(name, severity) && self.routes.tells(&owed, EventKind::Triggered)
    }

    /// Tries a delivery now. One that was withdrawn is owed again, so its destination hears of the alert to its end, and what the alert has
    /// become meanwhile.
    pub(super) async fn retry(
        &mut self,
        row: i64,
        now: Now,
        reply: oneshot::Sender<bool>,
    ) -> Result<(), StoreError> {
        let (sender, answer) = oneshot::channel();
        let _ = self.jobs.send(Job::Retry(row, sender)).await;
        let known = answer.await.unwrap_or(false);
        if known
            && let Some(delivery) = self.store.delivery(row).await?
            && let Some(alert) = delivery.alert
            && let Ok(id) = alert.id.parse()
        {
            let audience = self
                .audiences
                .of_alert(id, alert.number, &self.store)
                .await?;
            let destination: Arc<str> = delivery.row.destination.as_str().into();
            audience.made(&destination, row, false);
            let routes = self.routes.clone();
            let owed = route::Owed {
                destination,
                as_trigger: false,
                withdrawable: false,
            };
            let takes = move |kind: &str| {
                EventKind::from_word(kind).is_none_or(|kind| routes.tells(&owed, kind))
            };
            let made = self.store.follow_through(row, takes, now.wall).await?;
            self.hand_over_late(&made, now).await;
        }
        let _ = reply.send(known);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
