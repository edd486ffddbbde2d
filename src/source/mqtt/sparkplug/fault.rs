//! What is wrong with a message, in words for people.

use std::sync::Arc;

use thiserror::Error;

use super::{report::Unreadable, value::Misfit};

/// Why something in a message is not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(in crate::source::mqtt) enum Fault {
    /// Nothing of it is.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    /// Reading it panicked.
    #[error("reading it fails, which is a defect of andon")]
    Defect,
    /// The whole message is larger than the source takes.
    #[error("it is larger than max_packet")]
    TooLarge,
    /// Births and data must not be retained (6.4): what was true once is not what is.
    #[error("the broker had kept it, which Sparkplug forbids; remove the retained message")]
    Kept,
    /// Nobody can say where in the order of messages it belongs.
    #[error("it has no sequence number")]
    NoSeq,
    /// A metric that is watched is not understood.
    #[error("{misfit}: \"{metric}\"")]
    Metric {
        /// Its name.
        metric: Arc<str>,
        /// Why.
        misfit: Misfit,
    },
    /// The value of a metric that is watched is none that its tag can have.
    #[error("the value of \"{metric}\" is {why}")]
    Value {
        /// Its name.
        metric: Arc<str>,
        /// What it is.
        why: &'static str,
    },
    /// A metric that is watched is not among those of the birth.
    #[error("its birth has no metric \"{0}\"; names are compared letter by letter")]
    NoMetric(Arc<str>),
    /// Its values could not be told from those of another one.
    #[error("its birth gives the alias of \"{0}\" to another metric too")]
    DoubleAlias(Arc<str>),
}
