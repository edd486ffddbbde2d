//! The thread of the store: takes jobs from two bounded queues, commits first, and heals now and then.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::keeper::Keeper;

/// One piece of work; it answers by itself.
pub(crate) type Job = Box<dyn FnOnce(&mut Keeper) + Send>;

/// Commits that may wait; the loop waits for each, so there is hardly ever more than one.
const COMMITS: usize = 16;

/// Other jobs that may wait; whoever sends one more waits for room.
const JOBS: usize = 64;

/// The sending ends.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    pub(crate) commits: Sender<Job>,
    pub(crate) jobs: Sender<Job>,
}

/// Starts the thread; it ends when all senders are gone or the keeper is closed.
pub(crate) fn start(keeper: Keeper, heal_every: Duration) -> std::io::Result<Queues> {
    let (commits, commits_in) = channel(COMMITS);
    let (jobs, jobs_in) = channel(JOBS);
    // A runtime of its own: only to wait on two queues and a time at once. Blocking in it blocks nobody else.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    std::thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || {
            runtime.block_on(run(commits_in, jobs_in, keeper, heal_every));
        })?;
    Ok(Queues { commits, jobs })
}

/// The keeper is the last argument so that it is dropped first, in a panic too: who notices the end may open the file again.
async fn run(
    mut commits: Receiver<Job>,
    mut jobs: Receiver<Job>,
    mut keeper: Keeper,
    heal_every: Duration,
) {
    let mut heal = tokio::time::interval(heal_every);
    heal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    heal.tick().await;
    while !keeper.is_closed() {
        tokio::select! {
            biased;
            Some(job) = commits.recv() => job(&mut keeper),
            _ = heal.tick() => keeper.heal(),
            job = jobs.recv() => match job {
                Some(job) => job(&mut keeper),
                // Both queues have the same owners, and the commits were looked at before.
                None => break,
            },
        }
    }
    let _ = keeper.close();
}
