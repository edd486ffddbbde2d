//! The metrics of a node or device that are watched, and the tags that each of them is.

use std::{sync::Arc, time::Duration};

use super::{
    super::payload::{Found, MqttTag},
    value::Told,
};
use crate::{
    clock::Wall,
    sample::{Bad, Reading, Sample, TagId},
};

/// What one machine is watched for by one subscription.
#[derive(Debug)]
pub(super) struct Watched {
    /// By their names, in order.
    metrics: Vec<Named>,
    /// After so long a silence of the whole node or device nothing that it said counts any more.
    pub(super) stale_after: Option<Duration>,
}

/// A metric and the tags that it is.
#[derive(Debug)]
struct Named {
    name: Arc<str>,
    tags: Vec<(TagId, Arc<MqttTag>)>,
}

/// The place of a metric in [`Watched`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MetricIx(pub(super) u32);

impl Watched {
    /// The tags of one machine. Several may be read from one metric.
    pub(super) fn new(
        tags: impl IntoIterator<Item = (TagId, Arc<MqttTag>)>,
        stale_after: Option<Duration>,
    ) -> Self {
        let mut metrics: Vec<Named> = Vec::new();
        for (id, tag) in tags {
            match metrics.binary_search_by(|metric| (*metric.name).cmp(&tag.path)) {
                Ok(at) => metrics[at].tags.push((id, tag)),
                Err(at) => {
                    let name = tag.path.as_str().into();
                    let tags = vec![(id, tag)];
                    metrics.insert(at, Named { name, tags });
                }
            }
        }
        Self {
            metrics,
            stale_after,
        }
    }

    /// The metric of this name, if it is watched.
    pub(super) fn find(&self, name: &str) -> Option<MetricIx> {
        let metrics = &self.metrics;
        let found = metrics.binary_search_by(|metric| (*metric.name).cmp(name));
        found.ok().map(|at| MetricIx(at as u32))
    }

    /// All metrics.
    pub(super) fn metrics(&self) -> impl Iterator<Item = (MetricIx, &Arc<str>)> {
        let numbered = self.metrics.iter().zip(0..);
        numbered.map(|(metric, at)| (MetricIx(at), &metric.name))
    }

    /// Its name.
    pub(super) fn name(&self, metric: MetricIx) -> Arc<str> {
        Arc::clone(&self.metrics[metric.0 as usize].name)
    }

    /// What the tags of a metric are when it tells this, and why one of them cannot be.
    pub(super) fn told(
        &self,
        metric: MetricIx,
        told: &Told,
        stamp: Option<Wall>,
        samples: &mut Vec<Sample>,
    ) -> Option<&'static str> {
        let mut first = None;
        for (id, tag) in &self.metrics[metric.0 as usize].tags {
            let (reading, why) = reading(told, tag);
            first = first.or(why);
            samples.push(Sample {
                stamp,
                ..Sample::new(*id, reading)
            });
        }
        first
    }

    /// A bad reading for the tags of a metric.
    pub(super) fn bad(&self, metric: MetricIx, bad: Bad, samples: &mut Vec<Sample>) {
        let tags = self.metrics[metric.0 as usize].tags.iter();
        samples.extend(tags.map(|(id, _)| unstamped(*id, bad)));
    }

    /// A bad reading for every tag.
    pub(super) fn all_bad(&self, bad: Bad, samples: &mut Vec<Sample>) {
        let tags = self.metrics.iter().flat_map(|metric| &metric.tags);
        samples.extend(tags.map(|(id, _)| unstamped(*id, bad)));
    }
}

fn unstamped(tag: TagId, bad: Bad) -> Sample {
    Sample::new(tag, Reading::Bad(bad))
}

fn reading(told: &Told, tag: &MqttTag) -> (Reading, Option<&'static str>) {
    let found = match told {
        Told::Number(number) => Found::Number(*number),
        Told::Bool(bit) => Found::Bool(*bit),
        Told::Text(text) => Found::Text(text.as_str().into()),
        Told::Stale => return (Reading::Bad(Bad::Stale), None),
        Told::Null | Told::Bad => return (Reading::Bad(Bad::Quality), None),
    };
    tag.read(&found)
}
