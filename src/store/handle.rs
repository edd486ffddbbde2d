//! The handle that everybody else holds: each method is one short job on the store's thread.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc::Sender, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Found, Health, Options, StoreError, commit, contents,
    error::{Fault, fatal},
    history::DeliveryFilter,
    keeper::{Failure, Keeper},
    outbox,
    restore::{self, Restored},
    rows::{
        AttemptRecord, Backlog, Commit, Committed, Delivery, DeliveryRow, DeliveryState,
        DestinationRow, Mark, Settlement,
    },
    thread::{self, Job, Queues},
};
use crate::clock::Wall;

/// A started store.
#[derive(Debug)]
pub struct Opened {
    /// The handle.
    pub store: Store,
    /// What the disk held.
    pub found: Found,
    /// What the agent takes up again.
    pub restored: Restored,
}

/// A handle; cheap to clone. The thread ends with the last one, or with [`Store::close`].
#[derive(Clone, Debug)]
pub struct Store {
    queues: Queues,
    pub(super) dir: Arc<Path>,
    durable: Arc<AtomicBool>,
    returns: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
    over: CancellationToken,
}

impl Store {
    /// Opens the database in the folder, or begins a new one, or goes on in memory; it blocks for as long as the check takes.
    ///
    /// # Errors
    /// Only if another agent runs on the folder, or there is not even memory or a thread to be had.
    pub fn open(options: Options) -> Result<Opened, StoreError> {
        let dir: Arc<Path> = options.dir.clone().into();
        let heal_every = options.heal_every;
        let (machine, wall) = (options.machine_id.clone(), options.now.wall);
        let failed = |failure| match failure {
            Failure::Sql(source) => StoreError::Open {
                dir: dir.to_path_buf(),
                source,
            },
            Failure::Io(why) | Failure::Lost(why) => fatal(&dir, why),
        };
        let (mut keeper, found) = Keeper::open(options).map_err(|failure| match failure {
            Failure::Io(_) => StoreError::InUse {
                dir: dir.to_path_buf(),
            },
            other => failed(other),
        })?;
        let numbers_from = match &found {
            Found::SetAside { path, .. } => contents::next_number(path),
            _ => None,
        };
        let (restored, _) = keeper
            .write(|db| {
                if let Some(number) = numbers_from {
                    restore::put_meta(db, restore::NUMBERS_FROM, &number.to_string())?;
                }
                restore::restore(db, machine.as_deref(), wall)
            })
            .map_err(failed)?;
        let durable = Arc::clone(&keeper.durable);
        let returns = Arc::clone(&keeper.returns);
        let writes = Arc::clone(&keeper.writes);
        let over = keeper.over.clone();
        let queues =
            thread::start(keeper, heal_every).map_err(|source| StoreError::Thread { source })?;
        let store = Self {
            queues,
            dir,
            durable,
            returns,
            writes,
            over,
        };
        Ok(Opened {
            store,
            found,
            restored,
        })
    }

    /// Writes everything or nothing, and returns when it is on disk. A commit with nothing in it that lasts writes nothing.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        if commit.is_empty() {
            return self
                .ask(|keeper| {
                    Ok(Committed {
                        durable: keeper.is_durable(),
                        ..Committed::default()
                    })
                })
                .await
                .map_err(|fault| fault.of(&self.dir, |source| StoreError::Mark { source }));
        }
        let (events, watches) = (commit.events.len(), commit.watches.len());
        let job = move |keeper: &mut Keeper| {
            keeper.forgive(commit.mark.mono);
            let (mut committed, durable) = keeper.write(|db| commit::write(db, &commit))?;
            committed.durable = durable;
            for owed in &mut committed.deliveries {
                if let Some(ready) = &mut owed.ready {
                    ready.durable = durable;
                    ready.writes = Some(keeper.writes.load(Ordering::Acquire));
                }
            }
            Ok(committed)
        };
        let failed = |source| StoreError::Commit {
            events,
            watches,
            source,
        };
        send(&self.queues.commits, job)
            .await
            .map_err(|fault| fault.of(&self.dir, failed))
    }

    /// Writes the mark alone, as each minute while an escalation runs.
    pub async fn mark(&self, mark: Mark) -> Result<(), StoreError> {
        self.write(
            move |db| commit::write_mark(db, &mark),
            |source| StoreError::Mark { source },
        )
        .await
    }

    /// What is owed after this delivery, oldest first; at most 200.
    pub async fn pending(&self, after: i64, limit: usize) -> Result<Vec<DeliveryRow>, StoreError> {
        self.read(
            move |db| outbox::pending(db, after, limit),
            move |source| StoreError::Pending { after, source },
        )
        .await
    }

    /// One delivery with everything that an attempt needs.
    pub async fn delivery(&self, id: i64) -> Result<Option<Delivery>, StoreError> {
        self.ask(move |keeper| {
            let durable = keeper.is_durable();
            let found = keeper.read(|db| outbox::delivery(db, id))?;
            Ok(found.map(|delivery| Delivery {
                durable,
                ..delivery
            }))
        })
        .await
        .map_err(|fault| fault.of(&self.dir, |source| StoreError::Delivery { id, source }))
    }

    /// Records a try that did not end the delivery; false if there is no such delivery.
    pub async fn attempted(&self, id: i64, record: AttemptRecord) -> Result<bool, StoreError> {
        self.write(
            move |db| outbox::attempted(db, id, &record),
            move |source| StoreError::Attempted { id, source },
        )
        .await
    }

    /// Records the end of a delivery; see [`Store::settle_many`].
    pub async fn settle(&self, settlement: Settlement) -> Result<bool, StoreError> {
        Ok(self.settle_many(vec![settlement]).await? == 1)
    }

    /// Records ends, at most 200 in one transaction, and says how many counted. An end other than an acceptance is final
    /// and puts the number on the list of those that will never come; an acceptance counts also after that.
    pub async fn settle_many(&self, settlements: Vec<Settlement>) -> Result<usize, StoreError> {
        let mut counted = 0;
        for some in settlements.chunks(outbox::BATCH) {
            let (some, count) = (some.to_vec(), some.len());
            let job = move |db: &rusqlite::Connection| {
                let mut counted = 0;
                for settlement in &some {
                    counted += usize::from(outbox::settle(db, settlement)?);
                }
                Ok(counted)
            };
            counted += self
                .write(job, move |source| StoreError::Settle { count, source })
                .await?;
        }
        Ok(counted)
    }

    /// Deliveries that match, newest first; at most 200.
    pub async fn deliveries(
        &self,
        filter: DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        self.read(
            move |db| outbox::deliveries(db, &filter, limit),
            |source| StoreError::Deliveries { source },
        )
        .await
    }

    /// Owes again what was given up; false if it is owed or accepted, or unknown. What is owed is not withdrawn any more.
    pub async fn retry(&self, id: i64) -> Result<bool, StoreError> {
        self.write(
            move |db| outbox::retry(db, id),
            move |source| StoreError::Retry { id, source },
        )
        .await
    }

    /// Keeps what a destination wants remembered about the alert of a delivery that is still owed; at most [`MAX_THREAD`](super::rows::MAX_THREAD) bytes.
    pub async fn remember(&self, id: i64, thread: String) -> Result<(), StoreError> {
        self.write(
            move |db| outbox::remember(db, id, &thread),
            move |source| StoreError::Attempted { id, source },
        )
        .await
    }

    /// Tells a pending delivery as a trigger from now on; false if it is not pending.
    pub async fn retell(&self, id: i64) -> Result<bool, StoreError> {
        self.write(
            move |db| outbox::retell(db, id),
            move |source| StoreError::Retell { id, source },
        )
        .await
    }

    /// Gives up what is owed, for a person; false if it is not owed.
    pub async fn drop_delivery(&self, id: i64, at: Wall, why: &str) -> Result<bool, StoreError> {
        let why = why.to_owned();
        self.write(
            move |db| outbox::give_up(db, id, DeliveryState::Dropped, at, &why),
            move |source| StoreError::Drop { id, source },
        )
        .await
    }

    /// What is known about a destination; none if it was never owed anything.
    pub async fn destination(&self, name: &str) -> Result<Option<DestinationRow>, StoreError> {
        let (wanted, name) = (name.to_owned(), name.to_owned());
        self.read(
            move |db| outbox::destination(db, &wanted),
            |source| StoreError::Destination { name, source },
        )
        .await
    }

    /// Records that a destination is paused, deactivated or well again; its numbers and ranges are left as they are.
    pub async fn set_destination(&self, destination: DestinationRow) -> Result<(), StoreError> {
        let name = destination.name.clone();
        self.write(
            move |db| outbox::set_destination(db, &destination),
            |source| StoreError::Destination { name, source },
        )
        .await
    }

    /// What is owed, by destination.
    pub async fn counts(&self) -> Result<Vec<Backlog>, StoreError> {
        self.read(outbox::counts, |source| StoreError::Counts { source })
            .await
    }

    /// Where the store writes, and how well.
    pub async fn health(&self) -> Result<Health, StoreError> {
        self.ask(Keeper::health)
            .await
            .map_err(|fault| fault.of(&self.dir, |source| StoreError::Health { source }))
    }

    /// Finishes what is waiting, brings home what is in memory if it can, and ends the thread.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.ask(Keeper::close)
            .await
            .map_err(|fault| fault.of(&self.dir, |source| StoreError::Close { source }))
    }

    /// Whether what is written is on disk; false only in memory mode. It costs no job.
    pub fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire)
    }

    /// How often memory mode has ended: more may be owed then than before. It costs no job.
    pub fn returns(&self) -> u64 {
        self.returns.load(Ordering::Acquire)
    }

    /// How often anything was written: what was read at the same count is still so. It costs no job.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// Returns when the thread has ended, or an IO error has ended its work: the agent has to stop then.
    pub async fn ended(&self) {
        tokio::select! {
            () = self.over.cancelled() => {}
            () = self.queues.jobs.closed() => {}
        }
    }

    #[cfg(test)]
    pub(super) fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Does this on the store's thread, which does nothing else meanwhile.
    #[cfg(test)]
    pub(crate) async fn while_busy(&self, work: impl FnOnce() + Send + 'static) {
        let job = |_: &mut Keeper| {
            work();
            Ok(())
        };
        self.ask(job).await.expect("the store runs");
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
        failed: impl FnOnce(rusqlite::Error) -> StoreError,
    ) -> Result<T, StoreError> {
        self.ask(move |keeper| keeper.read(work))
            .await
            .map_err(|fault| fault.of(&self.dir, failed))
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
        failed: impl FnOnce(rusqlite::Error) -> StoreError,
    ) -> Result<T, StoreError> {
        self.ask(move |keeper| Ok(keeper.write(work)?.0))
            .await
            .map_err(|fault| fault.of(&self.dir, failed))
    }

    /// Any job that is not a commit.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Keeper) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Fault> {
        send(&self.queues.jobs, work).await
    }
}

async fn send<T: Send + 'static>(
    queue: &Sender<Job>,
    work: impl FnOnce(&mut Keeper) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Fault> {
    let (answer, wait) = oneshot::channel();
    let job: Job = Box::new(move |keeper| {
        // Who asked may have gone; the work is done all the same.
        let _ = answer.send(work(keeper));
    });
    queue.send(job).await.map_err(|_| Fault::Gone)?;
    wait.await.map_err(|_| Fault::Gone)?.map_err(Fault::Failed)
}
