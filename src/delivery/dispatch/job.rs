//! What the task that delivers is asked to do, and what it works with.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Owed;
use crate::{
    alert::signal::Signal,
    clock::{BootId, Clock},
    delivery::{
        attempt::Tested,
        schedule::{LaneKey, Status},
    },
    destination::{Destination, notice::Notice},
    link::certificate::Seen,
    store::Store,
};

/// What the task is asked to do.
#[derive(Debug)]
pub enum Job {
    /// These rows are on disk and owed, and what was withdrawn is recorded.
    Owed(Vec<Owed>),
    /// These rows came from another database and are owed here from now on.
    Imported(Vec<Owed>),
    /// Take back what is withdrawable in a lane and cannot have been heard; answers with rows and destinations. Nothing
    /// starts until [`Job::Owed`] says that this is on disk.
    Withdraw {
        /// The watch.
        lane: LaneKey,
        /// What was taken back. The caller records it as superseded.
        reply: oneshot::Sender<Vec<(i64, Arc<str>)>>,
    },
    /// The configuration has changed.
    Reload(Receivers),
    /// The store may have given something up: forget what it does not owe any more.
    Compare,
    /// Try a delivery now. Answers whether it was waiting.
    Retry(i64, oneshot::Sender<bool>),
    /// Give a delivery up, for this reason. Answers whether it was waiting.
    Drop(i64, String, oneshot::Sender<bool>),
    /// Send a notice to a destination once, without a row.
    Test(String, Box<Notice>, oneshot::Sender<Option<Tested>>),
    /// How the destinations stand.
    Look(oneshot::Sender<Vec<Standing>>),
}

/// One destination, for views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the schedule says.
    pub status: Status,
    /// What the last attempt that was not accepted brought.
    pub trouble: Option<String>,
}

/// To whom is delivered, as the configuration has it.
#[derive(Clone, Debug, Default)]
pub struct Receivers {
    /// The site's id: sites do not all come back to one receiver at once.
    pub site: Arc<str>,
    /// All destinations.
    pub destinations: Vec<Destination>,
    /// The lists of routes and of steps of policies: the last active destination of one is never deactivated.
    pub groups: Vec<Vec<Arc<str>>>,
}

/// What the task works with.
#[derive(Debug)]
pub struct Parts {
    /// Bodies come from it, ends go to it.
    pub store: Store,
    /// Time.
    pub clock: Clock,
    /// Notes what certificates receivers show.
    pub seen: Seen,
    /// This boot, to tell how old rows from earlier ones are.
    pub boot: BootId,
    /// To whom.
    pub receivers: Receivers,
    /// What it is asked to do.
    pub jobs: mpsc::Receiver<Job>,
    /// Where it says that a destination is in trouble.
    pub signals: mpsc::Sender<Signal>,
    /// Where it says which deliveries others are to be told in place of: their rows.
    pub fallbacks: mpsc::Sender<i64>,
    /// Ends it: what is in flight gets `grace` to come back.
    pub stop: CancellationToken,
    /// How long attempts may still run when the agent stops.
    pub grace: Duration,
}
