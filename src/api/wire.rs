//! What callers send, and how they are told that something failed. These are wire shapes: fields only get added.

use serde::{Deserialize, Serialize};

/// `POST /v1/alerts/{alert}/acknowledge`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// For the others.
    #[serde(default)]
    pub note: Option<String>,
    /// Who says so, if not the user of the socket; recorded as claimed.
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/alerts/{alert}/close`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Why it is over although it was not measured.
    pub why: String,
    /// Who says so, if not the user of the socket; recorded as claimed.
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/shelve`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shelve {
    /// `A-1042`, `mill-1`, `mill-1/spindle-overtemp` or `site`.
    pub target: String,
    /// For how long: `"2h"`.
    #[serde(rename = "for")]
    pub duration: String,
    /// Why, for the next shift.
    pub why: String,
    /// Who says so, if not the user of the socket; recorded as claimed.
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/unshelve`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unshelve {
    /// What was shelved.
    pub target: String,
    /// Who says so, if not the user of the socket; recorded as claimed.
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/machines/{machine}/forget`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forget {
    /// Who says so, if not the user of the socket; recorded as claimed.
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/outbox/{id}/drop`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// Why, for the record.
    pub why: String,
}

/// The answer to what could not be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// One sentence.
    pub error: String,
    /// The mistakes of a configuration that was refused, one each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}
