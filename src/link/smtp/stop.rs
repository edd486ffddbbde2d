//! How far a conversation with a relay comes, and why it goes no further.

use lettre::transport::smtp::Error as SmtpError;

use super::{super::http::CallError, Reply};

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Greeting,
    Login,
    From,
    To,
    Data,
    /// The mail is handed over; what happens from here on may mean that it has arrived.
    Message,
}

impl Step {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Greeting => "EHLO",
            Self::Login => "AUTH",
            Self::From => "MAIL FROM",
            Self::To => "RCPT TO",
            Self::Data => "DATA",
            Self::Message => "the message",
        }
    }
}

/// Why a conversation went no further.
pub(super) enum Stop {
    /// Nothing was said about any mail.
    Unreachable(String),
    /// The connection broke.
    Broken(String),
    /// The relay said no.
    Said(Reply),
}

pub(super) fn broken(step: Step, why: &str) -> CallError {
    CallError::Failed(match step {
        Step::Message => format!(
            "the mail was handed over and the relay has not said that it has it ({why}); it may have arrived all the same"
        ),
        before => format!(
            "the conversation with the mail relay broke off at {} ({why})",
            before.word()
        ),
    })
}

pub(super) fn stopped(error: &SmtpError, at: Step) -> Stop {
    use std::error::Error as _;
    let said = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    match error.status() {
        Some(code) => Stop::Said(Reply {
            code: code.into(),
            to: at.word(),
            text: said,
        }),
        None => Stop::Broken(said),
    }
}
