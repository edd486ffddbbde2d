//! One of the connections to a device: what is known of it, and what is to be done over it.

use std::time::Duration;

use crate::{clock::Mono, sample::Bad};

use super::super::{
    backoff::Backoff,
    link::{Link, LinkError},
};

/// How long a link that cannot be connected is left alone.
const OUTAGE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// One of the connections to the device.
pub(super) struct Connection {
    /// None while a turn has it.
    pub(super) link: Option<Link>,
    /// The poll that is under way over it.
    pub(super) polling: Option<usize>,
    /// Whether an answer came over it when it was used last.
    pub(super) serves: bool,
    pub(super) is_at_backup: bool,
    /// How often it was found to have ended, by the measure of [`Poller::displaced`](super::Poller::displaced).
    pub(super) replaced: u32,
    /// When to connect again, while there is no connection to be had.
    pub(super) outage: Option<Mono>,
    pub(super) backoff: Backoff,
    /// What failed and is not believed until it was asked elsewhere. Nothing else is asked here meanwhile.
    pub(super) doubted: Option<Failure>,
    /// Doubted failures of other connections, each with the poll that is to be made over this one.
    pub(super) errands: Vec<(usize, usize)>,
}

/// What may be the fault of a connection or that of the device.
pub(super) enum Failure {
    /// There is no connection to be had.
    Lost(LinkError),
    /// A unit was silent.
    Silent(usize, Bad, LinkError),
}

impl Connection {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link: Some(link),
            polling: None,
            serves: false,
            is_at_backup: false,
            replaced: 0,
            outage: None,
            backoff: Backoff::new(OUTAGE.0, OUTAGE.1),
            doubted: None,
            errands: Vec::new(),
        }
    }
}
