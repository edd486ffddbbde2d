//! What the task that delivers does when it is asked to.

use std::{collections::BTreeSet, sync::Arc};

use super::{Desk, Job, Owed, Standing, plans, ways};
use crate::{clock::Mono, delivery::schedule::Status, store::StoreError};

impl Desk {
    /// Does one job.
    pub(super) async fn take(&mut self, job: Job) -> Result<(), StoreError> {
        let now = self.clock.now();
        match job {
            Job::Owed(owed) => {
                self.withdrawable.decided();
                self.add(owed, now.mono);
            }
            Job::Imported(owed) => self.add(owed, now.mono),
            Job::Withdraw { lane, reply } => {
                let taken = self.withdrawable.take(lane, &mut self.schedule, now.mono);
                let _ = reply.send(taken);
            }
            Job::Reload(receivers) => {
                self.schedule.reload(plans(&receivers), now.mono);
                self.schedule.set_groups(receivers.groups);
                self.ways = ways(receivers.destinations, &self.boot, &self.seen);
                self.recall().await?;
                self.recall_reposts().await?;
                self.keep_all(now).await?;
            }
            Job::Compare => self.compare(now.mono).await?,
            Job::Retry(id, reply) => {
                // What is over and not on record yet does not wait.
                self.record_all().await?;
                // A person wants it to be sent, so it is not withdrawn any more.
                self.withdrawable.keep(id);
                let given_up = self.store.retry(id).await?;
                let mut known = self.schedule.retry_now(id, now.mono);
                if !known && given_up {
                    // It was given up: it is owed again, before what still waits in its lane.
                    if let Some(delivery) = self.store.delivery(id).await? {
                        // Its time to expire begins anew, or it would be given up before it is tried.
                        let again = Owed::read(&delivery.row, &self.boot, now);
                        known = again.is_some();
                        if let Some(mut owed) = again {
                            owed.row.decided = now.mono;
                            self.schedule.add(&owed.row, now.mono);
                        }
                    }
                }
                let _ = reply.send(known);
            }
            Job::Drop(id, why, reply) => {
                self.record_all().await?;
                self.reasons.insert(id, why);
                let mut known = self.schedule.discard(id, now.mono);
                // A later version may have left a kind of event that this one does not know: it waits, and can be dropped.
                if !known && let Some(why) = self.reasons.remove(&id) {
                    known = self.store.drop_delivery(id, now.wall, &why).await?;
                }
                // Who is told that it is dropped may rely on it.
                self.start_due().await?;
                self.record_all().await?;
                let _ = reply.send(known);
            }
            Job::Test(name, notice, reply) => {
                let way = self.ways.get(name.as_str()).map(Arc::clone);
                let clock = self.clock.clone();
                // A person waits for it, at most for the timeout of the destination; it must not hold up deliveries.
                tokio::spawn(async move {
                    let _ = reply.send(match way {
                        Some(way) => Some(way.test(&notice, &clock).await),
                        None => None,
                    });
                });
            }
            Job::Look(reply) => {
                let standing = |status: Status| Standing {
                    trouble: self.concerns.trouble(&status.destination),
                    status,
                };
                let _ = reply.send(self.schedule.statuses().map(standing).collect());
            }
        }
        Ok(())
    }

    /// Forgets what the store does not owe any more. What is in flight finds out for itself.
    async fn compare(&mut self, now: Mono) -> Result<(), StoreError> {
        if !self.store.is_durable() {
            // It knows only some of what is owed.
            return Ok(());
        }
        let mut gone: BTreeSet<i64> = self.schedule.row_ids().collect();
        let mut after = 0;
        loop {
            let page = self.store.pending(after, 200).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = last.id;
            for row in &page {
                gone.remove(&row.id);
            }
        }
        self.schedule.forget(gone, now);
        Ok(())
    }
}
