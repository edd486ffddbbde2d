//! The task that delivers: it owns the schedule, starts attempts, and records what came of them.
//!
//! It decides nothing about order, patience or giving up (that is [`super::schedule`]) and nothing about who is owed what (that
//! was decided and stored before it hears of a row). What it adds is IO: it reads bodies, lets attempts run beside each
//! other, and writes every end to the store before the next delivery of that lane may start.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::{Id, JoinSet},
};
use tokio_util::sync::CancellationToken;

pub use super::owed::Owed;
use super::{
    attempt::{Tested, Tried, Way},
    concern::Concerns,
    owed::stored,
    schedule::{Attempt, DestinationPlan, LaneKey, Schedule, State, Status},
    withdrawable::Withdrawable,
};
use crate::{
    alert::signal::Signal,
    clock::{BootId, Clock, Mono},
    destination::{Destination, notice::Notice},
    link::certificate::Seen,
    store::{
        Store, StoreError,
        rows::{DeliveryState, Settlement},
    },
};

/// The loops look at their clock at least this often, because timers stop while the gateway sleeps.
const LOOK: Duration = Duration::from_secs(1);
/// How many ends are recorded in one transaction.
const GROUP: usize = 100;

/// What the task is asked to do.
#[derive(Debug)]
pub enum Job {
    /// These rows are on disk and owed, and what was withdrawn is recorded.
    Owed(Vec<Owed>),
    /// These rows came from another database and are owed here from now on.
    Imported(Vec<Owed>),
    /// Take back what is withdrawable in a lane and cannot have been heard; answers with rows and destinations. Nothing
    /// starts until [`Job::Owed`] says that this is on disk.
    Withdraw {
        /// The watch.
        lane: LaneKey,
        /// What was taken back. The caller records it as superseded.
        reply: oneshot::Sender<Vec<(i64, Arc<str>)>>,
    },
    /// The configuration has changed.
    Reload(Vec<Destination>),
    /// Try a delivery now. Answers whether it was waiting.
    Retry(i64, oneshot::Sender<bool>),
    /// Give a delivery up, for this reason. Answers whether it was waiting.
    Drop(i64, String, oneshot::Sender<bool>),
    /// Send a notice to a destination once, without a row.
    Test(String, Box<Notice>, oneshot::Sender<Option<Tested>>),
    /// How the destinations stand.
    Look(oneshot::Sender<Vec<Standing>>),
}

/// One destination, for views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the schedule says.
    pub status: Status,
    /// What the last attempt that was not accepted brought.
    pub trouble: Option<String>,
}

/// What the task works with.
#[derive(Debug)]
pub struct Parts {
    /// Bodies come from it, ends go to it.
    pub store: Store,
    /// Time.
    pub clock: Clock,
    /// Notes what certificates receivers show.
    pub seen: Seen,
    /// This boot, to tell how old rows from earlier ones are.
    pub boot: BootId,
    /// All destinations.
    pub destinations: Vec<Destination>,
    /// What it is asked to do.
    pub jobs: mpsc::Receiver<Job>,
    /// Where it says that a destination is in trouble.
    pub signals: mpsc::Sender<Signal>,
    /// Ends it: what is in flight gets `grace` to come back.
    pub stop: CancellationToken,
    /// How long attempts may still run when the agent stops.
    pub grace: Duration,
}

/// Runs until it is stopped.
///
/// # Errors
/// When the store fails: the agent has to stop then.
pub async fn run(parts: Parts) -> Result<(), StoreError> {
    let Parts {
        store,
        clock,
        boot,
        seen,
        destinations,
        mut jobs,
        signals,
        stop,
        grace,
    } = parts;
    let mut desk = Desk {
        schedule: Schedule::new(destinations.iter().map(DestinationPlan::from).collect()),
        ways: ways(destinations, &boot, &seen),
        withdrawable: Withdrawable::default(),
        reasons: HashMap::new(),
        ends: VecDeque::new(),
        durable: true,
        boot,
        seen,
        flights: JoinSet::new(),
        rows: HashMap::new(),
        concerns: Concerns::new(signals),
        store,
        clock,
    };
    desk.load().await?;
    while !stop.is_cancelled() {
        desk.follow_disk().await?;
        desk.start_due();
        desk.record_ends().await?;
        let wait = desk.wait();
        tokio::select! {
            () = stop.cancelled() => break,
            job = jobs.recv() => match job {
                Some(job) => desk.take(job).await?,
                None => break,
            },
            Some(ended) = desk.flights.join_next_with_id() => desk.land(ended).await?,
            () = tokio::time::sleep(wait) => {}
        }
    }
    desk.finish(grace).await
}

type Ended = Result<(Id, Option<Tried>), tokio::task::JoinError>;

struct Desk {
    schedule: Schedule,
    ways: HashMap<Arc<str>, Arc<Way>>,
    withdrawable: Withdrawable,
    /// Why a person dropped a row.
    reasons: HashMap<i64, String>,
    /// What is over without an attempt and not on record yet.
    ends: VecDeque<Settlement>,
    /// Whether the store was on disk when it was last looked at.
    durable: bool,
    boot: BootId,
    seen: Seen,
    flights: JoinSet<Option<Tried>>,
    rows: HashMap<Id, Attempt>,
    concerns: Concerns,
    store: Store,
    clock: Clock,
}

impl Desk {
    /// Fills the schedule with everything that is owed from before.
    async fn load(&mut self) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let page = self.store.pending(after, 200).await?;
            let Some(last) = page.last() else {
                self.withdrawable.restored();
                return Ok(());
            };
            after = last.id;
            let now = self.clock.now();
            let found = page
                .iter()
                .filter_map(|row| Owed::read(row, &self.boot, now));
            for Owed { row, withdrawable } in found {
                self.withdrawable.restore(&row, withdrawable);
                self.schedule.add(&row, now.mono);
            }
        }
    }

    fn add(&mut self, owed: Vec<Owed>, now: Mono) {
        for Owed { row, withdrawable } in owed {
            if withdrawable {
                self.withdrawable.add(&row);
            }
            self.schedule.add(&row, now);
        }
    }

    /// Takes up again what was out of reach while the store was in memory, or came from a database that was set aside then.
    async fn follow_disk(&mut self) -> Result<(), StoreError> {
        let was = std::mem::replace(&mut self.durable, self.store.is_durable());
        if self.durable && !was {
            self.load().await?;
        }
        Ok(())
    }

    /// Starts what may start, and notes what is over without an attempt.
    fn start_due(&mut self) {
        if !self.withdrawable.may_start() {
            return;
        }
        let now = self.clock.now();
        let due = self.schedule.next(now.mono);
        for settled in due.settled {
            let why = self.reasons.remove(&settled.row);
            let state = match (&why, settled.state) {
                (Some(_), State::GivenUp) => DeliveryState::Dropped,
                (_, state) => stored(state),
            };
            let why = why.unwrap_or_else(|| settled.why.to_owned());
            // A condition that comes and goes would fill the log with these.
            if state != DeliveryState::Deduplicated {
                tracing::info!(
                    delivery = settled.row,
                    state = state.word(),
                    "delivery is over: {why}"
                );
            }
            self.ends
                .push_back(Settlement::new(settled.row, state, now.wall, why));
        }
        for attempt in due.attempts {
            let way = self.ways.get(&attempt.destination).map(Arc::clone);
            let (store, clock, row) = (self.store.clone(), self.clock.clone(), attempt.row);
            let flight = self.flights.spawn(async move {
                match way {
                    Some(way) => way.attempt(&store, &clock, row).await,
                    None => {
                        let why = "there is no such destination any more";
                        Some(Tried::unreachable(clock.now().wall, why))
                    }
                }
            });
            self.rows.insert(flight.id(), attempt);
        }
        self.concerns.look(self.schedule.statuses(), now.mono);
    }

    /// Records some of what is over. A week's backlog expires in one moment after a long silence, and jobs must not wait
    /// until all of that is on disk; a crash before it only lets the rest expire again.
    async fn record_ends(&mut self) -> Result<(), StoreError> {
        let some = self.ends.len().min(GROUP);
        if some > 0 {
            let group = self.ends.drain(..some).collect();
            self.store.settle_many(group).await?;
        }
        Ok(())
    }

    fn wait(&self) -> Duration {
        if !self.ends.is_empty() {
            return Duration::ZERO;
        }
        let now = self.clock.now().mono;
        let due = self.schedule.next_deadline();
        due.map_or(LOOK, |due| due.since(now))
            .clamp(Duration::from_millis(1), LOOK)
    }

    async fn take(&mut self, job: Job) -> Result<(), StoreError> {
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
            Job::Reload(destinations) => {
                let plans = destinations.iter().map(DestinationPlan::from).collect();
                self.schedule.reload(plans, now.mono);
                self.ways = ways(destinations, &self.boot, &self.seen);
            }
            Job::Retry(id, reply) => {
                let mut known = self.schedule.retry_now(id, now.mono);
                if !known && self.store.retry(id).await? {
                    // It was given up: it is owed again, before what still waits in its lane.
                    if let Some(delivery) = self.store.delivery(id).await? {
                        // A person wants it to be sent, so it is not withdrawn again; and its time to expire begins anew, or it
                        // would be given up before it is tried.
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
                self.reasons.insert(id, why);
                let known = self.schedule.discard(id, now.mono);
                if !known {
                    self.reasons.remove(&id);
                }
                // Who is told that it is dropped may rely on it.
                self.start_due();
                while !self.ends.is_empty() {
                    self.record_ends().await?;
                }
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

    /// Lets what is in flight come back, for a while.
    async fn finish(mut self, grace: Duration) -> Result<(), StoreError> {
        let deadline = tokio::time::sleep(grace);
        tokio::pin!(deadline);
        while !self.flights.is_empty() {
            tokio::select! {
                () = &mut deadline => break,
                Some(ended) = self.flights.join_next_with_id() => self.land(ended).await?,
            }
        }
        while !self.ends.is_empty() {
            self.record_ends().await?;
        }
        Ok(())
    }
}

fn ways(destinations: Vec<Destination>, boot: &BootId, seen: &Seen) -> HashMap<Arc<str>, Arc<Way>> {
    let way = |destination: Destination| {
        let name = Arc::clone(&destination.name);
        let witness = seen.witness(&format!("destination.{name}"));
        (name, Arc::new(Way::new(destination, boot.clone(), witness)))
    };
    destinations.into_iter().map(way).collect()
}

mod land;

#[cfg(test)]
mod tests;
