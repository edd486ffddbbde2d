//! Sources: connections that yield samples, each a task of its own behind a queue of its own.
//!
//! What is here is the contract between a source and the loop. A source never decides anything about alerts: it turns what
//! it hears, and its own outages, into samples. A device that is offline is data (a bad reading), never a failed task.

mod heard;
pub mod modbus;
pub mod mqtt;
pub mod tally;
mod trouble;
mod values;

use std::{collections::HashMap, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::sync::{Notify, mpsc};

pub use self::heard::{Heard, Who};
use self::tally::Tally;
use crate::{
    clock::Now,
    config::tree::Place,
    sample::{Bad, Labels, Sample, TagId},
};

/// What a source promises about one tag: its names and how people read it.
#[derive(Clone, Debug, PartialEq)]
pub struct TagSpec {
    /// The machine's id.
    pub machine: Arc<str>,
    /// The tag's name.
    pub tag: Arc<str>,
    /// Engineering unit, may be empty.
    pub unit: Arc<str>,
    /// Decimals to show, 0 to 9.
    pub decimals: u8,
    /// Names of its numbers, if they have any.
    pub labels: Labels,
    /// Without a sample for this long the tag is stale.
    pub stale_after: Duration,
    /// The Modbus unit id that it is read from, if it is.
    pub modbus_unit: Option<u8>,
}

/// What a source promises about machines that it may discover.
#[derive(Clone, Debug, PartialEq)]
pub struct MouldSpec {
    /// Their class.
    pub class: Arc<str>,
    /// The tags of each of them; whose they are is not known yet.
    pub tags: Vec<TagSpec>,
    /// Where that is configured.
    pub place: Place,
    /// Its path in the configuration: `source.mqtt.cell.subscribe[0]`.
    pub path: String,
}

/// From names to indices: (machine, tag) to [`TagId`].
pub type TagIds = HashMap<(Arc<str>, Arc<str>), TagId>;

/// Samples that arrived together.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The instant of arrival, stamped where they were received.
    pub at: Now,
    /// In the order in which they are to be evaluated.
    pub samples: Vec<Sample>,
    /// What is heard of machines by their names, in the order of its places among the samples.
    pub heard: Vec<Heard>,
    /// The reading of every tag of the machines that were discovered through the source, after the samples.
    pub discovered: Option<Bad>,
    /// What the source wants back once everything that these samples caused is on disk.
    pub receipt: Option<Receipt>,
}

impl Batch {
    /// Samples of configured machines that nobody waits for.
    pub fn new(at: Now, samples: Vec<Sample>) -> Self {
        Self {
            at,
            samples,
            heard: Vec::new(),
            discovered: None,
            receipt: None,
        }
    }
}

/// Names a message that waits for its acknowledgement; only the source that made it knows what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt(pub u64);

/// The way from a source into the loop: bounded, and waking it. Beside the samples it carries what the source says of itself.
#[derive(Clone, Debug)]
pub struct Feed {
    queue: mpsc::Sender<Batch>,
    wake: Arc<Notify>,
    /// For the source to add to.
    pub tally: Tally,
}

impl Feed {
    /// A feed with room for `limit` batches, and the end that the loop drains.
    pub fn new(limit: usize, wake: Arc<Notify>) -> (Self, mpsc::Receiver<Batch>) {
        let (queue, drain) = mpsc::channel(limit);
        let tally = Tally::default();
        (Self { queue, wake, tally }, drain)
    }

    /// Hands over a batch; waits while the loop is behind.
    ///
    /// # Errors
    /// When the loop is gone: the source should end.
    pub async fn send(&self, batch: Batch) -> Result<(), LoopGone> {
        self.queue.send(batch).await.map_err(|_| LoopGone)?;
        self.wake.notify_one();
        Ok(())
    }

    /// Whether the loop has room for another batch; only who feeds it takes that room.
    pub fn has_room(&self) -> bool {
        self.queue.capacity() > 0
    }

    /// Hands over a batch if there is room: `Ok(false)` where there was none and the batch is dropped.
    ///
    /// # Errors
    /// When the loop is gone: the source should end.
    pub fn try_send(&self, batch: Batch) -> Result<bool, LoopGone> {
        match self.queue.try_send(batch) {
            Ok(()) => {
                self.wake.notify_one();
                Ok(true)
            }
            Err(mpsc::error::TrySendError::Full(_)) => Ok(false),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(LoopGone),
        }
    }
}

/// The loop has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the agent is stopping")]
pub struct LoopGone;
