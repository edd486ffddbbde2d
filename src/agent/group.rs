//! One turn of the loop: what has arrived, in the order of arrival, then one commit, then everything that waited for it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    AgentError, LOOK, Loop,
    journal::line,
    sources::{Origin, QUEUE},
};
use crate::{
    alert::{
        command::{Action, Command, Refusal},
        engine::Input,
        event::Event,
    },
    api::{order::Order, view::Obeyed},
    clock::Now,
    delivery::dispatch::Job,
    sample::Bad,
    source::{Batch, Heard, Receipt},
};

/// At most about so many samples wait, with the receipts of their messages, for the next commit of delays alone: a broker sends no more
/// than it may have unacknowledged.
const HELD: usize = 50;

/// What came of a command.
type Answer = Result<Obeyed, Refusal>;
/// Who waits for it.
type Reply = oneshot::Sender<Answer>;

/// What a turn has taken in.
enum Arrived {
    Input(Input),
    /// A source has heard something of a machine by its name.
    Heard(Origin, Heard),
    /// This holds for every tag of the machines that a source discovered.
    Discovered(Origin, Bad),
    Command(Box<Command>, Reply),
}

/// The machine that a command forgets, and who says so.
fn forgotten(command: &Command) -> Option<(Arc<str>, Arc<str>)> {
    match &command.action {
        Action::Forget { machine } => Some((machine.clone(), command.by.name.clone())),
        _ => None,
    }
}

/// Brings what came together into its order.
fn unpack(origin: Origin, batch: Batch, into: &mut Vec<(Now, Arrived)>) {
    let at = batch.at;
    let sample = |sample| (at, Arrived::Input(Input::Sample(sample)));
    let mut samples = batch.samples.into_iter();
    let mut taken = 0;
    for heard in batch.heard {
        let before = heard.before.saturating_sub(taken);
        into.extend(samples.by_ref().take(before).map(sample));
        taken += before;
        into.push((at, Arrived::Heard(origin, heard)));
    }
    into.extend(samples.map(sample));
    let rest = batch.discovered.map(|bad| Arrived::Discovered(origin, bad));
    into.extend(rest.map(|rest| (at, rest)));
}

impl Loop {
    /// Takes in everything that waits, and commits what came of it.
    pub(super) async fn turn(&mut self, order: Option<Order>) -> Result<(), AgentError> {
        let began = self.clock.now();
        if began.mono.since(self.seen.refreshed) >= LOOK {
            self.seen.refreshed = began.mono;
            self.clock.refresh();
        }
        self.watchdog.alive(began.mono);
        let mut arrived = self.gather();
        let mut later = Vec::new();
        let mut next = order;
        while let Some(order) = next {
            match order {
                Order::Command { command, at, reply } => {
                    arrived.push((at, Arrived::Command(Box::new(command), reply)));
                }
                other => later.push(other),
            }
            next = self.orders.try_recv().ok();
        }
        // Stable, so that what arrived at the same instant stays in the order of its queue.
        arrived.sort_by_key(|(at, _)| at.mono);
        let (events, answers) = self.step_all(arrived, began);
        // A command may change something without an event, as a shelf does, and who is answered relies on it.
        let obeyed = answers.iter().any(|(_, answer)| answer.is_ok());
        self.commit_if_due(events, obeyed).await?;
        for (reply, answer) in answers {
            let _ = reply.send(answer);
        }
        for order in later {
            self.other_order(order).await?;
        }
        while let Ok(row) = self.fallbacks.try_recv() {
            let now = self.clock.now();
            self.recorder.fall_back(row, now).await?;
        }
        self.keep_house();
        self.engine.let_go();
        Ok(())
    }

    /// What sources and the agent itself have to say, in no order yet. Everything that waited is taken, as what is due by
    /// itself must not run before it; a flood is bounded by the queues.
    fn gather(&mut self) -> Vec<(Now, Arrived)> {
        let mut arrived = Vec::new();
        let held = &mut self.held;
        let waiting = &mut self.waiting;
        self.sources.drain(QUEUE, |origin, mut batch| {
            if let Some(receipt) = batch.receipt.take() {
                held.push(receipt);
                *waiting += batch.count();
            }
            unpack(origin, batch, &mut arrived);
        });
        while let Ok(signal) = self.signals.try_recv() {
            self.concerns.say(signal);
        }
        let now = self.clock.now();
        let signals = self.concerns.take().into_iter();
        arrived
            .extend(signals.map(|signal| (now, Arrived::Input(Input::Signal(Box::new(signal))))));
        arrived
    }

    /// `began` is an instant before which nothing waits any more.
    fn step_all(
        &mut self,
        arrived: Vec<(Now, Arrived)>,
        began: Now,
    ) -> (Vec<Event>, Vec<(Reply, Answer)>) {
        let mut events = Vec::new();
        let mut answers = Vec::new();
        for (at, what) in arrived {
            match what {
                Arrived::Heard(origin, heard) => {
                    events.extend(self.sources.hear(at, origin, &heard, &mut self.engine));
                }
                Arrived::Discovered(origin, bad) => {
                    events.extend(self.sources.all_are(at, origin, bad, &mut self.engine));
                }
                Arrived::Input(input) => events.extend(self.engine.step(at, input).events),
                Arrived::Command(command, reply) => {
                    let forgotten = forgotten(&command);
                    let decided = self.engine.step(at, Input::Command(command));
                    if let (Some((machine, by)), None) = (forgotten, &decided.refused) {
                        // Where no alert of it was open, no event tells of it.
                        tracing::info!(%machine, %by, "a machine is forgotten");
                    }
                    let lines = decided.events.iter().map(line).collect();
                    let answer = decided.refused.map_or(Ok(Obeyed { lines }), Err);
                    events.extend(decided.events);
                    answers.push((reply, answer));
                }
            }
        }
        // Nothing older waits, so what is due by itself may run.
        if self
            .engine
            .next_deadline()
            .is_some_and(|due| due <= began.mono)
        {
            events.extend(self.engine.step(began, Input::Tick).events);
        }
        (events, answers)
    }

    /// Commits events at once, and changes of delays alone after a while; then lets go what waited for it.
    async fn commit_if_due(&mut self, events: Vec<Event>, obeyed: bool) -> Result<(), AgentError> {
        let now = self.clock.now();
        let state_every = self.loaded.settings.store.state_every;
        let changed = self.engine.has_changes();
        let state_is_due =
            obeyed || now.mono >= self.committed + state_every || self.waiting >= HELD;
        if !events.is_empty() || (changed && state_is_due) {
            self.commit(&events, now).await?;
        } else if changed {
            return Ok(());
        }
        self.waiting = 0;
        self.held.drain(..).for_each(Receipt::give);
        Ok(())
    }

    /// Commits what was decided, and every change of the core's state.
    pub(super) async fn commit(&mut self, events: &[Event], now: Now) -> Result<(), AgentError> {
        let durable = self.recorder.commit(&mut self.engine, events, now).await?;
        self.committed = now.mono;
        self.concerns.stored(durable);
        // The log too says only what is on disk, and nobody waits for it.
        for event in events {
            self.journal.note(event, now.mono);
        }
        Ok(())
    }

    /// Takes in what sources had still sent and writes everything, delays included.
    pub(super) async fn last_commit(&mut self) -> Result<(), AgentError> {
        let began = self.clock.now();
        let arrived = self.gather();
        let (events, _) = self.step_all(arrived, began);
        let now = self.clock.now();
        self.recorder.commit(&mut self.engine, &events, now).await?;
        // No later event would tell of one that the journal only counts.
        for event in &events {
            tracing::info!("{}", line(event));
        }
        self.held.drain(..).for_each(Receipt::give);
        Ok(())
    }

    async fn other_order(&mut self, order: Order) -> Result<(), AgentError> {
        match order {
            Order::Look(reply) => self.show(reply),
            Order::Reload(reply) => {
                let answer = self.reload().await?;
                let _ = reply.send(answer);
            }
            Order::TestDestination { name, reply } => self.test_destination(name, reply).await,
            Order::RetryDelivery { id, reply } => {
                let now = self.clock.now();
                self.recorder.retry(id, now, reply).await?;
            }
            Order::DropDelivery { id, why, reply } => {
                let _ = self.recorder.jobs.send(Job::Drop(id, why, reply)).await;
            }
            Order::Record { by, reply } => self.record(&by, reply),
            Order::Keep(keep) => self.keep(keep).await?,
            Order::Command { .. } => {}
        }
        Ok(())
    }
}
