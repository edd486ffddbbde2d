//! What a source does for the nodes of Sparkplug beside reading: it hands on what their session says, and asks them.

use std::time::Duration;

use tracing::{debug, info, warn};

use super::{
    Ended, Source,
    gather::Gathered,
    sparkplug::{Came, Remark},
    topic::shown,
};
use crate::{
    link::mqtt::{Message, Qos, Token},
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
        self.deliver(Batch::new(at, samples)).await
    }

    /// Whether a message is of a node.
    pub(super) fn is_of_node(&self, message: &Message) -> bool {
        let host = self.sparkplug.as_ref();
        host.is_some_and(|host| host.takes(&message.topic))
    }

    /// Takes a message of a node.
    pub(super) async fn of_node(
        &mut self,
        message: Message,
        gathered: &mut Gathered,
    ) -> Result<(), Ended> {
        if message.token.is_some() {
            // It may have to wait for another one, and those around it are not acknowledged together with it.
            self.hand_on(message.at, std::mem::take(gathered)).await?;
        }
        let host = self.sparkplug.as_ref();
        if let Some((online, since)) = host.and_then(|host| host.own_state(&message)) {
            if !online {
                self.link.tell_status();
            }
            // Another agent that says so itself uses our name, which cannot be won by a later time.
            if !online || message.retain {
                self.link.status_is_known(since);
            }
        }
        let came = self.sparkplug.as_mut().map(|host| host.take(message));
        match came {
            Some(came) => self.came(came, gathered).await,
            None => Ok(()),
        }
    }

    /// Looks at what ends by itself, and asks who is to be asked.
    pub(super) async fn look_at_nodes(&mut self) -> Result<(), Ended> {
        let Some(host) = &mut self.sparkplug else {
            return Ok(());
        };
        while self.requests.try_join_next().is_some() {}
        let now = self.clock.now();
        let Some(came) = host.look(now) else {
            return Ok(());
        };
        let mut gathered = Gathered::default();
        self.came(came, &mut gathered).await?;
        self.hand_on(now, gathered).await?;
        self.ask();
        Ok(())
    }

    /// Hands on what came of a message or of time. Messages at QoS 0 are not dropped here: of a node that sends only what changes, each
    /// is missed, so while the loop is behind nothing more is read, and what the broker drops then is noticed by its number.
    async fn came(
        &mut self,
        came: Came<Option<Token>>,
        gathered: &mut Gathered,
    ) -> Result<(), Ended> {
        for remark in &came.remarks {
            self.say(remark);
        }
        let source = self.config.name.as_ref();
        for machine in &came.strangers {
            let (now, machine) = (self.clock.now().mono, shown(machine));
            self.tally
                .trouble(Count::UnknownMachine, now, || machine.clone());
            if self
                .sparkplug
                .as_mut()
                .is_some_and(|host| host.is_news(&machine))
            {
                warn!(source, machine, "a machine is born that is not configured");
            }
        }
        self.count_nodes();
        for outcome in came.outcomes {
            let at = outcome.at;
            let token = outcome.token.flatten();
            if token.is_some() || gathered.is_full() {
                self.hand_on(at, std::mem::take(gathered)).await?;
            }
            gathered.extend(outcome.samples);
            if token.is_some() {
                gathered.token = token;
                self.hand_on(at, std::mem::take(gathered)).await?;
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
        let (now, (news, last)) = (self.clock.now().mono, host.news());
        for (count, number, what) in [
            (Count::Malformed, news.faults, &last.fault),
            (Count::Gaps, news.gaps, &last.gap),
        ] {
            if let Some(others) = number.checked_sub(1) {
                self.tally.trouble(count, now, || shown(what));
                self.tally.add(count, others);
            }
        }
        self.tally.add(Count::Rebirths, news.asked);
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
