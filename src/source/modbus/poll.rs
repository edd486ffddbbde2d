//! The task of one link: asks the units in turn, and tells the loop what they said.
//!
//! Whose turn it is decides [`super::schedule`]. Nothing is decided here about alerts: a unit that is silent is a bad reading of
//! each of its tags.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, Mono, Now},
    sample::{Bad, Reading, Sample},
    source::{Batch, Feed, LoopGone, TagIds},
};

use super::{
    backoff::Backoff,
    config::ModbusConfig,
    link::{Link, LinkError},
    report::Report,
    schedule::{Next, Schedule},
    share::Share,
    unit::{Polled, PolledTag, Unit},
};

/// How long a link that cannot be connected is left alone.
const OUTAGE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
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
    schedule: Schedule,
    units: Vec<Polling>,
    /// When to connect again, while there is no connection to be had.
    outage: Option<Mono>,
    backoff: Backoff,
    random: fastrand::Rng,
    report: Report,
    clock: Clock,
    feed: Feed,
}

/// A unit and what the loop was told of it.
struct Polling {
    unit: Unit,
    /// The bad reading that was sent for all its tags, and when.
    told: Option<(Bad, Mono)>,
}

impl Poller {
    fn new(config: ModbusConfig, ids: &TagIds, clock: Clock, feed: Feed) -> Self {
        let now = clock.now().mono;
        let mut units = Vec::new();
        let mut polls = Vec::new();
        for share in config.shares() {
            let tags = polled(&config.name, &share, ids);
            if !tags.is_empty() {
                polls.push(share.poll);
                units.push(Polling {
                    unit: Unit::new(share.unit, tags, share.limits),
                    told: None,
                });
            }
        }
        Self {
            link: Link::new(config.link),
            report: Report::new(
                config.name,
                feed.tally.clone(),
                units.iter().map(|polling| &polling.unit),
            ),
            schedule: Schedule::new(&polls, now),
            units,
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
            let next = match self.outage {
                Some(until) if until > now => Next::Wait(until),
                Some(_) => {
                    self.reconnect().await?;
                    continue;
                }
                None => self.schedule.next(now),
            };
            match next {
                Next::Ask(at) => self.take_turn(at).await?,
                Next::Wait(until) => tokio::time::sleep(until.since(now).min(NAP)).await,
                Next::Nothing => tokio::time::sleep(NAP).await,
            }
        }
    }

    async fn take_turn(&mut self, at: usize) -> Result<(), LoopGone> {
        let polling = &mut self.units[at];
        let unit = &mut polling.unit;
        let polled = unit
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
                polling.told = None;
                let left_out = self.schedule.heard(at, now.mono);
                self.report.left_out(unit, left_out, now.mono);
                self.report.unit_answers(at, unit, now.mono);
                self.report.readings(at, unit, &readings, now.mono);
                let samples = unit.tags.iter().zip(readings).filter_map(|(tag, reading)| {
                    Some(Sample {
                        tag: tag.id,
                        reading: reading?,
                        stamp: None,
                    })
                });
                send(&self.feed, now, samples).await
            }
            Ok(Polled::Silent(bad, error)) => {
                self.schedule.silent(at, now.mono, self.random.f64());
                self.report.unit_silent(at, unit, &error, now.mono);
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
        for at in 0..self.units.len() {
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
        self.schedule.restart(now);
        for polling in &mut self.units {
            polling.unit.forget();
        }
        Ok(())
    }

    /// Sends a bad reading for all tags of a unit, unless that was said lately.
    async fn tell(&mut self, at: usize, bad: Bad) -> Result<(), LoopGone> {
        let (polling, now) = (&mut self.units[at], self.clock.now());
        let fresh = |(told, when): &(Bad, Mono)| *told == bad && now.mono.since(*when) < REPEAT;
        if polling.told.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        polling.told = Some((bad, now.mono));
        let samples = polling.unit.tags.iter().map(|tag| Sample {
            tag: tag.id,
            reading: Reading::Bad(bad),
            stamp: None,
        });
        send(&self.feed, now, samples).await
    }
}

async fn send(feed: &Feed, at: Now, samples: impl Iterator<Item = Sample>) -> Result<(), LoopGone> {
    let samples = samples.collect();
    let receipt = None;
    feed.send(Batch {
        at,
        samples,
        receipt,
    })
    .await
}
