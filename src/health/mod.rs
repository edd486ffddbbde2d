//! Is the agent well? Told to systemd, and by a heartbeat to whoever watches the watcher.
//!
//! The watchdog is fed by the loop itself: a task that runs on its own would only prove that it runs on its own.

pub mod credentials;
pub mod heartbeat;

use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::Mono;

/// The line to systemd; does nothing where there is none.
#[derive(Debug)]
pub struct Watchdog {
    /// How often systemd wants to be told, halved so that one late turn is no death.
    every: Option<Duration>,
    fed: Option<Mono>,
}

impl Watchdog {
    /// As the environment says.
    pub fn of_process() -> Self {
        Self {
            every: sd_notify::watchdog_enabled().map(|timeout| timeout / 2),
            fed: None,
        }
    }

    /// The agent watches.
    pub fn ready(&self) {
        notify(&[NotifyState::Ready]);
    }

    /// The loop has made a turn.
    pub fn alive(&mut self, now: Mono) {
        let Some(every) = self.every else { return };
        if self.fed.is_none_or(|fed| now.since(fed) >= every) {
            self.fed = Some(now);
            notify(&[NotifyState::Watchdog]);
        }
    }

    /// The agent is about to stop.
    pub fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell, which is no failure.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd was not told: {error}");
    }
}
