//! The task of one link: whose turn it is, and what the loop is told.
//!
//! Units take turns on one connection, the one that is due longest first. A poll that could not be made in time is left out, never made up
//! for. It decides nothing about alerts: a unit that is silent is a bad reading of each of its tags.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, Mono},
    sample::{Bad, Reading, Sample},
    source::{Batch, Feed, LoopGone, TagIds},
};

use super::{
    backoff::Backoff,
    config::ModbusConfig,
    link::{Link, LinkError},
    report::Report,
    share::Share,
    unit::{Polled, PolledTag, Unit},
};

/// How long a link that cannot be connected is left alone.
const OUTAGE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long a silent unit is left alone, so that it costs its neighbours one timeout in this time. It also keeps away
/// from a gateway that would take a late answer of the unit for the answer to the next request.
const SILENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
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
    tags: TagIds,
    clock: Clock,
    feed: Feed,
    stop: CancellationToken,
) {
    let mut poller = Poller::new(config, &tags, clock, feed);
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
    link: Link,
    turns: Vec<Turn>,
    /// When to connect again, while there is no connection to be had.
    outage: Option<Mono>,
    backoff: Backoff,
    random: fastrand::Rng,
    report: Report,
    clock: Clock,
    feed: Feed,
}

/// A unit and when it is due.
struct Turn {
    unit: Unit,
    poll: Duration,
    /// The origin of its grid.
    first: Mono,
    due: Mono,
    backoff: Backoff,
    /// The bad reading that was sent for all its tags, and when.
    told: Option<(Bad, Mono)>,
}

impl Turn {
    /// The next point of the grid: what lies before was missed and is not made up for.
    fn next_on_grid(&self, now: Mono) -> Mono {
        let poll = self.poll.as_nanos().max(1);
        let steps = now.since(self.first).as_nanos() / poll + 1;
        self.first + Duration::from_nanos(u64::try_from(poll * steps).unwrap_or(u64::MAX))
    }
}

impl Poller {
    fn new(config: ModbusConfig, ids: &TagIds, clock: Clock, feed: Feed) -> Self {
        let now = clock.now().mono;
        let turns: Vec<Turn> = config
            .shares()
            .iter()
            .filter_map(|share| {
                let tags = polled(&config.name, share, ids);
                (!tags.is_empty()).then(|| Turn {
                    unit: Unit::new(share.unit, tags, share.limits),
                    poll: share.poll,
                    first: now,
                    due: now,
                    backoff: Backoff::new(SILENCE.0, SILENCE.1),
                    told: None,
                })
            })
            .collect();
        Self {
            link: Link::new(config.link),
            report: Report::new(config.name, turns.iter().map(|turn| &turn.unit)),
            turns,
            outage: None,
            backoff: Backoff::new(OUTAGE.0, OUTAGE.1),
            random: fastrand::Rng::new(),
            clock,
            feed,
        }
    }

    async fn run(&mut self) -> Result<(), LoopGone> {
        loop {
            let now = self.clock.now().mono;
            let turn = (0..self.turns.len()).min_by_key(|&at| self.turns[at].due);
            let due = self
                .outage
                .or(turn.map(|at| self.turns[at].due))
                .unwrap_or(now + NAP);
            match turn {
                _ if due > now => tokio::time::sleep(due.since(now).min(NAP)).await,
                Some(_) if self.outage.is_some() => self.reconnect().await?,
                Some(at) => self.take_turn(at).await?,
                None => {}
            }
        }
    }

    async fn take_turn(&mut self, at: usize) -> Result<(), LoopGone> {
        let turn = &mut self.turns[at];
        let polled = turn
            .unit
            .poll(&mut self.link, &self.clock, &mut self.random)
            .await;
        self.link.rest();
        let now = self.clock.now();
        if polled.is_ok() {
            self.report.link_stands(now.mono);
            self.report.link_at(&self.link, now.mono);
        }
        match polled {
            Ok(Polled::Heard(readings)) => {
                turn.due = turn.next_on_grid(now.mono);
                turn.backoff.reset();
                turn.told = None;
                self.report.unit_answers(at, &turn.unit, now.mono);
                self.report.readings(at, &turn.unit, &readings, now.mono);
                let samples = turn
                    .unit
                    .tags
                    .iter()
                    .zip(readings)
                    .filter_map(|(tag, reading)| {
                        Some(Sample {
                            tag: tag.id,
                            reading: reading?,
                            stamp: None,
                        })
                    });
                let samples = samples.collect();
                self.feed
                    .send(Batch {
                        at: now,
                        samples,
                        receipt: None,
                    })
                    .await
            }
            Ok(Polled::Silent(bad, error)) => {
                turn.due = now.mono + turn.backoff.failed(self.random.f64());
                self.report.unit_silent(at, &turn.unit, &error, now.mono);
                self.tell(at, bad).await
            }
            Err(error) => self.lost(&error).await,
        }
    }

    /// There is no connection to be had: nothing behind it is known from now on.
    async fn lost(&mut self, error: &LinkError) -> Result<(), LoopGone> {
        let now = self.clock.now().mono;
        self.outage = Some(now + self.backoff.failed(self.random.f64()));
        self.report.link_lost(error, now);
        for at in 0..self.turns.len() {
            self.tell(at, Bad::Unreachable).await?;
        }
        Ok(())
    }

    async fn reconnect(&mut self) -> Result<(), LoopGone> {
        if let Err(error) = self.link.connect().await {
            return self.lost(&error).await;
        }
        let now = self.clock.now().mono;
        self.outage = None;
        self.backoff.reset();
        for turn in &mut self.turns {
            turn.due = now;
            turn.backoff.reset();
            turn.unit.forget();
        }
        Ok(())
    }

    /// Sends a bad reading for all tags of a unit, unless that was said lately.
    async fn tell(&mut self, at: usize, bad: Bad) -> Result<(), LoopGone> {
        let (turn, now) = (&mut self.turns[at], self.clock.now());
        let fresh = |(told, when): &(Bad, Mono)| *told == bad && now.mono.since(*when) < REPEAT;
        if turn.told.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        turn.told = Some((bad, now.mono));
        let samples = turn.unit.tags.iter().map(|tag| Sample {
            tag: tag.id,
            reading: Reading::Bad(bad),
            stamp: None,
        });
        let samples = samples.collect();
        self.feed
            .send(Batch {
                at: now,
                samples,
                receipt: None,
            })
            .await
    }
}
