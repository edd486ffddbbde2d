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
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

pub use self::heard::{Heard, Who};
use self::tally::Tally;
use crate::{
    clock::Now,
    config::tree::Place,
    link::mqtt::{Acker, Token},
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
#[derive(Clone, Debug)]
pub struct Batch {
    /// The instant of arrival, stamped where they were received.
    pub at: Now,
    /// In the order in which they are to be evaluated.
    pub samples: Vec<Sample>,
    /// What is heard of machines by their names, in the order of its places among the samples.
    pub heard: Vec<Heard>,
    /// The reading of every tag of the machines that were discovered through the source, after the samples.
    pub discovered: Option<Bad>,
    /// What is to be given once everything that these samples caused is on disk.
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

    /// How many samples it has.
    pub fn count(&self) -> usize {
        let heard = self.heard.iter();
        self.samples.len() + heard.map(|of| of.samples.len()).sum::<usize>()
    }
}

/// What acknowledges the messages of a batch. Dropped it acknowledges nothing, and the broker sends them again.
#[derive(Clone, Debug)]
pub struct Receipt {
    acker: Acker,
    token: Token,
}

impl Receipt {
    /// Of messages that came over this link.
    pub fn new(acker: Acker, token: Token) -> Self {
        Self { acker, token }
    }

    /// Everything that the messages caused is on disk. One of a connection that is gone says nothing.
    pub fn give(self) {
        self.acker.ack(self.token);
    }
}

/// For each batch that may wait for the loop, so many samples may: what one payload brings is up to its sender.
const SAMPLES: usize = 32;

/// The way from a source into the loop: bounded, and waking it. Beside the samples it carries what the source says of itself.
#[derive(Clone, Debug)]
pub struct Feed {
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    most: usize,
    wake: Arc<Notify>,
    /// For the source to add to.
    pub tally: Tally,
}

impl Feed {
    /// A feed with room for `limit` batches and 32 samples for each of them, and the end that the loop drains. A single batch may be
    /// larger than all of that; it waits until it is alone.
    pub fn new(limit: usize, wake: Arc<Notify>) -> (Self, Drain) {
        let (queue, drain) = mpsc::channel(limit);
        let most = limit * SAMPLES;
        let feed = Self {
            queue,
            room: Arc::new(Semaphore::new(most)),
            most,
            wake,
            tally: Tally::default(),
        };
        (feed, Drain(drain))
    }

    /// Hands over a batch; waits while the loop is behind.
    ///
    /// # Errors
    /// When the loop is gone: the source should end.
    pub async fn send(&self, batch: Batch) -> Result<(), LoopGone> {
        let size = self.size(batch.count());
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(size);
        let room = room.await.map_err(|_| LoopGone)?;
        let waiting = Waiting { batch, room };
        self.queue.send(waiting).await.map_err(|_| LoopGone)?;
        self.wake.notify_one();
        Ok(())
    }

    /// Whether the loop has room for another batch of so many samples; only who feeds it takes that room.
    pub fn has_room(&self, samples: usize) -> bool {
        self.queue.capacity() > 0 && self.room.available_permits() >= self.size(samples)
    }

    fn size(&self, samples: usize) -> usize {
        samples.min(self.most)
    }
}

/// The loop's end of a feed.
#[derive(Debug)]
pub struct Drain(mpsc::Receiver<Waiting>);

/// A batch with the room that it takes until it is drained.
#[derive(Debug)]
struct Waiting {
    batch: Batch,
    room: OwnedSemaphorePermit,
}

impl Drain {
    /// Takes what waits, at most `limit` batches. Their room becomes free at the end: what is taken at once is bounded too.
    pub fn take(&mut self, limit: usize, mut take: impl FnMut(Batch)) {
        let mut taken: Option<OwnedSemaphorePermit> = None;
        for _ in 0..limit {
            let Ok(Waiting { batch, room }) = self.0.try_recv() else {
                return;
            };
            match &mut taken {
                Some(taken) => taken.merge(room),
                None => taken = Some(room),
            }
            take(batch);
        }
    }
}

/// For tests of sources, which look at batches one by one.
#[cfg(test)]
impl Drain {
    /// The next batch; none where the source is gone.
    pub(crate) async fn recv(&mut self) -> Option<Batch> {
        self.0.recv().await.map(|waiting| waiting.batch)
    }

    /// Takes no more batches: the source ends with its next one.
    pub(crate) fn close(&mut self) {
        self.0.close();
    }

    /// How many batches wait.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The loop has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the agent is stopping")]
pub struct LoopGone;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock, Synchronised},
        sample::{Bad, Reading},
    };

    fn batch(samples: usize) -> Batch {
        let at = Clock::system(Synchronised::Assume).now();
        let sample = Sample::new(TagId(0), Reading::Bad(Bad::Stale));
        Batch::new(at, vec![sample; samples])
    }

    /// The sizes of the batches that were taken.
    fn taken(drain: &mut Drain) -> Vec<usize> {
        let mut sizes = Vec::new();
        drain.take(100, |batch| sizes.push(batch.samples.len()));
        sizes
    }

    #[tokio::test]
    async fn what_waits_is_bounded_in_batches_and_in_samples() {
        for (size, fits) in [(0, 4), (1, 4), (SAMPLES, 4), (SAMPLES + 1, 3), (200, 1)] {
            let (feed, mut drain) = Feed::new(4, Arc::default());
            let mut sent = 0;
            while tokio::time::timeout(Duration::ZERO, feed.send(batch(size)))
                .await
                .is_ok()
            {
                sent += 1;
            }
            assert!(!feed.has_room(size));
            assert_eq!(sent, fits, "of {size} samples");
            assert_eq!(taken(&mut drain), vec![size; fits]);
            assert!(feed.has_room(1));
        }
    }

    #[tokio::test]
    async fn a_batch_that_is_larger_than_all_room_waits_until_it_is_alone() {
        let (feed, mut drain) = Feed::new(2, Arc::default());
        feed.send(batch(1)).await.unwrap();
        let large = tokio::spawn({
            let feed = feed.clone();
            async move { feed.send(batch(1000)).await }
        });
        tokio::task::yield_now().await;
        assert!(!feed.has_room(1) && !large.is_finished());
        assert_eq!(taken(&mut drain), [1]);
        large.await.unwrap().unwrap();
        assert_eq!(taken(&mut drain), [1000]);
        drop(drain);
        assert_eq!(feed.send(batch(1)).await, Err(LoopGone));
    }
}
