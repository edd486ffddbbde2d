//! A watch with its live state, and its episode: the alert that it has open, or had last.
//!
//! Only the data and the questions that can be asked of it are here; what changes it is in [`super::lifecycle`].

use std::{
    collections::BTreeMap,
    ops::{Index, IndexMut},
    sync::Arc,
};

use ulid::Ulid;

use super::{
    event::By,
    ladder::{Delay, Ladder},
    plant::{Severity, WatchIx},
};
use crate::clock::{Mono, Wall};

/// All watches: those of the plant by their index there, and those of signals, which are numbered apart so that more of either may
/// come. Those of the plant are first in every order.
#[derive(Clone, Debug, Default)]
pub(super) struct Watches {
    of_plant: Vec<LiveWatch>,
    of_signals: Vec<LiveWatch>,
}

/// The number of the first watch of a signal.
const SIGNALS: u32 = 1 << 31;

impl Watches {
    /// Makes room for watches that the plant has.
    pub(super) fn reserve(&mut self, further: usize) {
        self.of_plant.reserve(further);
    }

    /// Adds a watch that the plant has.
    pub(super) fn push(&mut self, live: LiveWatch) {
        self.of_plant.push(live);
    }

    /// Adds the watch of a signal.
    pub(super) fn push_signal(&mut self, live: LiveWatch) -> WatchIx {
        self.of_signals.push(live);
        WatchIx(SIGNALS + (self.of_signals.len() - 1) as u32)
    }

    /// All that are not gone, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (WatchIx, &LiveWatch)> {
        let of_plant = (0..).map(WatchIx).zip(&self.of_plant);
        let of_signals = (SIGNALS..).map(WatchIx).zip(&self.of_signals);
        of_plant.chain(of_signals).filter(|(_, live)| !live.gone)
    }
}

impl Index<WatchIx> for Watches {
    type Output = LiveWatch;
    fn index(&self, watch: WatchIx) -> &LiveWatch {
        match watch.0.checked_sub(SIGNALS) {
            None => &self.of_plant[watch.0 as usize],
            Some(signal) => &self.of_signals[signal as usize],
        }
    }
}

impl IndexMut<WatchIx> for Watches {
    fn index_mut(&mut self, watch: WatchIx) -> &mut LiveWatch {
        match watch.0.checked_sub(SIGNALS) {
            None => &mut self.of_plant[watch.0 as usize],
            Some(signal) => &mut self.of_signals[signal as usize],
        }
    }
}

/// A watch, live: of a rule, or of a signal. A plant has tens of thousands of them, so here is only what is its own and cannot be
/// asked of the plant; its names are in [`super::telling`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LiveWatch {
    /// The phases of its levels.
    pub(super) ladder: Ladder,
    /// Its tag is bad: it neither raises nor clears.
    pub(super) frozen: bool,
    /// The alert that is open, or was last. Most watches have none, so it takes room of its own.
    pub(super) episode: Option<Box<Episode>>,
    /// What a signal is called and says of itself; a rule's watch is named and described by the plant.
    pub(super) signal: Option<Box<OfSignal>>,
    /// Its machine was forgotten, or another watch is it now; only its place is left.
    pub(super) gone: bool,
}

/// What only the watch of a signal has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OfSignal {
    /// The id of the rule that it counts as.
    pub(super) rule: Arc<str>,
    /// What it is about.
    pub(super) subject: Arc<str>,
    /// What it says of itself.
    pub(super) face: Option<Face>,
}

/// One episode, from triggered to resolved, reopenings included.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Episode {
    pub(super) id: Ulid,
    pub(super) number: u64,
    /// When it triggered.
    pub(super) created: Wall,
    /// The same on the monotonic clock.
    pub(super) opened: Mono,
    /// When it last called for people: triggered, reopened, or its acknowledgement was void.
    pub(super) called: Wall,
    pub(super) severity: Severity,
    /// The level that sets the severity.
    pub(super) level: Option<Arc<str>>,
    pub(super) occurrences: u32,
    /// The worst value.
    pub(super) peak: Option<f64>,
    pub(super) peak_is_low: bool,
    /// The limit that the last judged value was compared with.
    pub(super) limit: Option<f64>,
    pub(super) ack: Option<Ack>,
    /// When it ended, if it did.
    pub(super) ended: Option<Ended>,
    pub(super) escalation: Option<Run>,
    /// Restarts in a row after which the downtime was not known.
    pub(super) unknown_downtimes: u8,
    /// The next events must say that their time is a guess.
    pub(super) guessed: bool,
}

impl Episode {
    /// Whether it is not over.
    pub(super) fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}

/// An acknowledgement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ack {
    pub(super) by: By,
    /// The severity that was acknowledged: a worse one voids it.
    pub(super) severity: Severity,
}

/// The end of an episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ended {
    pub(super) mono: Mono,
    pub(super) wall: Wall,
}

/// A policy that runs for an episode.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// The policy's id.
    pub(super) policy: Arc<str>,
    /// Index of the step that is due next.
    pub(super) step: usize,
    /// How often the last step has run already.
    pub(super) repeats: u32,
    /// When it is due; stopped while the episode is over and may reopen.
    pub(super) due: Delay,
}

/// What a signal says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Face {
    /// The machine that it counts to; `andon` for the agent itself.
    pub machine: Arc<str>,
    /// The name that people know.
    pub machine_name: Arc<str>,
    /// The machine's class.
    pub class: Option<Arc<str>>,
    /// The machine's labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// What is wrong.
    pub message: Arc<str>,
    /// What to do.
    pub action: Arc<str>,
}

impl LiveWatch {
    /// The watch of a signal, at rest.
    pub(super) fn of_signal(rule: Arc<str>, subject: Arc<str>) -> Self {
        let signal = OfSignal {
            rule,
            subject,
            face: None,
        };
        Self {
            signal: Some(Box::new(signal)),
            ..Self::default()
        }
    }

    /// What a signal says of itself.
    pub(super) fn face(&self) -> Option<&Face> {
        self.signal.as_ref()?.face.as_ref()
    }

    /// Takes what a signal says of itself.
    pub(super) fn show(&mut self, face: Option<Face>) {
        if let Some(signal) = &mut self.signal {
            signal.face = face;
        }
    }

    /// Leaves only the place of it, and hands over what it was.
    pub(super) fn leave(&mut self) -> Self {
        let signal = self.signal.as_ref().map(|signal| OfSignal {
            face: None,
            ..OfSignal::clone(signal)
        });
        let place = Self {
            signal: signal.map(Box::new),
            gone: true,
            ..Self::default()
        };
        std::mem::replace(self, place)
    }

    /// Its open episode.
    pub(super) fn open(&self) -> Option<&Episode> {
        self.episode.as_deref().filter(|episode| episode.is_open())
    }

    /// Its open episode, to change it.
    pub(super) fn open_mut(&mut self) -> Option<&mut Episode> {
        self.episode
            .as_deref_mut()
            .filter(|episode| episode.is_open())
    }
}
