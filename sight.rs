//! How sources stand, as far as their tags tell: what is heard of each, and why it is not.
//!
//! A source that connects again and again between two readings is one that is heard; its own log tells of that.

use std::time::Duration;

use super::Loop;
use crate::{
    alert::plant::SourceIx,
    api::view::SourceView,
    clock::Now,
    sample::{Bad, TagId},
};

/// What was seen of one source so far.
#[derive(Clone, Default)]
struct Sight {
    tags: usize,
    silent: usize,
    /// Heard, or known not to be.
    judged: usize,
    /// How long ago the last good or bad thing was heard.
    heard: Option<Duration>,
    /// Of one that is silent.
    why: Option<Bad>,
}

impl Loop {
    /// All sources, in the order of the configuration.
    pub(super) fn source_views(&self, now: Now) -> Vec<SourceView> {
        let plant = self.engine.plant();
        let mut sights = vec![Sight::default(); plant.sources.len()];
        for (index, tag) in plant.tags.iter().enumerate() {
            let SourceIx(source) = tag.source;
            let Some(state) = self.engine.tag(TagId(index as u32), now) else {
                continue;
            };
            let sight = &mut sights[source as usize];
            let silent = state.bad.map(|(why, _)| why).filter(|why| why.is_silence());
            let heard = state.value.is_some() || state.bad.is_some() && silent.is_none();
            sight.tags += 1;
            sight.silent += usize::from(silent.is_some());
            sight.judged += usize::from(heard || silent.is_some());
            sight.why = sight.why.or(silent);
            if heard {
                sight.heard = Some(sight.heard.map_or(state.age, |age| age.min(state.age)));
            }
        }
        let parts = &self.loaded.settings.parts;
        let is_modbus = |name: &str| parts.modbus.iter().any(|source| *source.name == *name);
        let sources = plant.sources.iter().zip(sights);
        let view = |(source, sight): (&crate::alert::plant::Source, Sight)| SourceView {
            name: source.name.to_string(),
            kind: match is_modbus(&source.name) {
                true => "modbus",
                false => "mqtt",
            }
            .to_owned(),
            address: source.address.to_string(),
            state: sight.state().to_owned(),
            heard_seconds: sight.heard.map(|age| age.as_secs()),
            why: sight.why.map(|why| why.to_string()),
        };
        sources.map(view).collect()
    }
}

impl Sight {
    fn state(&self) -> &'static str {
        match self {
            Self { tags: 0, .. } => "unused",
            Self { judged: 0, .. } => "waiting",
            Self { silent: 0, .. } => "ok",
            Self { silent, tags, .. } if silent == tags => "silent",
            _ => "partly",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_silent_only_if_nothing_of_it_is_heard() {
        let table = [
            ((0, 0, 0), "unused"),
            ((3, 0, 0), "waiting"),
            ((3, 0, 1), "ok"),
            ((3, 1, 3), "partly"),
            ((3, 3, 3), "silent"),
        ];
        for ((tags, silent, judged), state) in table {
            let sight = Sight {
                tags,
                silent,
                judged,
                ..Sight::default()
            };
            assert_eq!(sight.state(), state);
        }
    }
}
