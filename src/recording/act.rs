//! The shapes of what people command, of what the agent says about itself and of machines that sources introduce.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{mould, plant::SeverityShape};
use crate::{
    alert::{
        Face,
        command::{self, Action, AlertRef, Target},
        discover,
        event::{By, DedupKey},
        plant::{MouldIx, Severity},
        signal,
    },
    clock::Wall,
};

#[derive(Serialize, Deserialize)]
#[serde(remote = "command::Command")]
pub(super) struct Command {
    #[serde(with = "ActionShape")]
    action: Action,
    #[serde(with = "ByShape")]
    by: By,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Action", rename_all = "snake_case")]
enum ActionShape {
    Acknowledge {
        #[serde(with = "AlertRefShape")]
        alert: AlertRef,
        note: Option<Arc<str>>,
    },
    Shelve {
        #[serde(with = "TargetShape")]
        target: Target,
        duration: Duration,
        reason: Arc<str>,
    },
    Unshelve {
        #[serde(with = "TargetShape")]
        target: Target,
    },
    Close {
        #[serde(with = "AlertRefShape")]
        alert: AlertRef,
        why: Arc<str>,
    },
    Forget {
        machine: Arc<str>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "AlertRef", rename_all = "snake_case")]
enum AlertRefShape {
    Number(u64),
    Key {
        #[serde(with = "key")]
        dedup_key: DedupKey,
        #[serde(with = "wall")]
        seen: Wall,
    },
    Watch {
        machine: Arc<str>,
        rule: Arc<str>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Target", rename_all = "snake_case")]
enum TargetShape {
    Alert(u64),
    Watch { machine: Arc<str>, rule: Arc<str> },
    Machine(Arc<str>),
    Site,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "By")]
struct ByShape {
    name: Arc<str>,
    claimed: bool,
    via: Arc<str>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "discover::Introduction")]
pub(super) struct Introduction {
    #[serde(
        default,
        with = "mould::index",
        skip_serializing_if = "Option::is_none"
    )]
    mould: Option<MouldIx>,
    id: Arc<str>,
    name: Arc<str>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "signal::Signal")]
pub(super) struct Signal {
    rule: Arc<str>,
    subject: Arc<str>,
    #[serde(with = "severity")]
    severity: Option<Severity>,
    #[serde(with = "FaceShape")]
    face: Face,
    remind: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Face")]
struct FaceShape {
    machine: Arc<str>,
    machine_name: Arc<str>,
    class: Option<Arc<str>>,
    labels: BTreeMap<Arc<str>, Arc<str>>,
    message: Arc<str>,
    action: Arc<str>,
}

mod severity {
    use serde::{Deserializer, Serializer};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "SeverityShape")] Severity);

    pub(super) fn serialize<S: Serializer>(
        severity: &Option<Severity>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        severity.map(One).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Severity>, D::Error> {
        Ok(Option::<One>::deserialize(from)?.map(|One(severity)| severity))
    }
}

mod key {
    use serde::{Deserializer, Serializer, de::Error};

    use super::*;

    pub(super) fn serialize<S: Serializer>(key: &DedupKey, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(key)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DedupKey, D::Error> {
        let text = String::deserialize(from)?;
        DedupKey::from_hex(&text).ok_or_else(|| D::Error::custom("no dedup_key"))
    }
}

pub(super) mod wall {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(in crate::recording) fn serialize<S: Serializer>(
        wall: &Wall,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_i64(wall.as_millis())
    }

    pub(in crate::recording) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Wall, D::Error> {
        i64::deserialize(from).map(Wall::from_millis)
    }
}
