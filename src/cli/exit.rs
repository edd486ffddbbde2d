//! How a verb ends: the exit codes that scripts rely on, and the sentence that goes with a bad one.

use std::{fmt, io, process::ExitCode};

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All is well.
    Fine,
    /// The thing asked about is not fine, or what was asked for was refused.
    NotFine,
    /// The command line makes no sense.
    Usage,
    /// The configuration is bad (`EX_CONFIG`), so that systemd need not restart it.
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::NotFine => 1,
            Exit::Usage => 2,
            Exit::Configuration => 78,
        })
    }
}

/// Why a verb could not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// For the person at the terminal.
    Said {
        /// What happened and what to do.
        text: String,
        /// The code.
        exit: Exit,
    },
    /// What the verb said could not be written.
    Output(io::Error),
}

impl Failure {
    pub(super) fn not_fine(text: impl Into<String>) -> Self {
        Self::said(text, Exit::NotFine)
    }

    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::said(text, Exit::Usage)
    }

    pub(super) fn said(text: impl Into<String>, exit: Exit) -> Self {
        Self::Said {
            text: text.into(),
            exit,
        }
    }

    /// Whether the reader of the output went away, which is no failure: `andon alerts | head`.
    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Said { exit, .. } => *exit,
            Self::Output(_) => Exit::NotFine,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { text, .. } => f.write_str(text),
            Self::Output(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
