//! What a source does for the nodes of Sparkplug beside reading: it hands on what their session says, and asks them.

use std::time::Duration;

use tracing::{debug, info, warn};

use super::{
    Ended, Source,
    sparkplug::{Came, Remark},
};
use crate::{
    link::mqtt::{Qos, Token},
    source::{Batch, tally::Count, trouble::Say},
};

/// A question that has not left by then is asked again later.
const ASK_WITHIN: Duration = Duration::from_secs(3);

impl Source {
    /// There is a connection: no tag of a node has a value before the node is born, so it is asked.
    pub(super) async fn meet_nodes(&mut self) -> Result<(), Ended> {
        let at = self.clock.now();
        let Some(host) = &mut self.sparkplug else {
            return Ok(());
        };
        let samples = host.connected(at);
        self.deliver(Batch {
            at,
            samples,
            receipt: None,
        })
        .await
    }

    /// Looks at what ends by itself, and asks who is to be asked.
    pub(super) async fn look(&mut self) -> Result<(), Ended> {
        let now = self.clock.now();
        while self.requests.try_join_next().is_some() {}
        let Some(host) = &mut self.sparkplug else {
            return Ok(());
        };
        let came = host.look(now);
        if let Some(came) = came {
            self.came(came).await?;
            self.ask();
        }
        Ok(())
    }

    /// Hands on what came of a message or of time. Messages at QoS 0 are not dropped here: of a node that sends only what changes, each
    /// is missed, so while the loop is behind nothing more is read, and what the broker drops then is noticed by its number.
    pub(super) async fn came(&mut self, came: Came<Option<Token>>) -> Result<(), Ended> {
        for remark in &came.remarks {
            self.say(remark);
        }
        let source = self.config.name.as_ref();
        for machine in &came.strangers {
            let now = self.clock.now().mono;
            self.tally
                .trouble(Count::UnknownMachine, now, || machine.clone());
            warn!(source, machine, "a machine is born that is not configured");
        }
        self.count_nodes();
        for outcome in came.outcomes {
            let batch = Batch {
                at: outcome.at,
                samples: outcome.samples,
                receipt: None,
            };
            match outcome.token.flatten() {
                Some(token) => self.owe(token, batch).await?,
                None if batch.samples.is_empty() => {}
                None => self.deliver(batch).await?,
            }
        }
        Ok(())
    }

    fn say(&self, Remark { of, what, say }: &Remark) {
        let (source, count) = (self.config.name.as_ref(), say.count());
        match say {
            Say::Started | Say::GoesOn { .. } => warn!(source, of, count, "{what}"),
            Say::Ended { .. } => info!(source, of, count, "it is over: {what}"),
        }
    }

    fn count_nodes(&mut self) {
        let Some(host) = &mut self.sparkplug else {
            return;
        };
        let news = host.news();
        for (count, number) in [
            (Count::Malformed, news.faults),
            (Count::Gaps, news.gaps),
            (Count::Rebirths, news.asked),
        ] {
            if number > 0 {
                self.tally.add(count, number);
            }
        }
    }

    fn ask(&mut self) {
        let Some(host) = self.sparkplug.as_mut().filter(|_| self.connected) else {
            return;
        };
        let (requests, remarks) = host.requests(self.clock.now());
        for remark in &remarks {
            self.say(remark);
        }
        for request in requests {
            let publisher = self.link.publisher();
            let source = self.config.name.clone();
            self.requests.spawn(async move {
                let (topic, payload) = (&request.topic, request.payload);
                let sent = publisher.publish(topic, payload, Qos::AtMostOnce, false, ASK_WITHIN);
                match sent.await {
                    Ok(()) => debug!(%source, topic, "a node is asked to be born again"),
                    Err(error) => warn!(%source, topic, %error, "a node could not be asked"),
                }
            });
        }
    }
}
