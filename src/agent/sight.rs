//! How sources stand: what is heard of the tags of each and why it is not, and what the source says of itself.
//!
//! A source that connects again and again between two readings is one that is heard; its own counts tell of that.

use std::time::Duration;

use super::Loop;
use crate::{
    alert::plant::{Source, SourceIx},
    api::view::{SourceView, TroubleView},
    clock::{Mono, Now},
    sample::{Bad, TagId},
    source::tally::Tally,
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
        let view = |(source, sight): (&Source, Sight)| {
            let mut view = SourceView {
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
                ..SourceView::default()
            };
            if let Some(tally) = self.sources.tally(&source.name) {
                tell(tally, &mut view, now.mono);
            }
            view
        };
        sources.map(view).collect()
    }
}

/// Adds what the source says of itself.
fn tell(tally: &Tally, view: &mut SourceView, now: Mono) {
    if let Some(standing) = tally.standing() {
        view.connection_fine = standing.fine;
        view.connection = Some(standing.words);
    }
    view.notes = tally.notes();
    for counted in tally.counted() {
        view.counts.insert(counted.word.to_owned(), counted.number);
        let Some(text) = counted.trouble.filter(|_| counted.number > 0) else {
            continue;
        };
        let last = counted.last;
        view.troubles.push(TroubleView {
            what: counted.word.to_owned(),
            text: text.to_owned(),
            count: counted.number,
            last_seconds: last.as_ref().map(|last| now.since(last.at).as_secs()),
            last: last.map(|last| last.why),
        });
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
    use crate::source::tally::Count;

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

    #[test]
    fn only_troubles_that_there_were_are_told_and_all_is_counted() {
        let tally = Tally::default();
        tally.falters("not connected: refused");
        tally.add(Count::Messages, 3);
        tally.trouble(Count::Malformed, Mono::from_nanos(0), || "a/b".to_owned());
        let mut view = SourceView::default();
        tell(&tally, &mut view, Mono::from_nanos(5_000_000_000));
        assert_eq!(view.connection.as_deref(), Some("not connected: refused"));
        assert_eq!((view.counts["messages"], view.counts["dropped"]), (3, 0));
        let malformed = TroubleView {
            what: "malformed".to_owned(),
            text: "payloads not understood".to_owned(),
            count: 1,
            last: Some("a/b".to_owned()),
            last_seconds: Some(5),
        };
        assert_eq!(view.troubles, [malformed]);
    }
}
