//! The live state into its saved shapes, and words back into types. Instants are carried over by [`super::passage`].

use std::{sync::Arc, time::Duration};

use super::{
    blind::{Blindness, TagState},
    command::Target,
    cover::Width,
    engine::Engine,
    event::By,
    ids::Ids,
    ladder::{Delay, Phase},
    plant::{Severity, WatchIx},
    shelving::Shelf,
    state::{
        Mark, SavedAck, SavedBlindness, SavedBy, SavedCore, SavedDelay, SavedEpisode, SavedFace,
        SavedPhase, SavedRun, SavedShelf, SavedTag, SavedValue, SavedWatch,
    },
    watch::{Ack, Episode, Face, Run},
};
use crate::{
    clock::{Mono, Now, Wall},
    sample::{Bad, Value},
};

impl Engine {
    pub(super) fn save_watch(&self, watch: WatchIx, mark: &Mark) -> SavedWatch {
        let live = &self.watches[watch];
        let names: Vec<String> = match self.plant.watches.get(watch.0 as usize) {
            Some(definition) => definition
                .rule
                .levels
                .iter()
                .map(|level| level.name.to_string())
                .collect(),
            None => vec![String::new()],
        };
        let level = |(at, name)| (name, save_phase(live.ladder.phase(at)));
        let levels = names.into_iter().enumerate().map(level).collect();
        SavedWatch {
            rule: self.rule_of(watch).to_string(),
            subject: self.subject_of(watch).to_string(),
            levels,
            frozen: live.frozen,
            episode: live.episode.as_deref().map(save_episode),
            face: live.face().map(save_face),
            mark: mark.clone(),
        }
    }

    pub(super) fn save_tag(&self, index: usize) -> SavedTag {
        let (tag, state) = (&self.plant.tags[index], &self.tags[index]);
        let blindness = |bad: &Blindness| SavedBlindness {
            why: bad.why.word().into_owned(),
            since: bad.since.as_millis(),
            from: bad.from.as_nanos(),
            width: bad.width.map(|width| width as u8),
        };
        SavedTag {
            machine: self.plant.machines[tag.machine.0 as usize].id.clone(),
            tag: tag.kind.name.clone(),
            value: state.value.map(SavedValue::from),
            retained: state.retained,
            measured: state.value.map(|_| state.good_at().as_nanos()),
            heard: state.heard.as_nanos(),
            stamp: state.stamp.map(|(stamp, _)| stamp.as_millis()),
            stamped: state.stamp.map(|(_, heard)| heard.as_nanos()),
            late: state.late.into(),
            bad: state.bad.as_deref().map(blindness),
        }
    }

    pub(super) fn save_core(&self) -> SavedCore {
        let shelf = |(target, shelf): (&Target, &Shelf)| {
            let (machine, rule) = match target {
                Target::Watch { machine, rule } => {
                    (Some(machine.to_string()), Some(rule.to_string()))
                }
                Target::Machine(machine) => (Some(machine.to_string()), None),
                Target::Site | Target::Alert(_) => (None, None),
            };
            let (until, reason) = (shelf.until.as_nanos(), shelf.reason.to_string());
            SavedShelf {
                machine,
                rule,
                until,
                by: save_by(&shelf.by),
                reason,
            }
        };
        SavedCore {
            seed: self
                .ids
                .seed
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            made: self.ids.made,
            next_number: self.ids.next_number,
            shelves: self.shelves.all.iter().map(shelf).collect(),
            unknown_downtimes: self.shelves.unknown_downtimes,
        }
    }
}

/// Whether nothing about a watch without rule or machine matters any more: its alert is over, and for so long that one that came now
/// would be a new one. What the agent says of itself has no rule either and stays.
pub(super) fn is_forgotten(saved: &SavedWatch, now: Now, reopen_within: Duration) -> bool {
    let trusted = now.synchronised && saved.mark.synchronised;
    let long_over =
        |(_, wall): (i64, i64)| trusted && now.wall.since(Wall::from_millis(wall)) > reopen_within;
    let over = match &saved.episode {
        None => true,
        Some(episode) => episode.ended.is_some_and(long_over),
    };
    over && !saved.rule.starts_with("andon.")
}

pub(super) fn read_tag(saved: &SavedTag) -> TagState {
    let blindness = |bad: &SavedBlindness| Blindness {
        // A reason that this version does not know is a reason all the same.
        why: Bad::from_word(&bad.why).unwrap_or(Bad::Malformed),
        since: Wall::from_millis(bad.since),
        from: Mono::from_nanos(bad.from),
        measured: Mono::from_nanos(saved.measured.unwrap_or(saved.heard)),
        width: bad
            .width
            .and_then(|width| Width::ALL.get(usize::from(width)).copied()),
    };
    TagState {
        value: saved.value.map(Value::from),
        retained: saved.retained,
        heard: Mono::from_nanos(saved.heard),
        stamp: saved.stamp.map(|stamp| {
            let heard = saved.stamped.unwrap_or(saved.heard);
            (Wall::from_millis(stamp), Mono::from_nanos(heard))
        }),
        late: saved.late.try_into().unwrap_or(u32::MAX),
        bad: saved.bad.as_ref().map(blindness).map(Box::new),
        gone: false,
    }
}

impl From<Value> for SavedValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(bit) => Self::Bool(bit),
            Value::Number(number) => Self::Number(number),
        }
    }
}

impl From<SavedValue> for Value {
    fn from(saved: SavedValue) -> Self {
        match saved {
            SavedValue::Bool(bit) => Self::Bool(bit),
            SavedValue::Number(number) => Self::Number(number),
        }
    }
}

pub(super) fn phase_of(saved: &SavedWatch, level: &str) -> SavedPhase {
    saved
        .levels
        .iter()
        .find(|(name, _)| name == level)
        .map_or(SavedPhase::Idle, |(_, phase)| *phase)
}

pub(super) fn save_phase(phase: Phase) -> SavedPhase {
    match phase {
        Phase::Idle => SavedPhase::Idle,
        Phase::Rising(delay) => SavedPhase::Rising(save_delay(delay)),
        Phase::Active => SavedPhase::Active,
        Phase::Falling(delay) => SavedPhase::Falling(save_delay(delay)),
    }
}

pub(super) fn save_delay(delay: Delay) -> SavedDelay {
    match delay {
        Delay::Running(due) => SavedDelay::Due(due.as_nanos()),
        Delay::Stopped(left) => {
            SavedDelay::Left(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
        }
    }
}

pub(super) fn save_episode(episode: &Episode) -> SavedEpisode {
    let ack = |ack: &Ack| SavedAck {
        by: save_by(&ack.by),
        severity: ack.severity.word().to_owned(),
    };
    let run = |run: &Run| SavedRun {
        policy: run.policy.to_string(),
        step: run.step,
        repeats: run.repeats,
        due: save_delay(run.due),
    };
    SavedEpisode {
        id: episode.id.to_string(),
        number: episode.number,
        created: episode.created.as_millis(),
        opened: episode.opened.as_nanos(),
        called: episode.called.as_millis(),
        severity: episode.severity.word().to_owned(),
        level: episode.level.as_deref().map(str::to_owned),
        occurrences: episode.occurrences,
        peak: episode.peak,
        peak_is_low: episode.peak_is_low,
        limit: episode.limit,
        ack: episode.ack.as_ref().map(ack),
        ended: episode
            .ended
            .map(|ended| (ended.mono.as_nanos(), ended.wall.as_millis())),
        escalation: episode.escalation.as_ref().map(run),
        unknown_downtimes: episode.unknown_downtimes,
        guessed: episode.guessed,
    }
}

pub(super) fn save_by(by: &By) -> SavedBy {
    SavedBy {
        name: by.name.to_string(),
        claimed: by.claimed,
        via: by.via.to_string(),
    }
}

pub(super) fn read_by(saved: &SavedBy) -> By {
    By {
        name: saved.name.as_str().into(),
        claimed: saved.claimed,
        via: saved.via.as_str().into(),
    }
}

/// A word that this version does not know is taken for the worst: too loud is safer than too quiet.
pub(super) fn read_severity(word: &str) -> Severity {
    Severity::from_word(word).unwrap_or(Severity::Critical)
}

pub(super) fn save_face(face: &Face) -> SavedFace {
    SavedFace {
        machine: face.machine.to_string(),
        machine_name: face.machine_name.to_string(),
        class: face.class.as_deref().map(str::to_owned),
        labels: face
            .labels
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        message: face.message.to_string(),
        action: face.action.to_string(),
    }
}

pub(super) fn read_face(saved: &SavedFace) -> Face {
    Face {
        machine: saved.machine.as_str().into(),
        machine_name: saved.machine_name.as_str().into(),
        class: saved.class.as_deref().map(Arc::from),
        labels: saved
            .labels
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect(),
        message: saved.message.as_str().into(),
        action: saved.action.as_str().into(),
    }
}

pub(super) fn read_ids(core: Option<&SavedCore>, seed: [u8; 16]) -> Ids {
    let Some(core) = core else {
        return Ids::new(seed);
    };
    let mut read = seed;
    for (byte, at) in read.iter_mut().zip((0..core.seed.len()).step_by(2)) {
        if let Some(Ok(value)) = core
            .seed
            .get(at..at + 2)
            .map(|digits| u8::from_str_radix(digits, 16))
        {
            *byte = value;
        }
    }
    Ids {
        seed: read,
        made: core.made,
        next_number: core.next_number.max(1),
    }
}
