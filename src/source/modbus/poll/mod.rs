//! The task of one link: asks the units in turn, and tells the loop what they said.
//!
//! Whose turn it is decides [`super::schedule`], and over which connection [`super::spread`]; what is under way is in [`turn`], and what a
//! failure means in [`doubt`]. Nothing is decided here about alerts:
//! a unit that is silent is a bad reading of each of its tags.

mod connection;
mod doubt;
mod turn;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, Mono, Now},
    sample::{Bad, Reading, Sample, TagId},
    source::{Batch, Feed, LoopGone, TagIds},
};

use self::{
    connection::{Connection, Failure},
    turn::{Done, Turns, What},
};
use super::{
    config::ModbusConfig,
    link::{Link, LinkError},
    report::Report,
    schedule::{Next, Schedule},
    share::Share,
    spread::Spread,
    unit::{Polled, PolledTag, Unit},
};

/// A bad reading of a whole unit is sent when it begins and then so often.
const REPEAT: Duration = Duration::from_secs(60);
/// Tokio's timers stop while the machine is suspended, so no sleep is longer.
const NAP: Duration = Duration::from_secs(1);

/// Reads the units of one link until `stop` is cancelled or the loop is gone.
///
/// Whatever the devices do is told as samples: for each poll of a unit one batch with all its tags. `tags` names what is
/// sampled; a tag that it does not know is not read.
pub async fn run(
    config: ModbusConfig,
    tags: Arc<TagIds>,
    clock: Clock,
    feed: Feed,
    stop: CancellationToken,
) {
    let mut poller = Poller::new(config, &tags, clock, feed);
    drop(tags);
    if let Some(Err(gone)) = stop.run_until_cancelled(poller.run()).await {
        tracing::debug!(source = %poller.report.source(), "{gone}");
    }
}

/// The tags of a share that the plant knows.
fn polled(source: &str, share: &Share<'_>, ids: &TagIds) -> Vec<PolledTag> {
    let mut polled = Vec::new();
    for (machine, tag) in &share.tags {
        let name: Arc<str> = format!("{machine}/{} ({})", tag.name, tag.point()).into();
        let Some(id) = ids.get(&((*machine).clone(), tag.name.clone())) else {
            tracing::warn!(source, unit = share.unit, tag = %name, "the tag is not part of the plant and is not read");
            continue;
        };
        polled.push(PolledTag {
            id: *id,
            name,
            span: tag.span,
            decoder: tag.decoder.clone(),
        });
    }
    polled
}

struct Poller {
    connections: Vec<Connection>,
    turns: Turns,
    spread: Spread,
    schedule: Schedule,
    units: Vec<Polling>,
    /// Whether anything was tried yet: the first connection goes first, so that the others have one to be compared with.
    begun: bool,
    /// What the loop is to be told next.
    told: VecDeque<Batch>,
    random: fastrand::Rng,
    report: Report,
    clock: Clock,
    feed: Feed,
}

/// A unit and what the loop was told of it.
struct Polling {
    /// None while a turn has it.
    unit: Option<Unit>,
    tags: Vec<TagId>,
    /// The bad reading that was sent for all its tags, and when.
    told: Option<(Bad, Mono)>,
}

/// What to do over a free connection.
enum Step {
    Connect,
    Poll(usize),
    Wait(Mono),
    Nothing,
}

impl Poller {
    fn new(config: ModbusConfig, ids: &TagIds, clock: Clock, feed: Feed) -> Self {
        let now = clock.now().mono;
        let (mut units, mut polls) = (Vec::new(), Vec::new());
        for share in config.shares() {
            let tags = polled(&config.name, &share, ids);
            if !tags.is_empty() {
                polls.push(share.poll);
                units.push(Unit::new(share.unit, tags, share.limits));
            }
        }
        let numbers: Vec<u8> = units.iter().map(|unit| unit.id).collect();
        let spread = Spread::new(&numbers, config.link.max_connections, now);
        let link = |_| Connection::new(Link::new(config.link.clone()));
        let mut poller = Self {
            connections: (0..spread.count()).map(link).collect(),
            turns: Turns::new(spread.count()),
            report: Report::new(config.name.clone(), feed.tally.clone(), units.iter()),
            schedule: Schedule::new(&polls, now),
            spread,
            units: units.into_iter().map(Polling::new).collect(),
            begun: false,
            told: VecDeque::new(),
            random: fastrand::Rng::new(),
            clock,
            feed,
        };
        poller.assign(now);
        poller
    }

    async fn run(&mut self) -> Result<(), LoopGone> {
        loop {
            let now = self.clock.now().mono;
            let mut soonest = now + NAP;
            for at in 0..self.connections.len() {
                match self.step(at, now) {
                    Step::Connect => self.connect(at),
                    Step::Poll(poll) => self.poll(at, poll),
                    Step::Wait(until) => soonest = soonest.min(until),
                    Step::Nothing => {}
                }
            }
            tokio::select! {
                biased;
                (at, done) = self.turns.done() => self.done(at, done),
                () = tokio::time::sleep(soonest.since(now)) => {}
            }
            while let Some(batch) = self.told.pop_front() {
                self.feed.send(batch).await?;
            }
        }
    }

    fn step(&self, at: usize, now: Mono) -> Step {
        let connection = &self.connections[at];
        if !self.turns.is_free(at) || at > 0 && !self.begun {
            return Step::Nothing;
        }
        match connection.outage.or(self.spread.given_up(at)) {
            Some(until) if until > now => return Step::Wait(until),
            Some(_) => return Step::Connect,
            None => {}
        }
        if let Some((_, poll)) = connection.errands.first() {
            return Step::Poll(*poll);
        }
        if connection.doubted.is_some() {
            return Step::Nothing;
        }
        match self.schedule.next(at, now) {
            Next::Ask(poll) => Step::Poll(poll),
            Next::Wait(until) => Step::Wait(until),
            Next::Nothing => Step::Nothing,
        }
    }

    fn connect(&mut self, at: usize) {
        if let Some(link) = self.take(at) {
            self.turns.connect(at, link);
        }
    }

    fn poll(&mut self, at: usize, poll: usize) {
        if let Some(unit) = self.units[poll].unit.take()
            && let Some(link) = self.take(at)
        {
            self.connections[at].polling = Some(poll);
            let (clock, random) = (self.clock.clone(), self.random.fork());
            self.turns.poll(at, link, (poll, unit), clock, random);
        }
    }

    /// The link of a free connection, for its next turn.
    fn take(&mut self, at: usize) -> Option<Link> {
        let others = self.connections.iter().enumerate();
        let mut others = others.filter(|(other, _)| *other != at);
        let at_first = others.any(|(_, other)| other.serves && !other.is_at_backup);
        let mut link = self.connections[at].link.take()?;
        link.only_first(at_first);
        Some(link)
    }

    fn done(&mut self, at: usize, mut done: Done) {
        self.begun = true;
        let replaced = done.link.replaced();
        let carried = done.link.has_carried();
        let connection = &mut self.connections[at];
        connection.is_at_backup = done.link.is_at_backup();
        (connection.link, connection.polling) = (Some(done.link), None);
        match done.what {
            What::Connected(Ok(())) => self.connected(at),
            What::Connected(Err(error)) => self.failed(at, None, Failure::Lost(error)),
            What::Polled(poll, unit, result) => {
                connection.serves = carried && result.is_ok();
                self.units[poll].unit = Some(unit);
                self.polled(at, poll, carried, result);
                self.displaced(at, replaced);
            }
        }
        let under_way = self.connections.iter().flat_map(|connection| {
            let errands = connection.errands.iter().map(|(_, poll)| *poll);
            connection.polling.into_iter().chain(errands)
        });
        let under_way: Vec<usize> = under_way.collect();
        if self.spread.go_home(&under_way) {
            self.assign(self.clock.now().mono);
        }
    }

    fn polled(&mut self, at: usize, poll: usize, carried: bool, result: Result<Polled, LinkError>) {
        let errands = &mut self.connections[at].errands;
        let errand = errands.iter().position(|(_, asked)| *asked == poll);
        let doubting = errand.map(|errand| errands.remove(errand).0);
        match result {
            Ok(Polled::Heard(readings)) => {
                if let Some(other) = doubting {
                    self.give_up(other);
                }
                self.heard(at, poll, readings);
            }
            Ok(Polled::Silent(bad, error)) => {
                let failure = Failure::Silent(poll, bad, error);
                match doubting {
                    Some(other) => {
                        let now = self.clock.now().mono;
                        self.spread.asked_elsewhere(poll, now);
                        self.believe(other);
                    }
                    // The connection is fine, so it is the unit.
                    None if carried => {
                        self.connections[at].doubted = Some(failure);
                        self.believe(at);
                    }
                    None => self.failed(at, Some(poll), failure),
                }
            }
            Err(error) => {
                let own = doubting.is_none().then_some(poll);
                self.failed(at, own, Failure::Lost(error));
                if let Some(other) = doubting {
                    self.doubt(other, None);
                }
            }
        }
    }

    fn heard(&mut self, at: usize, poll: usize, readings: Vec<Option<Reading>>) {
        let now = self.clock.now();
        let polling = &mut self.units[poll];
        polling.told = None;
        let left_out = self.schedule.heard(poll, now.mono);
        let all_in_use = self.spread.answered(at, now.mono);
        if self.connections.iter().all(|one| one.outage.is_none()) {
            self.report.link_stands(now.mono);
        }
        if all_in_use {
            self.report.all_connections(self.spread.count(), now.mono);
        }
        if let (Some(unit), Some(link)) = (&polling.unit, &self.connections[at].link) {
            let stand =
                |at: &usize| self.connections[*at].outage.is_none() && self.spread.is_in_use(*at);
            let all = self.connections.len();
            let used = (0..all).filter(stand).count();
            self.report.link_at(link, used, all, now.mono);
            self.report.left_out(unit, left_out, now.mono);
            self.report.unit_answers(poll, unit, now.mono);
            self.report.readings(poll, unit, &readings, now.mono);
        }
        let samples = polling
            .tags
            .iter()
            .zip(readings)
            .filter_map(|(tag, reading)| Some(Sample::new(*tag, reading?)));
        let samples = samples.collect();
        self.send(now, samples);
    }

    fn connected(&mut self, at: usize) {
        let now = self.clock.now().mono;
        let connection = &mut self.connections[at];
        connection.outage = None;
        connection.backoff.reset();
        if self.spread.given_up(at).is_some() {
            return self.spread.try_again(at);
        }
        self.schedule.restart(at, now);
        for poll in self.spread.polls(at) {
            if let Some(unit) = &mut self.units[poll].unit {
                unit.forget();
            }
        }
    }

    /// Has each unit asked over the connection that it was dealt to.
    fn assign(&mut self, now: Mono) {
        for poll in 0..self.units.len() {
            self.schedule.assign(poll, self.spread.over(poll), now);
        }
    }

    /// Sends a bad reading for all tags of a unit, unless that was said lately.
    fn tell(&mut self, poll: usize, bad: Bad) {
        let (polling, now) = (&mut self.units[poll], self.clock.now());
        let fresh = |(told, when): &(Bad, Mono)| *told == bad && now.mono.since(*when) < REPEAT;
        if polling.told.as_ref().is_some_and(fresh) {
            return;
        }
        polling.told = Some((bad, now.mono));
        let samples = polling
            .tags
            .iter()
            .map(|tag| Sample::new(*tag, Reading::Bad(bad)));
        let samples = samples.collect();
        self.send(now, samples);
    }

    fn send(&mut self, at: Now, samples: Vec<Sample>) {
        let receipt = None;
        self.told.push_back(Batch {
            at,
            samples,
            receipt,
        });
    }
}

impl Polling {
    fn new(unit: Unit) -> Self {
        Self {
            tags: unit.tags.iter().map(|tag| tag.id).collect(),
            unit: Some(unit),
            told: None,
        }
    }
}
