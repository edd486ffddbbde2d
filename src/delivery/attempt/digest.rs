//! One attempt that tells several deliveries in one message. Which, is decided by the schedule; here those that cannot be told now are
//! left out, so that they do not hold up the others.

use std::collections::BTreeMap;

use super::{Tried, Way, chain, refused, way::gave_up};
use crate::{
    alert::event::EventKind,
    clock::{Clock, Now},
    destination::{
        Told,
        notice::{Attempt, Notice},
    },
    store::{
        Store,
        rows::{Delivery, DeliveryState},
    },
};

/// What a digest told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// How many deliveries.
    pub count: usize,
    /// What came of those that were left out.
    pub apart: BTreeMap<i64, Apart>,
}

/// Why a delivery was left out of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apart {
    /// The store does not owe it any more.
    Void,
    /// There was no room: it is for the next one.
    Later,
    /// It can never be told, because of this.
    Unreadable(String),
}

impl Way {
    /// Tries to tell these deliveries once, together; none if the store owes none of them any more.
    pub async fn digest(&self, store: &Store, clock: &Clock, rows: &[i64]) -> Option<Tried> {
        let found = match store.deliveries_of(rows.to_vec()).await {
            Ok(found) => found,
            Err(error) => return Some(Tried::unreachable(clock.now().wall, &chain(&error))),
        };
        let now = clock.now();
        let tried = self.tell(&found, rows, now).await?;
        Some(Tried {
            took: clock.now().mono.since(now.mono),
            ..tried
        })
    }

    async fn tell(&self, found: &[Delivery], rows: &[i64], now: Now) -> Option<Tried> {
        let owed = |delivery: &&Delivery| delivery.row.state == DeliveryState::Pending;
        let owed: BTreeMap<i64, &Delivery> = found
            .iter()
            .filter(owed)
            .map(|delivery| (delivery.row.id, delivery))
            .collect();
        let mut apart = BTreeMap::new();
        let mut told: Vec<(i64, Notice, Attempt)> = Vec::new();
        let mut ranges = Vec::new();
        for row in rows {
            let Some(delivery) = owed.get(row) else {
                apart.insert(*row, Apart::Void);
                continue;
            };
            match self.readable(delivery, now) {
                Ok((notice, mut attempt)) => {
                    // What will never come is said once, by the first.
                    match told.is_empty() {
                        true => ranges.clone_from(&delivery.given_up),
                        false => attempt.given_up.clear(),
                    }
                    told.push((*row, notice, attempt));
                }
                Err(why) => {
                    apart.insert(*row, Apart::Unreadable(why));
                }
            }
        }
        if owed.is_empty() {
            return None;
        }
        let views: Vec<Told<'_>> = told
            .iter()
            .map(|(_, notice, attempt)| self.destination.told(notice, attempt, None))
            .collect();
        let tried = match self.destination.render_digest(&views) {
            Ok((digest, errand)) => {
                let left = told.iter().skip(digest.told.len());
                apart.extend(left.map(|(row, ..)| (*row, Apart::Later)));
                let errand = (&*digest.id, &errand);
                let exchange = self.exchange_digest(errand, &digest.first, now).await;
                Tried::after(exchange, now)
            }
            Err(_) if views.is_empty() => gave_up(now, "no event of it can be read"),
            Err(error) => Tried::of(now.wall, refused(&error)),
        };
        Some(Tried {
            told: ranges,
            digest: Some(Together {
                count: rows.len() - apart.len(),
                apart,
            }),
            ..tried
        })
    }

    fn readable(&self, delivery: &Delivery, now: Now) -> Result<(Notice, Attempt), String> {
        let (notice, attempt) = self.about(delivery, now)?;
        match EventKind::from_word(&notice.kind) {
            Some(_) => Ok((notice, attempt)),
            None => Err(format!(
                "its event is of the kind \"{}\", which this version does not know",
                notice.kind
            )),
        }
    }
}
