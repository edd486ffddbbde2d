//! What a kind of destination can do, as data: what `check` warns about, and what the schedule relies on.

use std::time::Duration;

/// What a kind can do. [`Abilities::MESSAGE`] and [`Abilities::INCIDENT`] are the two that most kinds begin from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// A second notice about an alert that it knows reaches people again, so that an escalation may go there.
    pub notifies_again: bool,
    /// It can tell an escalation as an incident of its own, which rings again, and ends that with the alert: `new_incident`.
    pub new_incident: bool,
    /// Somebody can acknowledge an alert where it arrives, so that the agent hears of it.
    pub takes_acknowledgements: bool,
    /// What is told there stays open until its end is told: an incident, say, and not a message.
    pub stays_open: bool,
    /// A test send is followed by its end, so that nothing of it stays open there.
    pub ends_tests: bool,
    /// How often it has to be told again of what is still so, or it would forget it.
    pub repost: Option<Duration>,
    /// Several events can be told there in one message: `late = "digest"`.
    pub digests: bool,
}

impl Abilities {
    /// Whether an escalation reaches people who know of the alert, told as an incident of its own or not.
    pub fn calls_again(&self, new_incident: bool) -> bool {
        self.notifies_again || new_incident && self.new_incident
    }

    /// A message that people see each time, as chats and mails are.
    pub const MESSAGE: Self = Self {
        notifies_again: true,
        new_incident: false,
        takes_acknowledgements: false,
        stays_open: false,
        ends_tests: false,
        repost: None,
        digests: false,
    };
    /// An incident by its `dedup_key`, which calls people once, as on-call systems do.
    pub const INCIDENT: Self = Self {
        notifies_again: false,
        new_incident: true,
        takes_acknowledgements: false,
        stays_open: true,
        ends_tests: true,
        repost: None,
        digests: false,
    };
}
