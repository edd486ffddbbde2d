//! The whole pipeline on one screen: build the parts, run the loop, stop in order.
//!
//! The loop is the only one that steps the core. It drains what has arrived, takes it in the order of arrival, commits once, and
//! only then lets anything out: deliveries, answers, acknowledgements to brokers, views. Everything that can wake it is
//! in the one `select` of [`Loop::run`].

mod alarm;
mod audience;
mod complaints;
mod concerns;
mod core;
mod credentials;
mod discovery;
mod fallback;
mod group;
mod history;
mod journal;
mod keep;
mod record;
mod recording;
mod reload;
mod sight;
mod sources;
mod start;
mod view;

use std::{path::PathBuf, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use self::{
    alarm::Alarm, concerns::Concerns, core::Core, credentials::Credentials, journal::Journal,
    record::Recorder, sources::Sources,
};
use crate::{
    alert::signal::Signal,
    api::{DoorError, order::Order},
    clock::{Clock, Mono},
    config::{Env, Loaded, Paths, section::Problem},
    health::Watchdog,
    source::Receipt,
    store::{Store, StoreError},
};

/// How to start.
#[derive(Clone, Debug)]
pub struct Start {
    /// Where the configuration is.
    pub paths: Paths,
    /// The environment.
    pub env: Env,
    /// Refuse to start with a refused configuration instead of running the last good one.
    pub strict: bool,
    /// Where to record everything from the start on, and how large that may become.
    pub record: Option<(PathBuf, u64)>,
    /// Notified by whoever wants the configuration read again without the socket: SIGHUP.
    pub reload: Arc<Notify>,
}

/// Why the agent does not run, or has stopped.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The configuration is refused and there is no last good one, or `strict` forbids it.
    #[error("the configuration is refused")]
    Config(Vec<Problem>),
    /// There is no configuration at all.
    #[error("there is no configuration at {0}")]
    NoConfig(PathBuf),
    /// The store does not open, or has failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// Another agent serves the socket.
    #[error(transparent)]
    Socket(#[from] DoorError),
    /// One of the long tasks has ended.
    #[error("the {0} has ended unexpectedly")]
    TaskEnded(&'static str),
}

/// The loop looks at its clock at least this often, because timers stop while the gateway sleeps.
const LOOK: Duration = Duration::from_secs(1);
/// How long attempts that are under way may take when the agent stops.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the agent until it is stopped.
///
/// # Errors
/// [`AgentError`]; the caller maps it to an exit code.
pub async fn run(start: Start, stop: CancellationToken) -> Result<(), AgentError> {
    // On a worker of the runtime, like all that it hands to: from the thread that waits for it each hand-over would wake another.
    let mut alone = JoinSet::new();
    alone.spawn(Box::pin(async move {
        let (mut agent, tasks) = start::build(start).await?;
        let ended = agent.run(tasks, &stop).await;
        agent.stop().await;
        ended
    }));
    match alone.join_next().await {
        Some(Ok(ended)) => ended,
        Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        _ => Err(AgentError::TaskEnded("loop")),
    }
}

/// The long tasks beside the loop, with what they are called. If one ends, the agent stops.
type Tasks = JoinSet<(&'static str, Result<(), AgentError>)>;

/// Everything that the loop works with.
pub(crate) struct Loop {
    engine: Core,
    clock: Clock,
    recorder: Recorder,
    store: Store,
    sources: Sources,
    loaded: Loaded,
    start: Start,
    wake: Arc<Notify>,
    orders: mpsc::Receiver<Order>,
    signals: mpsc::Receiver<Signal>,
    /// Deliveries that were not accepted in time.
    fallbacks: mpsc::Receiver<i64>,
    concerns: Concerns,
    credentials: Credentials,
    journal: Journal,
    watchdog: Watchdog,
    /// Receipts of messages whose effect is not on disk yet, in order.
    held: Vec<Receipt>,
    /// How many samples they are for.
    waiting: usize,
    /// When the state was last committed.
    committed: Mono,
    seen: view::Seen,
    /// Ends every task beside the loop.
    tasks_stop: CancellationToken,
    housekeeping: JoinSet<()>,
    /// Alerts of another database, from an import to the loop.
    taken_up: (mpsc::Sender<keep::TakenUp>, mpsc::Receiver<keep::TakenUp>),
    /// The database came from a backup, and that is not told yet.
    put_back: bool,
    /// What writes the recording of this run.
    recording: Option<JoinHandle<()>>,
}

impl Loop {
    async fn run(&mut self, mut tasks: Tasks, stop: &CancellationToken) -> Result<(), AgentError> {
        self.watchdog.ready();
        // What the restart itself decided: ends of alerts whose rule is gone, and what the agent says of itself.
        self.turn(None).await?;
        self.told_of_backup().await?;
        let reload = Arc::clone(&self.start.reload);
        let mut alarm = Alarm::new(self.clock.now().mono);
        let ended = loop {
            let now = self.clock.now().mono;
            alarm.set(now, self.wait(now));
            let mut order = None;
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                Some(ended) = tasks.join_next() => break Err(task_ended(ended)),
                () = self.store.ended() => break Err(AgentError::TaskEnded("store")),
                Some(signal) = self.sources.supervise(self.engine.plant()) => self.concerns.say(signal),
                Some(signal) = self.signals.recv() => self.concerns.say(signal),
                arrived = self.orders.recv() => order = arrived,
                // Nobody waits for the answer; the log and an alert tell of a mistake.
                () = reload.notified() => order = Some(Order::Reload(oneshot::channel().0)),
                Some(taken_up) = self.taken_up.1.recv() => self.take_up(taken_up).await?,
                () = self.wake.notified() => {}
                () = alarm.rang() => {}
            }
            self.turn(order).await?;
        };
        self.finish(tasks).await;
        ended
    }

    /// How long nothing is due.
    fn wait(&self, now: Mono) -> Duration {
        let mut wait = self
            .engine
            .next_deadline()
            .map_or(LOOK, |due| due.since(now))
            .min(LOOK);
        if self.engine.has_changes() {
            let due = self.committed + self.loaded.settings.store.state_every;
            wait = wait.min(due.since(now));
        }
        wait
    }

    /// Stops in order: sources, what they had sent, the last commit, attempts under way.
    async fn finish(&mut self, mut tasks: Tasks) {
        self.watchdog.stopping();
        self.sources.stop().await;
        if let Err(error) = self.last_commit().await {
            tracing::error!("the last commit failed: {error}");
        }
        self.engine.end_recordings("the agent stopped");
        self.tasks_stop.cancel();
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE + LOOK, all).await.is_err() {
            tasks.abort_all();
        }
    }

    async fn stop(mut self) {
        self.housekeeping.abort_all();
        if let Some(recording) = self.recording.take() {
            let _ = tokio::time::timeout(GRACE, recording).await;
        }
        if let Err(error) = self.store.close().await {
            tracing::error!("the store did not close: {error}");
        }
        tracing::info!("stopped");
    }
}

fn task_ended(
    ended: Result<(&'static str, Result<(), AgentError>), tokio::task::JoinError>,
) -> AgentError {
    match ended {
        Ok((_, Err(error))) => error,
        Ok((name, Ok(()))) => AgentError::TaskEnded(name),
        // Where is said by the panic itself.
        Err(_) => {
            tracing::error!("a task of the agent panicked");
            AgentError::TaskEnded("task beside the loop")
        }
    }
}
