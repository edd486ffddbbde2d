//! Telling again what was accepted, to destinations that forget it otherwise. The schedule says when; nothing of it is recorded, but one
//! that fails is trouble of the destination as any other attempt is.

use std::{sync::Arc, time::Duration};

use super::{Desk, Tried};
use crate::{
    alert::event::DedupKey,
    clock::Wall,
    delivery::{
        owed::told,
        schedule::{LaneKey, Outcome, Repost},
    },
    store::{
        Store, StoreError,
        history::{AlertFilter, DeliveryFilter},
        rows::{AlertRow, DeliveryState},
    },
};

/// An alert that ended longer ago is told to nobody again.
const OVER: Duration = Duration::from_secs(5 * 60);
/// How many alerts that are over are looked at.
const LATEST: usize = 50;

impl Desk {
    /// Starts one.
    pub(super) fn tell_again(&mut self, repost: Repost) {
        let way = self.ways.get(&repost.destination).map(Arc::clone);
        let (store, clock, row) = (self.store.clone(), self.clock.clone(), repost.row);
        let flight = self.flights.spawn(async move {
            match way {
                Some(way) => way.repeat(&store, &clock, row).await,
                None => None,
            }
        });
        self.reposts.insert(flight.id(), repost);
    }

    /// What came of one.
    pub(super) fn told_again(&mut self, repost: &Repost, tried: Option<Tried>) {
        let now = self.clock.now().mono;
        let outcome = tried.map_or(Outcome::Void, |tried| {
            self.concerns
                .heard(&repost.destination, &tried.outcome, now);
            told(&tried.outcome)
        });
        self.schedule
            .reposted(repost, outcome, fastrand::f64(), now);
    }

    /// Finds what was accepted in earlier runs and is still so, for all destinations that have to be told again.
    pub(super) async fn recall_reposts(&mut self) -> Result<(), StoreError> {
        let forgetful = self.ways.iter().filter(|(_, way)| way.forgets());
        let names: Vec<Arc<str>> = forgetful.map(|(name, _)| Arc::clone(name)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let now = self.clock.now().wall;
        for alert in still_told(&self.store, now).await? {
            let Some(lane) = DedupKey::from_hex(&alert.dedup_key) else {
                continue;
            };
            for name in &names {
                let filter = DeliveryFilter {
                    destination: Some(name.to_string()),
                    state: Some(DeliveryState::Accepted),
                    alert: Some(alert.number),
                    ..DeliveryFilter::default()
                };
                for found in self.store.deliveries(filter, 1).await? {
                    let repost = Repost {
                        row: found.id,
                        destination: Arc::clone(name),
                        lane: LaneKey(lane.bytes()),
                    };
                    let is_over = matches!(found.kind.as_str(), "resolved" | "closed");
                    let mono = self.clock.now().mono;
                    self.schedule.was_accepted(&repost, is_over, mono);
                }
            }
        }
        Ok(())
    }
}

/// Open alerts, and those that ended a moment ago.
async fn still_told(store: &Store, now: Wall) -> Result<Vec<AlertRow>, StoreError> {
    let mut all = Vec::new();
    let mut open = AlertFilter {
        open: Some(true),
        ..AlertFilter::default()
    };
    loop {
        let page = store.alerts(open.clone(), 200).await?;
        let Some(last) = page.last() else {
            break;
        };
        open.before = Some(last.number);
        all.extend(page);
    }
    let over = AlertFilter {
        open: Some(false),
        ..AlertFilter::default()
    };
    let mut over = store.alerts(over, LATEST).await?;
    over.retain(|alert| alert.ended.is_some_and(|ended| now.since(ended) < OVER));
    // Of one watch the later alert counts, which comes first.
    all.extend(over);
    all.sort_by_key(|alert| std::cmp::Reverse(alert.number));
    Ok(all)
}
