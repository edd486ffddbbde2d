//! A node itself, or one of its devices, as its last birth described it: which alias is which metric, and whether it lives.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    fault::Fault,
    plan::SeatIx,
    report::{Report, Unreadable, wall},
    value,
    watched::{MetricIx, Watched},
    wire::Metric,
};
use crate::{
    clock::{Mono, Wall},
    sample::{Bad, Sample},
};

/// How long after its node's birth a device may take to be born. Its birth comes at once behind that of the node (6.4.20).
const BIRTH_WITHIN: Duration = Duration::from_secs(5);

/// A part of a node that is watched.
#[derive(Debug)]
pub(super) struct Part {
    seat: SeatIx,
    watched: Arc<Watched>,
    life: Life,
    /// The metrics that are watched, by their aliases.
    aliases: HashMap<u64, MetricIx>,
    /// The metrics that the birth has, and their types, if it says them.
    types: HashMap<MetricIx, Option<u32>>,
    /// When it last said something, or was born.
    heard: Mono,
}

/// Whether what it says means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// No birth was heard that still counts.
    Unborn,
    Born,
    /// Its node was born again; until then its own birth must follow.
    Awaited(Mono),
}

/// What came of a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Yield {
    pub(super) samples: Vec<Sample>,
    /// The first thing that is wrong with it.
    pub(super) fault: Option<Fault>,
    /// What it says cannot be understood before the next birth.
    pub(super) needs_birth: bool,
}

impl From<Vec<Sample>> for Yield {
    fn from(samples: Vec<Sample>) -> Self {
        Self {
            samples,
            ..Self::default()
        }
    }
}

impl Part {
    pub(super) fn new(seat: SeatIx, watched: Arc<Watched>) -> Self {
        Self {
            seat,
            watched,
            life: Life::Unborn,
            aliases: HashMap::new(),
            types: HashMap::new(),
            heard: Mono::default(),
        }
    }

    /// Where its machine and subscription stand in the plan.
    pub(super) fn seat(&self) -> SeatIx {
        self.seat
    }

    /// Whether what it said last counts.
    pub(super) fn lives(&self) -> bool {
        matches!(self.life, Life::Born | Life::Awaited(_))
    }

    /// Its birth: all metrics with their values. What an earlier one said is forgotten.
    pub(super) fn birth(&mut self, report: &Report<'_>, at: Mono) -> Yield {
        let mut came = Yield::default();
        self.forget();
        let (mut all, mut doubled) = (HashSet::new(), HashSet::new());
        let mut aliases = Vec::new();
        for metric in report.metrics() {
            let metric = match metric {
                Ok(metric) => metric,
                Err(why) => {
                    self.life = Life::Unborn;
                    return self.unreadable(why);
                }
            };
            if let Some(alias) = metric.alias
                && !all.insert(alias)
            {
                doubled.insert(alias);
            }
            let Some(ix) = metric
                .name
                .as_deref()
                .and_then(|name| self.watched.find(name))
            else {
                continue;
            };
            self.types.insert(ix, metric.datatype);
            aliases.extend(metric.alias.map(|alias| (alias, ix)));
            self.tell(ix, &metric, report.timestamp, &mut came);
        }
        for (alias, ix) in aliases {
            if doubled.contains(&alias) {
                let name = self.watched.name(ix);
                self.watched.bad(ix, Bad::Malformed, &mut came.samples);
                came.fault.get_or_insert(Fault::DoubleAlias(name));
            } else {
                self.aliases.insert(alias, ix);
            }
        }
        for (ix, name) in self.watched.metrics() {
            if !self.types.contains_key(&ix) {
                self.watched.bad(ix, Bad::NeverHeard, &mut came.samples);
                came.fault.get_or_insert(Fault::NoMetric(Arc::clone(name)));
            }
        }
        self.life = Life::Born;
        self.heard = at;
        came
    }

    /// New values. Before a birth nobody knows what they mean.
    pub(super) fn data(&mut self, report: &Report<'_>, at: Mono) -> Yield {
        let mut came = Yield::default();
        if self.life != Life::Born {
            came.needs_birth = true;
            return came;
        }
        self.heard = at;
        for metric in report.metrics() {
            let metric = match metric {
                Ok(metric) => metric,
                Err(why) => return self.unreadable(why),
            };
            let ix = match (&metric.name, metric.alias) {
                (Some(name), _) => self.watched.find(name),
                (None, Some(alias)) => self.aliases.get(&alias).copied(),
                (None, None) => None,
            };
            if let Some(ix) = ix {
                came.needs_birth |= !self.types.contains_key(&ix);
                self.tell(ix, &metric, report.timestamp, &mut came);
            }
        }
        came
    }

    /// It says goodbye, or its node does.
    pub(super) fn death(&mut self) -> Vec<Sample> {
        self.lose(Bad::Goodbye)
    }

    /// What it said so far does not count any more, for this reason.
    pub(super) fn lose(&mut self, why: Bad) -> Vec<Sample> {
        let mut samples = Vec::new();
        self.forget();
        self.life = Life::Unborn;
        self.watched.all_bad(why, &mut samples);
        samples
    }

    /// Its node is born again. What the device said goes on counting for the moment that its own birth takes.
    pub(super) fn await_birth(&mut self, at: Mono) {
        self.forget();
        if self.lives() {
            self.life = Life::Awaited(at + BIRTH_WITHIN);
        }
    }

    /// Nothing of a message is understood: the values that it brought are not known.
    pub(super) fn malformed(&mut self) -> Yield {
        let mut came = Yield::default();
        self.watched.all_bad(Bad::Malformed, &mut came.samples);
        came.needs_birth = true;
        came
    }

    /// Looks at what ends by itself: a birth that does not come, a silence that is too long.
    pub(super) fn tick(&mut self, now: Mono) -> Yield {
        let mut came = Yield::default();
        match (self.life, self.watched.stale_after) {
            (Life::Awaited(until), _) if until <= now => came.samples = self.death(),
            (Life::Born, Some(stale_after)) => {
                let silence = now.since(self.heard);
                // A node sends only what changes. Asked in time, it shows that it lives.
                came.needs_birth = silence >= stale_after / 2;
                if silence >= stale_after {
                    came.samples = self.lose(Bad::Stale);
                }
            }
            _ => {}
        }
        came
    }

    fn unreadable(&mut self, why: Unreadable) -> Yield {
        Yield {
            fault: Some(why.into()),
            ..self.malformed()
        }
    }

    fn tell(&self, ix: MetricIx, metric: &Metric, sent: Option<Wall>, came: &mut Yield) {
        // What was true once is not what is.
        if metric.is_historical == Some(true) {
            return;
        }
        let known = self.types.get(&ix).copied().flatten();
        match value::read(metric, known) {
            Ok(told) => {
                let stamp = metric.timestamp.and_then(wall).or(sent);
                let why = self.watched.told(ix, &told, stamp, &mut came.samples);
                if let (Some(why), None) = (why, &came.fault) {
                    let metric = self.watched.name(ix);
                    came.fault = Some(Fault::Value { metric, why });
                }
            }
            Err(misfit) => {
                self.watched.bad(ix, Bad::Malformed, &mut came.samples);
                let metric = self.watched.name(ix);
                came.fault.get_or_insert(Fault::Metric { metric, misfit });
            }
        }
    }

    fn forget(&mut self) {
        self.aliases.clear();
        self.types.clear();
    }
}
