//! One MQTT connection that is kept up, 3.1.1 or 5: connecting, backing off, subscribing, acknowledging in order.
//!
//! It knows nothing of tags, alerts or payloads. A connection is one task that reads, writes and looks at its deadlines at once; its packets
//! are those of rumqttc ([`wire`], which says why its client is not used). Nothing outlives a connection but what is to be asked for again:
//! what was not acknowledged comes anew from the broker, and what was not confirmed is the business of who published it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use thiserror::Error;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Now, Wall};

mod acks;
mod backoff;
mod connection;
mod notices;
mod opening;
mod options;
mod publishing;
mod pulse;
mod rival;
mod socket;
mod status;
mod subscribing;
mod task;
#[cfg(test)]
pub(crate) mod testbed;
#[cfg(test)]
mod tests;
mod websocket;
mod wire;

pub use options::{Credentials, Filter, Options, Qos, Timing, Version};
pub use status::Status;

use acks::Acks;
use publishing::{Done, Publishing};
use wire::{Accepted, Outgoing};

/// How many events wait between the connection and who reads them; messages that come together are one. What does not fit stops the reading
/// from the broker.
const EVENTS: usize = 4;

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

    /// A handle for acknowledging from elsewhere.
    pub fn acker(&self) -> Acker {
        Acker {
            shared: Arc::clone(&self.shared),
        }
    }

    /// See [`Acker::ack`].
    pub fn ack(&self, token: Token) {
        self.shared.ack(token);
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
    /// Messages arrived together, at least one; they are in order and have one arrival.
    Messages(Vec<Message>),
    /// The broker refused a subscription; nothing is heard from this filter.
    FilterLost {
        /// The filter.
        filter: Arc<str>,
        /// Why, and what to do.
        why: String,
    },
    /// The broker grants less than was asked for.
    Notice {
        /// What, and what that costs.
        what: String,
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

/// Names messages that wait for their acknowledgement, on the connection that they came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    connection: u64,
    first: u64,
    last: u64,
}

impl Token {
    fn new(connection: u64, number: u64) -> Self {
        Self {
            connection,
            first: number,
            last: number,
        }
    }

    /// The token of the message that is this one of a first connection.
    #[cfg(test)]
    pub(crate) fn for_tests(number: u64) -> Self {
        Self::new(1, number)
    }

    /// These messages, those of a later token of the same connection, and all between them.
    pub fn to(self, later: Self) -> Self {
        Self {
            last: later.last.max(self.last),
            ..self
        }
    }
}

/// Acknowledges what came over a link that somebody else reads. Of a link that is gone it acknowledges nothing.
#[derive(Clone, Debug)]
pub struct Acker {
    shared: Arc<Shared>,
}

impl Acker {
    /// Says that messages are dealt with. The broker hears it once all messages that arrived before them are dealt with too
    /// (MQTT 3.1.1, 4.6). A token of an earlier connection is dropped: the broker sends those messages again.
    pub fn ack(&self, token: Token) {
        self.shared.ack(token);
    }
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
        if !wire::is_topic(topic) {
            return Err(PublishError::Topic(topic.to_owned()));
        }
        let confirmed = {
            let mut live = self.shared.lock();
            let live = live.as_mut().ok_or(PublishError::NotConnected)?;
            let (done, confirmed) = oneshot::channel();
            live.publish(topic, &payload, qos, retain, Some(done))?;
            self.shared.wake.notify_one();
            confirmed
        };
        match timeout(within, confirmed).await {
            Ok(Ok(how)) => how.map_err(PublishError::Refused),
            Ok(Err(_)) => Err(PublishError::Broken),
            Err(_) => {
                // A broker that does not acknowledge is as good as gone, and only a new connection frees the packet id.
                if let Some(live) = self.shared.lock().as_mut() {
                    live.broken = Some("does not acknowledge what is published");
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
    /// The broker has it and does not want it (version 5).
    #[error("the broker refused it: {0}")]
    Refused(String),
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
struct Shared {
    live: Mutex<Option<Live>>,
    /// Something was put into [`Live::out`], or there is room for messages again.
    wake: Notify,
    /// The latest time of a status that others have heard, in milliseconds, where it is later than our clock.
    known: AtomicI64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ack(&self, token: Token) {
        if let Some(live) = self.lock().as_mut()
            && live.connection == token.connection
        {
            live.acks.done(token.first, token.last);
            while let Some(ack) = live.acks.next() {
                ack.write(&mut live.out);
            }
            self.wake.notify_one();
        }
    }

    fn known(&self) -> Wall {
        Wall::from_millis(self.known.load(Ordering::Relaxed))
    }
}

/// The connection that is up.
#[derive(Debug)]
struct Live {
    connection: u64,
    version: Version,
    acks: Acks,
    publishing: Publishing,
    /// What is to leave. It is bounded by what may be under way.
    out: BytesMut,
    /// Bytes; a larger packet is not sent.
    max_packet: usize,
    max_qos: Qos,
    retains: bool,
    status: Option<Status>,
    /// The time of the status.
    begun: Wall,
    /// Why the task should drop this connection, in words that follow the broker's name.
    broken: Option<&'static str>,
}

impl Live {
    fn new(connection: u64, options: &Options, begun: Wall, accepted: &Accepted) -> Self {
        let most = accepted.max_packet.unwrap_or(options.max_packet);
        Self {
            connection,
            version: options.version,
            acks: Acks::default(),
            publishing: Publishing::new(accepted.receive_maximum),
            out: BytesMut::new(),
            max_packet: most.min(options.max_packet),
            max_qos: accepted.max_qos,
            retains: accepted.retains,
            status: options.status.clone(),
            begun,
            broken: None,
        }
    }

    fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        qos: Qos,
        retain: bool,
        done: Option<Done>,
    ) -> Result<(), PublishError> {
        // Fixed header, topic length, packet id and the length of no properties take at most ten bytes.
        if topic.len() + payload.len() + 10 > self.max_packet {
            return Err(PublishError::TooLarge(payload.len()));
        }
        if self.publishing.is_full() {
            return Err(PublishError::Busy);
        }
        let pkid = match qos {
            Qos::AtMostOnce => {
                self.publishing.at_most_once(done);
                None
            }
            Qos::AtLeastOnce => Some(self.publishing.at_least_once(done)),
        };
        let message = Outgoing {
            topic,
            payload,
            retain,
            pkid,
        };
        let written = wire::publish(self.version, message, &mut self.out);
        written.map_err(PublishError::Refused)
    }
}
