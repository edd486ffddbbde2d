//! What the agent says about itself: signals on their way into the core, and the ones that the loop itself finds.

mod database;

use std::collections::VecDeque;

use crate::{
    alert::{plant::Severity, signal::Signal},
    clock::Mono,
    config::section::Problem,
};

/// The rule of memory mode.
const DISK_RULE: &str = "andon.disk";
/// The rule of a refused configuration.
const CONFIG_RULE: &str = "andon.config-refused";
/// How often a refused configuration is told again.
const REMIND_EVERY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Signals that wait for the next turn, and what they were about.
#[derive(Debug, Default)]
pub(super) struct Concerns {
    waiting: VecDeque<Signal>,
    in_memory: Option<bool>,
    /// The configuration that was offered last was refused, for these reasons.
    refused: Vec<String>,
    reminded: Option<Mono>,
}

impl Concerns {
    /// Takes a signal of somebody else.
    pub(super) fn say(&mut self, signal: Signal) {
        self.waiting.push_back(signal);
    }

    /// What waits.
    pub(super) fn take(&mut self) -> VecDeque<Signal> {
        std::mem::take(&mut self.waiting)
    }

    /// Whether the last commit is on disk.
    pub(super) fn stored(&mut self, durable: bool) {
        if self.in_memory == Some(!durable) {
            return;
        }
        self.in_memory = Some(!durable);
        let signal = if durable {
            Signal::gone(DISK_RULE, Signal::AGENT)
        } else {
            let message = "nothing can be written to disk: alerts are kept in memory and a restart loses them";
            let action = "Make room on the disk of data_dir, or look whether it is read-only.";
            Signal::raised(
                DISK_RULE,
                Signal::AGENT,
                Severity::Critical,
                message.to_owned(),
                action,
            )
        };
        self.say(signal);
    }

    /// Whether nothing reaches the disk.
    pub(super) fn in_memory(&self) -> bool {
        self.in_memory == Some(true)
    }

    /// The offered configuration was refused, or (with none) accepted.
    pub(super) fn configured(&mut self, refused: &[Problem], now: Mono) {
        self.refused = refused
            .iter()
            .filter(|problem| !problem.warning)
            .map(ToString::to_string)
            .collect();
        self.reminded = Some(now);
        self.say(self.about_config(false));
    }

    /// Why the offered configuration was refused; empty if it was not.
    pub(super) fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Tells once a day that a refused configuration still waits for somebody.
    pub(super) fn remind(&mut self, now: Mono) {
        let due = self
            .reminded
            .is_some_and(|last| now.since(last) >= REMIND_EVERY);
        if due && !self.refused.is_empty() {
            self.reminded = Some(now);
            self.say(self.about_config(true));
        }
    }

    fn about_config(&self, remind: bool) -> Signal {
        let Some(first) = self.refused.first() else {
            return Signal::gone(CONFIG_RULE, Signal::AGENT);
        };
        let more = match self.refused.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message =
            format!("the new configuration is refused, the last good one runs: {first}{more}");
        let action = "Run `andon check`, mend it, then `andon reload`.";
        Signal {
            remind,
            ..Signal::raised(
                CONFIG_RULE,
                Signal::AGENT,
                Severity::Warning,
                message,
                action,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn mistake() -> Problem {
        Problem {
            place: None,
            path: "agent.site".into(),
            message: "is missing".into(),
            warning: false,
        }
    }

    #[test]
    fn a_refused_configuration_is_told_at_once_daily_and_when_it_is_over() {
        let start = Mono::from_nanos(0);
        let mut concerns = Concerns::default();
        concerns.configured(&[mistake()], start);
        let said = concerns.take();
        assert!(said[0].severity.is_some() && !said[0].remind);
        assert!(said[0].face.message.contains("agent.site: is missing"));
        concerns.remind(start + Duration::from_secs(3600));
        assert!(concerns.take().is_empty());
        concerns.remind(start + REMIND_EVERY);
        assert!(concerns.take()[0].remind);
        concerns.configured(&[], start + REMIND_EVERY);
        assert_eq!(concerns.take()[0].severity, None);
    }

    #[test]
    fn memory_mode_is_told_once_and_so_is_its_end() {
        let mut concerns = Concerns::default();
        for durable in [true, false, false, true, true] {
            concerns.stored(durable);
        }
        let said: Vec<bool> = concerns
            .take()
            .iter()
            .map(|signal| signal.severity.is_some())
            .collect();
        assert_eq!(said, [false, true, false]);
    }
}
