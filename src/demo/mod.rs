//! `andon demo`: a simulated mill, two receivers, and the real agent between them, over real sockets, in one process.
//!
//! The agent is the one that `andon run` starts; the demo talks to it only as the world does: registers, requests, its socket.
//! Nothing else in the house knows this room but the verb that starts it.

mod desk;
mod device;
mod folder;
mod ledger;
mod mill;
mod ports;
mod receiver;
mod stage;
mod story;
#[cfg(test)]
mod tests;

use std::{io, io::Write, time::Duration};

use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use self::ledger::Counts;
use self::{
    desk::Desk,
    device::Device,
    folder::Folder,
    receiver::Receiver,
    stage::{Halt, Props, Stage},
    story::Pace,
};
use crate::{
    agent::{self, AgentError, Start},
    clock::{Clock, Synchronised},
    config::{Env, Paths},
};

/// How many requests may wait until the story has told them.
const LETTERS: usize = 256;
/// How long the agent may take to stop.
const PATIENCE: Duration = Duration::from_secs(15);

/// How the demo went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How often the story was told to its end.
    pub rounds: u32,
    /// How much there was.
    pub counts: Counts,
    /// What was not as it was promised, a sentence each.
    pub faults: Vec<String>,
}

impl Verdict {
    /// Everything that was expected arrived, genuine and in order.
    pub fn is_success(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Why the demo cannot go on. That the agent kept a promise badly is no error but a [`Verdict`].
#[derive(Debug, Error)]
pub enum DemoError {
    /// The folder of this run cannot be made or filled.
    #[error(
        "the demo cannot write to the folder for temporary files; set TMPDIR to one that it can write to"
    )]
    Folder(#[source] io::Error),
    /// A port of this computer cannot be opened.
    #[error("the {0} of the demo cannot listen on 127.0.0.1")]
    Listen(&'static str, #[source] io::Error),
    /// No random numbers for keys.
    #[error("the system gives no random numbers for the keys of the receivers")]
    Random,
    /// The agent ended.
    #[error("the agent ended with an error")]
    Agent(#[from] AgentError),
    /// The agent ended without being told to, and without saying why.
    #[error("the agent ended unexpectedly")]
    AgentEnded,
    /// The agent's socket gave no good answer.
    #[error("the agent's socket: {0}")]
    Desk(String),
    /// The story cannot be told: nobody reads.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}

/// Shows what andon does, in about 25 seconds.
///
/// Without a limit the story is told again and again until `stop`. With one it ends by itself: it is told at least once to its end,
/// and again while there is time. `out` is flushed after every line. It sets up no log: whoever starts it should show none, or
/// at most errors.
///
/// # Errors
/// [`DemoError`] when the demo itself cannot go on.
pub async fn run(
    limit: Option<Duration>,
    out: &mut dyn Write,
    stop: CancellationToken,
) -> Result<Verdict, DemoError> {
    run_at(Pace::SHOWN, limit, out, stop).await
}

/// The same, as fast as a test wants it.
async fn run_at(
    pace: Pace,
    limit: Option<Duration>,
    out: &mut dyn Write,
    stop: CancellationToken,
) -> Result<Verdict, DemoError> {
    // The folder goes last, when the agent has let go of it.
    let folder = Folder::make().map_err(DemoError::Folder)?;
    let clock = Clock::system(Synchronised::Assume);
    let device = Device::start(clock.clone(), pace.speed);
    let device = device
        .await
        .map_err(|error| DemoError::Listen("mill", error))?;
    let keys = vec![("ops", key()?), ("manager", key()?)];
    let (sender, letters) = mpsc::channel(LETTERS);
    let receiver = Receiver::start(keys.clone(), sender, clock.clone());
    let receiver = receiver
        .await
        .map_err(|error| DemoError::Listen("receiver", error))?;
    let (mill, post) = (device.address(), receiver.address());
    folder.fill(mill, post, &keys).map_err(DemoError::Folder)?;

    let agents_stop = CancellationToken::new();
    let start = Start {
        paths: Paths {
            main: folder.main(),
        },
        // What is set for the real agent on this computer is not for the demo's.
        env: Env::default(),
        strict: true,
        record: None,
        reload: std::sync::Arc::default(),
    };
    let agent = tokio::spawn(Box::pin(agent::run(start, agents_stop.clone())));
    // Whatever happens below, the agent is told to stop.
    let stopped = agents_stop.drop_guard();
    let props = Props {
        desk: Desk::new(&folder.socket(), clock.clone())?,
        device,
        receiver,
        letters,
        agent,
        clock,
        stop,
    };
    let mut stage = Stage::new(out, props);
    let told = story::tell(&mut stage, pace, limit).await;
    drop(stopped);
    let ended = tokio::time::timeout(PATIENCE, stage.agent_ended()).await;
    match told {
        Ok(()) | Err(Halt::Stopped | Halt::Missing) => {}
        Err(Halt::Failed(error)) => return Err(error),
    }
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(error),
        Err(_) => stage.fault("the agent did not stop when it was told to".to_owned()),
    }
    stage.finish()
}

fn key() -> Result<Vec<u8>, DemoError> {
    let mut key = vec![0; 24];
    getrandom::fill(&mut key).map_err(|_| DemoError::Random)?;
    Ok(key)
}
