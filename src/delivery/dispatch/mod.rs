//! The task that delivers: it owns the schedule, starts attempts, and records what came of them.
//!
//! It decides nothing about order, patience or giving up (that is [`super::schedule`]) and nothing about who is owed what (that
//! was decided and stored before it hears of a row). What it adds is IO: it reads bodies, lets attempts run beside each
//! other, and writes every end of an attempt to the store before the next delivery of that lane may start. While that is being
//! written, others start and come back.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{Id, JoinSet},
};

pub use self::job::{Job, Parts, Receivers, Standing};
pub use super::owed::Owed;
use super::{
    attempt::{Tried, Way},
    concern::Concerns,
    owed::stored,
    schedule::{Attempt, DestinationPlan, Due, Kind, Repost, Schedule, Settled, State},
    withdrawable::Withdrawable,
};
use crate::{
    clock::{BootId, Clock, Mono, Now},
    destination::Destination,
    link::certificate::Seen,
    store::{
        Store, StoreError,
        rows::{Delivery, DeliveryState, Settlement},
    },
};

/// The loops look at their clock at least this often, because timers stop while the gateway sleeps.
const LOOK: Duration = Duration::from_secs(1);

/// What was given up longer ago is not told to others any more when the agent starts.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

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
        receivers,
        mut jobs,
        signals,
        fallbacks,
        stop,
        grace,
    } = parts;
    let falls_back: HashSet<Arc<str>> = receivers
        .destinations
        .iter()
        .filter(|of| !of.terms.fallback.is_empty())
        .map(|of| Arc::clone(&of.name))
        .collect();
    let mut desk = Desk {
        schedule: Schedule::new(plans(&receivers)),
        ways: ways(receivers.destinations, &boot, &seen),
        kept: HashMap::new(),
        withdrawable: Withdrawable::default(),
        reasons: HashMap::new(),
        ready: HashMap::new(),
        recording: Recording::default(),
        beyond: Beyond::default(),
        returns: 0,
        unaccepted: VecDeque::new(),
        fallbacks,
        boot,
        seen,
        flights: JoinSet::new(),
        rows: HashMap::new(),
        reposts: HashMap::new(),
        concerns: Concerns::new(signals),
        store,
        clock,
    };
    desk.recall().await?;
    desk.schedule.set_groups(receivers.groups);
    desk.load().await?;
    desk.find_unaccepted(&falls_back).await?;
    desk.recall_reposts().await?;
    desk.schedule.restored(desk.clock.now().mono);
    while !stop.is_cancelled() {
        desk.follow_disk().await?;
        desk.start_due().await?;
        desk.record_if_due();
        let wait = desk.wait();
        tokio::select! {
            () = stop.cancelled() => break,
            job = jobs.recv() => match job {
                Some(job) => desk.take(job).await?,
                None => break,
            },
            Some(ended) = desk.flights.join_next_with_id() => desk.land(ended).await?,
            recorded = desk.recording.done() => desk.recorded(recorded?).await?,
            () = tokio::time::sleep(wait) => {}
        }
    }
    desk.finish(grace).await
}

type Ended = Result<(Id, Option<Tried>), tokio::task::JoinError>;

use self::{land::Beyond, recording::Recording, standing::Kept};

struct Desk {
    schedule: Schedule,
    ways: HashMap<Arc<str>, Arc<Way>>,
    /// How destinations stand on disk.
    kept: HashMap<Arc<str>, Kept>,
    withdrawable: Withdrawable,
    /// Why a person dropped a row.
    reasons: HashMap<i64, String>,
    /// What was decided a moment ago, with what its attempts need.
    ready: HashMap<i64, Box<Delivery>>,
    /// What is over and not on record yet.
    recording: Recording,
    beyond: Beyond,
    /// How often the store had left memory mode when it was last looked at.
    returns: u64,
    /// What others are to be told in place of, and where that is said. The loop hears of it when it can; until it has acted, a
    /// restart finds it again.
    unaccepted: VecDeque<i64>,
    fallbacks: mpsc::Sender<i64>,
    boot: BootId,
    seen: Seen,
    flights: JoinSet<Option<Tried>>,
    rows: HashMap<Id, Attempt>,
    reposts: HashMap<Id, Repost>,
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
            for Owed {
                row, withdrawable, ..
            } in found
            {
                self.withdrawable.restore(&row, withdrawable);
                self.schedule.add(&row, now.mono);
            }
        }
    }

    /// Notes what had ended without being accepted before others were told in its place: an agent that died or stopped in between could
    /// not say so any more.
    async fn find_unaccepted(&mut self, falls_back: &HashSet<Arc<str>>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut after = 0;
        while let Some((alert, rows)) = self.store.untold(after, now.wall - OLD).await? {
            after = alert;
            let calls = rows.iter().filter_map(|row| {
                let row = Owed::read(row, &self.boot, now)?.row;
                let calls = matches!(row.kind, Kind::Call | Kind::Escalation);
                (calls && falls_back.contains(&row.destination)).then_some(row.id)
            });
            self.unaccepted.extend(calls);
        }
        Ok(())
    }

    fn add(&mut self, owed: Vec<Owed>, now: Mono) {
        for Owed {
            row,
            withdrawable,
            ready,
        } in owed
        {
            if withdrawable {
                self.withdrawable.add(&row);
            }
            self.ready.extend(ready.map(|delivery| (row.id, delivery)));
            self.schedule.add(&row, now);
        }
    }

    /// Takes up again what was out of reach while the store was in memory, or came from a database that was set aside then.
    async fn follow_disk(&mut self) -> Result<(), StoreError> {
        let returns = self.store.returns();
        if std::mem::replace(&mut self.returns, returns) != returns {
            // What is only over here must not be found as owed.
            self.record_all().await?;
            self.load().await?;
            self.reach_again(self.clock.now().mono);
        }
        Ok(())
    }

    /// Starts what may start, and notes what is over without an attempt.
    async fn start_due(&mut self) -> Result<(), StoreError> {
        // Only what starts in the moment of its decision goes out as it was handed over: later, more may have happened.
        let mut fresh = std::mem::take(&mut self.ready);
        if !self.withdrawable.may_start() {
            return Ok(());
        }
        let now = self.clock.now();
        let Due {
            attempts,
            settled,
            retold,
            fallbacks,
            reposts,
        } = self.schedule.next(now.mono);
        // What stands for others must be told in their place, whenever the agent dies.
        for row in &retold {
            fresh.remove(row);
            self.store.retell(*row).await?;
        }
        let superseded = settled.iter().any(|one| one.state == State::Superseded);
        self.note_ends(settled, now);
        if superseded {
            self.record_all().await?;
        }
        let started = !attempts.is_empty() || !reposts.is_empty();
        for attempt in attempts {
            let ready = fresh.remove(&attempt.row);
            // Nothing can have changed the first call of an alert; anything else counts only as long as nothing is written after it.
            let ready = ready.filter(|ready| {
                ready.row.kind == "triggered" || ready.writes == Some(self.store.writes())
            });
            self.start(attempt, ready);
        }
        for repost in reposts {
            self.tell_again(repost);
        }
        if started {
            // What starts goes out before anything that nobody waits for.
            tokio::task::yield_now().await;
        }
        if !fallbacks.is_empty() {
            // Who hears of them looks whether they were accepted meanwhile.
            self.record_all().await?;
        }
        self.unaccepted.extend(fallbacks);
        while let Some(&row) = self.unaccepted.front()
            && self.fallbacks.try_send(row).is_ok()
        {
            self.unaccepted.pop_front();
        }
        self.concerns.look(self.schedule.statuses(), now.mono);
        Ok(())
    }

    fn note_ends(&mut self, settled: Vec<Settled>, now: Now) {
        for settled in settled {
            let end = self.end(settled, now);
            self.recording.over(end, settled.lane, now.mono);
        }
    }

    /// The record of a delivery that is over without an attempt.
    fn end(&mut self, settled: Settled, now: Now) -> Settlement {
        let why = self.reasons.remove(&settled.row);
        let state = match (&why, settled.state) {
            (Some(_), State::GivenUp) => DeliveryState::Dropped,
            (_, state) => stored(state),
        };
        let why = why.unwrap_or_else(|| settled.why.to_owned());
        // A condition that comes and goes would fill the log with these, and an outage with those.
        if !matches!(settled.state, State::Deduplicated | State::Superseded) {
            tracing::info!(
                delivery = settled.row,
                state = state.word(),
                "delivery is over: {why}"
            );
        }
        Settlement::new(settled.row, state, now.wall, why)
    }

    fn start(&mut self, attempt: Attempt, ready: Option<Box<Delivery>>) {
        let way = self.ways.get(&attempt.destination).map(Arc::clone);
        let (store, clock, row) = (self.store.clone(), self.clock.clone(), attempt.row);
        let digest = attempt.digest.clone();
        let flight = self.flights.spawn(async move {
            match way {
                Some(way) if digest.is_empty() => way.attempt(&store, &clock, row, ready).await,
                Some(way) => way.digest(&store, &clock, &digest).await,
                None => {
                    let why = "there is no such destination any more";
                    Some(Tried::unreachable(clock.now().wall, why))
                }
            }
        });
        self.rows.insert(flight.id(), attempt);
    }

    /// Begins to record some of what is over, if it is time. A week's backlog expires in one moment after a long silence, and jobs must
    /// not wait until all of that is on disk; a crash before it only lets the rest expire again.
    fn record_if_due(&mut self) {
        let now = self.clock.now().mono;
        let due = self.recording.due(&self.schedule, now);
        if due.is_some_and(|due| due <= now) {
            self.recording.begin(&self.store);
        }
    }

    fn wait(&self) -> Duration {
        let now = self.clock.now().mono;
        let recording = self.recording.due(&self.schedule, now);
        let due = self.schedule.next_deadline().into_iter().chain(recording);
        due.min()
            .map_or(LOOK, |due| due.since(now))
            .clamp(Duration::from_millis(1), LOOK)
    }

    /// Lets what is in flight come back, for a while.
    async fn finish(mut self, grace: Duration) -> Result<(), StoreError> {
        let deadline = tokio::time::sleep(grace);
        tokio::pin!(deadline);
        while !self.flights.is_empty() {
            // What is accepted is not repeated by whoever kills the agent meanwhile.
            self.recording.begin(&self.store);
            tokio::select! {
                () = &mut deadline => break,
                recorded = self.recording.done() => self.recorded(recorded?).await?,
                Some(ended) = self.flights.join_next_with_id() => self.land(ended).await?,
            }
        }
        self.record_all().await
    }
}

fn plans(receivers: &Receivers) -> Vec<DestinationPlan> {
    let destinations = receivers.destinations.iter();
    destinations
        .map(|destination| DestinationPlan::of(destination, &receivers.site))
        .collect()
}

fn ways(destinations: Vec<Destination>, boot: &BootId, seen: &Seen) -> HashMap<Arc<str>, Arc<Way>> {
    let way = |destination: Destination| {
        let name = Arc::clone(&destination.name);
        let witness = seen.witness(&format!("destination.{name}"));
        (name, Arc::new(Way::new(destination, boot.clone(), witness)))
    };
    destinations.into_iter().map(way).collect()
}

mod job;
mod land;
mod landed;
mod obey;
mod recording;
mod repost;
mod standing;

#[cfg(test)]
mod tests;
