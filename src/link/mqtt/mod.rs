//! One MQTT 3.1.1 connection that is kept up: connecting, backing off, subscribing, acknowledging in order.
//!
//! This is the only place that knows rumqttc. It knows nothing of tags, alerts or payloads. What rumqttc does not do by
//! itself is done here: it never waits between two attempts, keeps half of its state over a lost session, is
//! ended by one packet that is too large, and notices a dead broker late. So every connection gets a client and an event loop of
//! its own, and no state of the crate outlives it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rumqttc::{AsyncClient, valid_topic};
use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Now};

mod acks;
mod backoff;
mod connection;
mod options;
mod poison;
mod publishing;
mod reason;
mod subscribing;
mod task;
#[cfg(test)]
pub(crate) mod testbed;
#[cfg(test)]
mod tests;
mod tls;

pub use options::{Credentials, Filter, Options, Qos, Status, Timing};

use acks::Acks;
use publishing::Publishing;

/// How many events wait between the connection and who reads them. What does not fit stops the reading from the broker.
const EVENTS: usize = 32;

/// A connection that is kept up by a task of its own until it is closed or dropped.
#[derive(Debug)]
pub struct MqttLink {
    shared: Arc<Shared>,
    events: mpsc::Receiver<Event>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl MqttLink {
    /// Starts connecting. Must be called within a tokio runtime.
    pub fn connect(options: Options, clock: Clock) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        let (shared, stop) = (Arc::<Shared>::default(), CancellationToken::new());
        let task = tokio::spawn(task::keep_connected(
            options,
            clock,
            Arc::clone(&shared),
            sender,
            stop.clone(),
        ));
        Self {
            shared,
            events,
            stop,
            task,
        }
    }

    /// The next event. `None` only after the connection's task is gone. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Says that a message is dealt with. The broker hears it once all messages that arrived before it are dealt with too
    /// (MQTT 3.1.1, 4.6). A token of an earlier connection is dropped: the broker sends that message again.
    pub fn ack(&self, token: Token) {
        if let Some(live) = self.shared.lock().as_mut()
            && live.connection == token.connection
        {
            live.acks.done(token.number);
            live.send_acks();
        }
    }

    /// A handle for publishing over this connection from elsewhere.
    pub fn publisher(&self) -> Publisher {
        Publisher {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Says goodbye to the broker and ends; takes at most [`Timing::farewell`].
    pub async fn close(mut self) {
        self.stop.cancel();
        self.events.close();
        // A task that panicked has nothing left to close.
        let _ = (&mut self.task).await;
    }
}

/// Dropped without [`MqttLink::close`], the connection breaks off and the broker publishes the last will.
impl Drop for MqttLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a connection has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The broker accepted the connection; subscriptions are on their way.
    Connected {
        /// Counts attempts since the link was made.
        connection: u64,
        /// The broker still knew this client's session.
        session_present: bool,
    },
    /// A message arrived.
    Message(Message),
    /// The broker refused a subscription, or it was left out; nothing is heard from this filter.
    FilterLost {
        /// The filter.
        filter: Arc<str>,
        /// Why, and what to do.
        why: String,
    },
    /// The session at the broker was discarded with what waited in it.
    SessionDiscarded {
        /// Why.
        why: String,
    },
    /// The connection broke off or an attempt failed. The next attempt follows by itself.
    Disconnected {
        /// What happened and what to do.
        why: String,
    },
}

/// A message from the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// When it arrived.
    pub at: Now,
    /// Its topic, never with wildcards.
    pub topic: String,
    /// Its payload, a copy of its own so that it does not hold a whole read buffer.
    pub payload: Result<Vec<u8>, TooLarge>,
    /// The broker had kept it: it may be old.
    pub retain: bool,
    /// The broker sent it before.
    pub dup: bool,
    /// To be given to [`MqttLink::ack`]; `None` at QoS 0.
    pub token: Option<Token>,
}

/// A payload was larger than [`Options::max_payload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a payload of {0} bytes is too large")]
pub struct TooLarge(pub usize);

/// Names a message that waits for its acknowledgement, on the connection that it came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    connection: u64,
    number: u64,
}

/// Publishes over a connection that somebody else reads.
#[derive(Clone, Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
}

impl Publisher {
    /// Publishes and waits: at QoS 1 for the broker's acknowledgement, at QoS 0 until it is sent. Nothing is kept or
    /// repeated: who must not lose it calls again, after any error.
    ///
    /// # Errors
    /// When there is no connection, it breaks meanwhile, the topic is none, too much waits, or `within` has passed.
    pub async fn publish(
        &self,
        topic: &str,
        payload: Vec<u8>,
        qos: Qos,
        retain: bool,
        within: Duration,
    ) -> Result<(), PublishError> {
        if !valid_topic(topic) || topic.is_empty() {
            return Err(PublishError::Topic(topic.to_owned()));
        }
        let confirmed = {
            let mut live = self.shared.lock();
            let live = live.as_mut().ok_or(PublishError::NotConnected)?;
            let (done, confirmed) = oneshot::channel();
            live.publish(topic, payload, qos, retain, Some(done))?;
            confirmed
        };
        match timeout(within, confirmed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(PublishError::Broken),
            Err(_) => {
                // A broker that does not acknowledge is as good as gone, and only a new connection frees the packet id.
                if let Some(live) = self.shared.lock().as_mut() {
                    live.broken = Some("the broker does not acknowledge what is published");
                }
                Err(PublishError::NotAcknowledged(within))
            }
        }
    }
}

/// Why something was not published, as far as is known here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// There is no connection.
    #[error("there is no connection to the broker")]
    NotConnected,
    /// It may or may not have arrived.
    #[error("the connection to the broker broke before it acknowledged")]
    Broken,
    /// It may or may not have arrived.
    #[error("the broker did not acknowledge within {0:?}")]
    NotAcknowledged(Duration),
    /// Too many publishes are under way.
    #[error("too much waits for the broker's acknowledgement")]
    Busy,
    /// The limit is [`Options::max_packet`].
    #[error("a payload of {0} bytes is larger than the limit of this connection")]
    TooLarge(usize),
    /// Wildcards and empty topics cannot be published to.
    #[error("`{0}` is not a topic that can be published to")]
    Topic(String),
}

/// What the connection's task and its users both touch. The lock is never held over an await.
#[derive(Debug, Default)]
struct Shared(Mutex<Option<Live>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection that is up.
#[derive(Debug)]
struct Live {
    connection: u64,
    client: AsyncClient,
    acks: Acks,
    publishing: Publishing,
    /// Bytes; rumqttc would end the connection over a larger packet of ours.
    max_packet: usize,
    /// Why the task should drop this connection.
    broken: Option<&'static str>,
}

impl Live {
    fn send_acks(&mut self) {
        while let Some(packet) = self.acks.next() {
            if self.client.try_ack(&packet).is_err() {
                // The request queue holds more than can wait for an acknowledgement, so it is stuck.
                self.broken = Some("acknowledgements do not leave");
                return;
            }
        }
    }

    fn publish(
        &mut self,
        topic: &str,
        payload: Vec<u8>,
        qos: Qos,
        retain: bool,
        done: Option<oneshot::Sender<()>>,
    ) -> Result<(), PublishError> {
        // Fixed header, topic length and packet id take at most nine bytes.
        if topic.len() + payload.len() + 9 > self.max_packet {
            return Err(PublishError::TooLarge(payload.len()));
        }
        if self.publishing.is_full() {
            return Err(PublishError::Busy);
        }
        let sent = self.client.try_publish(topic, qos.into(), retain, payload);
        sent.map_err(|_| PublishError::Busy)?;
        self.publishing.queued(done);
        Ok(())
    }
}
