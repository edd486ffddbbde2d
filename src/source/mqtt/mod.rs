//! MQTT as a source: a broker's messages become samples, and are acknowledged once what they caused is on disk.
//!
//! It decides nothing about alerts, and knows nothing of the protocol: the connection is [`crate::link::mqtt`].

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    select,
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

mod broker;
pub mod config;
pub mod fuzz;
mod gather;
mod losses;
mod machines;
mod meaning;
mod nodes;
pub mod payload;
pub mod reach;
mod saying;
mod session;
pub mod sparkplug;
pub mod subscription;
pub mod topic;

#[cfg(test)]
mod tests;

pub use config::MqttConfig;

use crate::{
    clock::{Clock, Now},
    link::mqtt::{Event, Message, MqttLink, Options},
    sample::Bad,
    source::{
        Batch, Feed, LoopGone, Receipt, TagIds,
        tally::{Count, Tally},
        trouble::{Say, Trouble},
    },
};
use gather::Gathered;
use losses::Losses;
use session::Intake;

/// How many different sentences about the broker are kept, so that each is logged once.
const SENTENCES: usize = 32;

/// Runs one source until it is stopped or the loop is gone.
///
/// Messages that came together go to the loop as one batch. Those at QoS 1 have a [`Receipt`] there and are acknowledged when that is
/// given, in order of arrival. While `max_unacked` wait, nothing more is read; that lasting half a keep-alive, the
/// connection is given up and the broker sends again. A message at QoS 0 is dropped while the loop has no room.
pub async fn run(
    config: MqttConfig,
    tags: Arc<TagIds>,
    clock: Clock,
    feed: Feed,
    stop: CancellationToken,
) {
    let options = config.link();
    let source = Source::new(config, options, &tags, clock, feed, stop);
    drop(tags);
    source.run().await;
}

/// How often it looks at what has an end.
const LOOK_EVERY: Duration = Duration::from_secs(1);

struct Source {
    config: MqttConfig,
    options: Options,
    clock: Clock,
    feed: Feed,
    look: Interval,
    tally: Tally,
    stop: CancellationToken,
    link: MqttLink,
    intake: Intake,
    connected: bool,
    /// The loop was told that nothing is reachable.
    told_unreachable: bool,
    failures: Trouble,
    /// What was logged about the failure that is running, and about what the broker grants.
    said: BTreeSet<String>,
    losses: Losses,
    /// There if nodes of Sparkplug are subscribed to.
    sparkplug: Option<sparkplug::Host>,
    /// What is being published to them.
    requests: JoinSet<()>,
}

/// Why the source ends.
struct Ended;

impl From<LoopGone> for Ended {
    fn from(_: LoopGone) -> Self {
        Self
    }
}

impl Source {
    fn new(
        config: MqttConfig,
        options: Options,
        tags: &TagIds,
        clock: Clock,
        feed: Feed,
        stop: CancellationToken,
    ) -> Self {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            look,
            link: MqttLink::connect(options.clone(), clock.clone()),
            intake: Intake::new(&config, tags),
            sparkplug: sparkplug::Host::new(&config.watches, &config.sparkplug, tags),
            requests: JoinSet::new(),
            config,
            options,
            clock,
            losses: Losses::new(feed.tally.clone()),
            tally: feed.tally.clone(),
            feed,
            stop,
            connected: false,
            told_unreachable: false,
            failures: Trouble::default(),
            said: BTreeSet::new(),
        }
    }

    async fn run(mut self) {
        while self.turn().await.is_ok() {}
        self.link.close().await;
    }

    async fn turn(&mut self) -> Result<(), Ended> {
        self.tell_ends();
        self.look_at_nodes().await?;
        select! {
            biased;
            () = self.stop.cancelled() => Err(Ended),
            event = self.link.next() => match event {
                Some(event) => self.take(event).await,
                None => self.revive().await,
            },
            _ = self.look.tick() => Ok(()),
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), Ended> {
        match event {
            Event::Connected {
                session_present, ..
            } => {
                self.connected = true;
                let address = self.config.address();
                self.tally.stands(format!("connected to {address}"));
                if std::mem::take(&mut self.told_unreachable) {
                    // Still blind, but whoever looks for the cause should look at the senders now.
                    self.all_bad(Bad::NeverHeard, self.clock.now()).await?;
                }
                self.meet_nodes().await?;
                let source = self.config.name.as_ref();
                if !self.failures.is_running() {
                    info!(source, address, session_present, "connected");
                }
                let knows_us = session_present || self.options.clean;
                let lost = self.losses.accepted(knows_us, self.clock.now().mono);
                if let Some(lost) = lost.filter(|lost| self.is_news(lost)) {
                    warn!(source = %self.config.name, "{lost}");
                }
                Ok(())
            }
            Event::Messages(messages) => self.messages(messages).await,
            Event::FilterLost { filter, why } => {
                let source = self.config.name.as_ref();
                error!(source, %filter, why, "nothing is heard from this topic filter");
                let now = self.clock.now().mono;
                let said = || format!("{filter}: {why}");
                self.tally.trouble(Count::FilterLost, now, said);
                Ok(())
            }
            Event::Notice { what } => {
                if self.is_news(&what) {
                    let source = self.config.name.as_ref();
                    warn!(source, what, "less is granted than was asked for");
                }
                let now = self.clock.now().mono;
                self.tally.trouble(Count::LessGranted, now, || what);
                Ok(())
            }
            Event::Disconnected { why } => self.disconnected(&why).await,
        }
    }

    async fn messages(&mut self, messages: Vec<Message>) -> Result<(), Ended> {
        // They arrived together.
        let Some(at) = messages.first().map(|first| first.at) else {
            return Ok(());
        };
        self.tally.add(Count::Messages, messages.len() as u64);
        let mut gathered = Gathered::default();
        for message in messages {
            if self.is_of_node(&message) {
                self.of_node(message, &mut gathered).await?;
                continue;
            }
            let mut taken = self.intake.take(&message);
            self.count(&message, &taken);
            for remark in taken.remarks.drain(..) {
                self.remark(&message.topic, remark);
            }
            gathered.add(message.token, taken, message.topic);
            if gathered.is_full() {
                self.hand_on(at, std::mem::take(&mut gathered)).await?;
            }
        }
        self.hand_on(at, gathered).await
    }

    async fn hand_on(&mut self, at: Now, mut gathered: Gathered) -> Result<(), Ended> {
        if !self.feed.has_room(gathered.count()) {
            for topic in gathered.drop_loose() {
                self.intake.dropped(&topic);
                if let Some(said) = self.losses.dropped(&topic, at.mono) {
                    warn!(source = %self.config.name, "{said}");
                }
            }
        }
        let receipt = match gathered.token {
            // Nothing is to be committed, so nothing is to be waited for; the link still keeps the order.
            Some(token) if gathered.is_empty() && !gathered.has_copies => {
                self.link.ack(token);
                return Ok(());
            }
            None if gathered.is_empty() => return Ok(()),
            token => token.map(|token| Receipt::new(self.link.acker(), token)),
        };
        self.deliver(Batch {
            heard: gathered.heard,
            receipt,
            ..Batch::new(at, gathered.samples)
        })
        .await
    }

    /// Hands a batch to the loop.
    async fn deliver(&mut self, batch: Batch) -> Result<(), Ended> {
        select! {
            sent = self.feed.send(batch) => Ok(sent?),
            () = self.stop.cancelled() => Err(Ended),
        }
    }

    async fn disconnected(&mut self, why: &str) -> Result<(), Ended> {
        let (now, news) = (self.clock.now(), self.is_news(why));
        self.connected = false;
        self.requests.abort_all();
        self.tally.falters(format!("not connected: {why}"));
        self.tally
            .trouble(Count::Disconnects, now.mono, || why.to_owned());
        let source = self.config.name.as_ref();
        let count = self.failures.failed(now.mono).map(Say::count);
        // Another reason than before is worth a line too.
        if count.is_some() || news {
            warn!(source, why, count, "no connection to the broker");
        }
        self.unreachable(now).await
    }

    async fn unreachable(&mut self, at: Now) -> Result<(), Ended> {
        if std::mem::replace(&mut self.told_unreachable, true) {
            return Ok(());
        }
        self.all_bad(Bad::Unreachable, at).await
    }

    async fn all_bad(&mut self, why: Bad, at: Now) -> Result<(), Ended> {
        let mut samples = self.intake.all_bad(why);
        if let Some(host) = &mut self.sparkplug
            && why == Bad::Unreachable
        {
            samples.extend(host.disconnected());
        }
        self.deliver(Batch {
            discovered: Some(why),
            ..Batch::new(at, samples)
        })
        .await
    }

    /// The connection's task panicked: a defect, but not the end of this source.
    async fn revive(&mut self) -> Result<(), Ended> {
        let source = self.config.name.as_ref();
        error!(
            source,
            "the connection failed in an unforeseen way and is made anew"
        );
        self.disconnected("a defect of andon").await?;
        sleep(Duration::from_secs(1)).await;
        self.link = MqttLink::connect(self.options.clone(), self.clock.clone());
        Ok(())
    }

    /// Whether this was not said before, as far as is remembered.
    fn is_news(&mut self, sentence: &str) -> bool {
        self.said.len() < SENTENCES && self.said.insert(sentence.to_owned())
    }

    fn tell_ends(&mut self) {
        let (source, now) = (self.config.name.as_ref(), self.clock.now().mono);
        if self.connected
            && let Some(count) = self.failures.fine(now).map(Say::count)
        {
            info!(source, count, "connected again");
            self.said.clear();
        }
        if let Some(said) = self.losses.look(now) {
            info!(source, "{said}");
        }
    }
}
