//! The live state of a rule's levels: rising, active, falling, each with its delay.
//!
//! This is the state machine of ISA-18.2's on-delay, off-delay and deadband, for a ladder of levels:
//!
//! ```text
//!          holds                on-delay over               gone
//!  Idle ----------> Rising ----------------------> Active ---------> Falling
//!   ^                 |                              ^                 |  |
//!   |    not holding  |                              |    not gone     |  |
//!   +-----------------+                              +-----------------+  |
//!   +---------------------------------------------------------------------+
//!                                 off-delay over
//! ```
//!
//! While a worse level is active, milder ones are active without their delay. Nothing here knows of alerts: a [`Turn`] says
//! what the change was, and [`super::engine`] makes of it what it means.

use std::time::Duration;

use super::plant::Rule;
use crate::clock::Mono;

/// The phases of all levels of a watch, the mildest first; none while all are idle, as nearly all of a plant's tens of thousands are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ladder(Box<[Phase]>);

/// Where one level stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// Not active.
    Idle,
    /// The condition holds, the on-delay runs.
    Rising(Delay),
    /// Active.
    Active,
    /// Still active; the condition is gone, the off-delay runs.
    Falling(Delay),
}

/// A delay that runs, or stands still because the watch is blind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Delay {
    /// Over at this instant.
    Running(Mono),
    /// This much remained when it was stopped.
    Stopped(Duration),
}

/// What one change did to a ladder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// The worst active level before.
    pub(super) before: Option<usize>,
    /// The worst active level after.
    pub(super) after: Option<usize>,
    /// The condition came back while the mildest level was falling: one more occurrence.
    pub(super) came_back: bool,
    /// Any phase changed: the state that is on disk is out of date.
    pub(super) changed: bool,
}

impl Ladder {
    /// With these phases, as they were saved.
    pub(super) fn from_phases(phases: Vec<Phase>) -> Self {
        let mut ladder = Self(phases.into());
        ladder.rest();
        ladder
    }

    /// The phase of a level.
    pub(super) fn phase(&self, level: usize) -> Phase {
        self.0.get(level).copied().unwrap_or(Phase::Idle)
    }

    /// The worst active level.
    pub(super) fn worst(&self) -> Option<usize> {
        self.0
            .iter()
            .rposition(|phase| matches!(phase, Phase::Active | Phase::Falling(_)))
    }

    /// Whether nothing is active and nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next delay is over.
    pub(super) fn due(&self) -> Option<Mono> {
        let due = |phase: &Phase| match phase {
            Phase::Rising(Delay::Running(due)) | Phase::Falling(Delay::Running(due)) => Some(*due),
            _ => None,
        };
        self.0.iter().filter_map(due).min()
    }

    /// Judges a good value. Stopped delays go on with what remained where the value agrees with them, and end where not.
    pub(super) fn judge(&mut self, rule: &Rule, value: f64, now: Mono) -> Turn {
        let falling = matches!(self.0.first(), Some(Phase::Falling(_)));
        let mut turn = self.change(rule.levels.len(), |index, phase| {
            let level = &rule.levels[index];
            match phase {
                Phase::Idle if !level.condition.holds(value) => Phase::Idle,
                Phase::Idle if level.on_delay.is_zero() => Phase::Active,
                Phase::Idle => Phase::Rising(Delay::Running(now + level.on_delay)),
                begun => goes_on(begun, rule, index, value, now),
            }
        });
        turn.came_back = falling
            && self.0.first() == Some(&Phase::Active)
            && rule
                .levels
                .first()
                .is_some_and(|level| level.condition.holds(value));
        turn
    }

    /// Judges a good value that may be old: what has begun goes on or ends with it, and nothing begins.
    pub(super) fn confirm(&mut self, rule: &Rule, value: f64, now: Mono) -> Turn {
        self.change(rule.levels.len(), |index, phase| {
            goes_on(phase, rule, index, value, now)
        })
    }

    /// Sets the one level of a signal, whose sender judges.
    pub(super) fn set(&mut self, active: bool) -> Turn {
        self.change(1, |_, _| if active { Phase::Active } else { Phase::Idle })
    }

    /// Ends every delay that is over at `now`.
    pub(super) fn elapse(&mut self, now: Mono) -> Turn {
        self.change(self.0.len(), |_, phase| match phase {
            Phase::Rising(Delay::Running(due)) if due <= now => Phase::Active,
            Phase::Falling(Delay::Running(due)) if due <= now => Phase::Idle,
            other => other,
        })
    }

    /// Brings every running delay nearer by `by`: the payload's own stamps say that more time has passed than we saw.
    pub(super) fn advance(&mut self, by: Duration) {
        self.map_delays(|delay| match delay {
            Delay::Running(due) => Delay::Running(due - by),
            stopped @ Delay::Stopped(_) => stopped,
        });
    }

    /// Stops every running delay, because the tag is blind. Says whether one ran.
    pub(super) fn stop(&mut self, now: Mono) -> bool {
        let ran = self.due().is_some();
        self.map_delays(|delay| match delay {
            Delay::Running(due) => Delay::Stopped(due.since(now)),
            stopped @ Delay::Stopped(_) => stopped,
        });
        ran
    }

    fn map_delays(&mut self, change: impl Fn(Delay) -> Delay) {
        for phase in &mut self.0 {
            match phase {
                Phase::Rising(delay) | Phase::Falling(delay) => *delay = change(*delay),
                Phase::Idle | Phase::Active => {}
            }
        }
    }

    /// Makes of the phase of each of so many levels the next.
    fn change(&mut self, levels: usize, next: impl Fn(usize, Phase) -> Phase) -> Turn {
        if self.is_idle() {
            if (0..levels).all(|index| next(index, Phase::Idle) == Phase::Idle) {
                return Turn::default();
            }
            self.0 = vec![Phase::Idle; levels].into();
        }
        let before = self.worst();
        let mut changed = false;
        let mut worse_is_active = false;
        for index in (0..self.0.len()).rev() {
            let old = self.0[index];
            let new = if worse_is_active {
                Phase::Active
            } else {
                next(index, old)
            };
            worse_is_active |= new == Phase::Active;
            changed |= new != old;
            self.0[index] = new;
        }
        self.rest();
        Turn {
            before,
            after: self.worst(),
            came_back: false,
            changed,
        }
    }

    /// Keeps nothing where all are idle.
    fn rest(&mut self) {
        if self.0.iter().all(|phase| *phase == Phase::Idle) {
            self.0 = Box::default();
        }
    }
}

/// What a good value makes of a level that is not idle.
fn goes_on(phase: Phase, rule: &Rule, index: usize, value: f64, now: Mono) -> Phase {
    let condition = &rule.levels[index].condition;
    let gone = condition.is_gone(value, rule.deadband);
    match phase {
        Phase::Idle => Phase::Idle,
        Phase::Rising(delay) if condition.holds(value) => Phase::Rising(delay.resumed(now)),
        Phase::Rising(_) => Phase::Idle,
        Phase::Active if !gone => Phase::Active,
        Phase::Active if rule.off_delay.is_zero() => Phase::Idle,
        Phase::Active => Phase::Falling(Delay::Running(now + rule.off_delay)),
        Phase::Falling(delay) if gone => Phase::Falling(delay.resumed(now)),
        Phase::Falling(_) => Phase::Active,
    }
}

impl Delay {
    fn resumed(self, now: Mono) -> Self {
        match self {
            Self::Stopped(left) => Self::Running(now + left),
            running @ Self::Running(_) => running,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alert::plant::{Condition, Level, Severity};

    fn at(seconds: i64) -> Mono {
        Mono::from_nanos(seconds * 1_000_000_000)
    }

    fn rule(levels: &[(f64, u64)], deadband: f64, off_delay: u64) -> Rule {
        let level = |&(limit, on_delay): &(f64, u64)| Level {
            name: Arc::from(format!("above-{limit}")),
            condition: Condition::Above(limit),
            on_delay: Duration::from_secs(on_delay),
            severity: Severity::Warning,
        };
        Rule {
            id: "r".into(),
            levels: levels.iter().map(level).collect(),
            deadband,
            off_delay: Duration::from_secs(off_delay),
            latched: false,
            message: "".into(),
            action: "".into(),
            runbook: None,
        }
    }

    /// Plays values (or `None` for a tick) at seconds and writes down the worst level after each.
    fn play(rule: &Rule, steps: &[(i64, Option<f64>)]) -> Vec<Option<usize>> {
        let mut ladder = Ladder::default();
        let mut worst = Vec::new();
        for &(second, value) in steps {
            ladder.elapse(at(second));
            if let Some(value) = value {
                ladder.judge(rule, value, at(second));
            }
            worst.push(ladder.worst());
        }
        worst
    }

    #[test]
    fn a_condition_must_hold_for_its_on_delay_without_interruption() {
        let rule = rule(&[(85.0, 30)], 2.0, 0);
        let steps = [
            (0, Some(90.0)),
            (20, Some(84.0)),
            (25, Some(90.0)),
            (54, None),
            (55, None),
        ];
        assert_eq!(play(&rule, &steps), [None, None, None, None, Some(0)]);
    }

    #[test]
    fn a_value_in_the_deadband_interrupts_an_on_delay_but_keeps_an_active_level() {
        let rule = rule(&[(85.0, 10)], 2.0, 0);
        let steps = [
            (0, Some(90.0)),
            (5, Some(84.5)),
            (15, None),
            (16, Some(90.0)),
            (26, Some(84.5)),
            (27, Some(83.0)),
        ];
        assert_eq!(play(&rule, &steps), [None, None, None, None, Some(0), None]);
    }

    #[test]
    fn a_condition_must_be_gone_for_its_off_delay() {
        let rule = rule(&[(85.0, 0)], 2.0, 30);
        let steps = [
            (0, Some(90.0)),
            (10, Some(80.0)),
            (39, Some(84.0)),
            (60, None),
            (61, Some(80.0)),
            (91, None),
        ];
        assert_eq!(
            play(&rule, &steps),
            [Some(0), Some(0), Some(0), Some(0), Some(0), None]
        );
    }

    #[test]
    fn a_worse_level_makes_milder_ones_active_without_their_delay() {
        let rule = rule(&[(85.0, 300), (95.0, 5)], 2.0, 10);
        let steps = [
            (0, Some(97.0)),
            (5, None),
            (6, Some(90.0)),
            (16, None),
            (17, Some(80.0)),
            (27, None),
        ];
        assert_eq!(
            play(&rule, &steps),
            [None, Some(1), Some(1), Some(0), Some(0), None]
        );
    }

    #[test]
    fn a_delay_that_was_stopped_goes_on_with_what_remained_only_if_the_value_agrees() {
        let rule = rule(&[(85.0, 30)], 2.0, 0);
        let mut ladder = Ladder::default();
        ladder.judge(&rule, 90.0, at(0));
        assert!(ladder.stop(at(10)));
        assert_eq!(ladder.due(), None);
        let mut other = ladder.clone();
        ladder.judge(&rule, 90.0, at(100));
        assert_eq!(ladder.due(), Some(at(120)));
        other.judge(&rule, 80.0, at(100));
        assert!(other.is_idle());
    }

    #[test]
    fn coming_back_while_falling_is_one_more_occurrence() {
        let rule = rule(&[(85.0, 0)], 2.0, 30);
        let mut ladder = Ladder::default();
        ladder.judge(&rule, 90.0, at(0));
        ladder.judge(&rule, 80.0, at(1));
        assert!(!ladder.clone().judge(&rule, 84.0, at(2)).came_back);
        assert!(ladder.judge(&rule, 90.0, at(2)).came_back);
    }
}
