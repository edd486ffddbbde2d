//! The shape of a plant: each type of the core once more, field by field, so that the compiler says when one is missing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{mould, told::is_empty};
use crate::{
    alert::plant::{
        self, Category, Condition, Found, Level, Machine, MachineIx, Mould, Plant, Policy, Rule,
        Severity, Source, SourceIx, Standing, Step, Tag, TagKind, Times, Unit, UnitIx, Watch, When,
    },
    sample::{Labels, TagId},
};

/// A plant that is shared.
pub(super) mod arc_plant {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(in crate::recording) fn serialize<S: Serializer>(
        plant: &Arc<Plant>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        PlantShape::serialize(plant, to)
    }

    pub(in crate::recording) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<Plant>, D::Error> {
        PlantShape::deserialize(from).map(Arc::new)
    }
}

/// Lists of types that have their shape here.
macro_rules! lists {
    ($($name:ident: $type:ty = $shape:literal,)*) => {$(
        pub(super) mod $name {
            use serde::{Deserializer, Serializer};

            use super::*;

            #[derive(Serialize)]
            struct Lent<'a>(#[serde(with = $shape)] &'a $type);
            #[derive(Deserialize)]
            struct Owned(#[serde(with = $shape)] $type);

            pub(in crate::recording) fn serialize<S: Serializer>(list: &[$type], to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq(list.iter().map(Lent))
            }

            pub(in crate::recording) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<$type>, D::Error> {
                let owned = Vec::<Owned>::deserialize(from)?;
                Ok(owned.into_iter().map(|Owned(one)| one).collect())
            }
        }
    )*};
}

lists! {
    machines: Machine = "MachineShape",
    sources: Source = "SourceShape",
    units: Unit = "UnitShape",
    tags: Tag = "TagShape",
    watches: Watch = "WatchShape",
    policies: Policy = "PolicyShape",
    levels: Level = "LevelShape",
    steps: Step = "StepShape",
    severities: Severity = "SeverityShape",
    categories: Category = "CategoryShape",
    moulds: Mould = "mould::MouldShape",
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Plant")]
struct PlantShape {
    site: Arc<str>,
    #[serde(with = "machines")]
    machines: Vec<Machine>,
    #[serde(with = "sources")]
    sources: Vec<Source>,
    #[serde(with = "units")]
    units: Vec<Unit>,
    #[serde(with = "tags")]
    tags: Vec<Tag>,
    #[serde(with = "watches")]
    watches: Vec<Watch>,
    #[serde(default, with = "moulds", skip_serializing_if = "is_empty")]
    moulds: Vec<Mould>,
    #[serde(with = "policies")]
    policies: Vec<Policy>,
    #[serde(with = "TimesShape")]
    times: Times,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Machine")]
struct MachineShape {
    id: Arc<str>,
    name: Arc<str>,
    class: Option<Arc<str>>,
    labels: BTreeMap<Arc<str>, Arc<str>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    captured: BTreeMap<Arc<str>, Arc<str>>,
    may_be_off: bool,
    #[serde(
        default,
        with = "mould::StandingShape",
        skip_serializing_if = "is_empty"
    )]
    standing: Standing,
    #[serde(
        default,
        with = "mould::found",
        skip_serializing_if = "Option::is_none"
    )]
    found: Option<Box<Found>>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Source")]
struct SourceShape {
    name: Arc<str>,
    address: Arc<str>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Unit")]
struct UnitShape {
    #[serde(with = "SourceIxShape")]
    source: SourceIx,
    id: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Tag")]
struct TagShape {
    #[serde(flatten, with = "kind")]
    kind: Arc<TagKind>,
    #[serde(with = "MachineIxShape")]
    machine: MachineIx,
    #[serde(with = "SourceIxShape")]
    source: SourceIx,
    #[serde(with = "modbus_unit")]
    modbus_unit: Option<UnitIx>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "TagKind")]
struct TagKindShape {
    name: Arc<str>,
    unit: Arc<str>,
    decimals: u8,
    #[serde(default, with = "labels", skip_serializing_if = "Labels::is_empty")]
    labels: Labels,
    stale_after: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Watch")]
struct WatchShape {
    #[serde(with = "rule")]
    rule: Arc<Rule>,
    #[serde(with = "MachineIxShape")]
    machine: MachineIx,
    #[serde(with = "TagIdShape")]
    tag: TagId,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Rule")]
struct RuleShape {
    id: Arc<str>,
    #[serde(with = "levels")]
    levels: Vec<Level>,
    deadband: f64,
    off_delay: Duration,
    latched: bool,
    message: Arc<str>,
    action: Arc<str>,
    runbook: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Level")]
struct LevelShape {
    name: Arc<str>,
    #[serde(with = "ConditionShape")]
    condition: Condition,
    on_delay: Duration,
    #[serde(with = "SeverityShape")]
    severity: Severity,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Condition", rename_all = "snake_case")]
enum ConditionShape {
    Above(f64),
    Below(f64),
    Outside { low: f64, high: f64 },
    Inside { low: f64, high: f64 },
    Equals(f64),
    NotEquals(f64),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Severity", rename_all = "snake_case")]
pub(super) enum SeverityShape {
    Info,
    Warning,
    Error,
    Critical,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Category", rename_all = "snake_case")]
enum CategoryShape {
    Process,
    Blind,
    Agent,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Policy")]
struct PolicyShape {
    id: Arc<str>,
    name: Arc<str>,
    #[serde(with = "WhenShape")]
    when: When,
    #[serde(with = "steps")]
    steps: Vec<Step>,
    repeat: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Step")]
struct StepShape {
    after: Duration,
    to: Vec<Arc<str>>,
    new_incident: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "When")]
struct WhenShape {
    #[serde(with = "severities")]
    severity: Vec<Severity>,
    machine: Vec<Arc<str>>,
    class: Vec<Arc<str>>,
    rule: Vec<Arc<str>>,
    #[serde(with = "categories")]
    category: Vec<Category>,
    label: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Times")]
struct TimesShape {
    reopen_within: Duration,
    blind_after: Duration,
    max_catch_up: Duration,
    max_shelve: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "MachineIx")]
struct MachineIxShape(u32);

#[derive(Serialize, Deserialize)]
#[serde(remote = "SourceIx")]
pub(super) struct SourceIxShape(u32);

#[derive(Serialize, Deserialize)]
#[serde(remote = "TagId")]
pub(super) struct TagIdShape(u32);

mod labels {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(super) fn serialize<S: Serializer>(labels: &Labels, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(labels.iter())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Labels, D::Error> {
        Vec::deserialize(from).map(Labels::new)
    }
}

mod modbus_unit {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(super) fn serialize<S: Serializer>(
        unit: &Option<UnitIx>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        unit.map(|plant::UnitIx(at)| at).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<UnitIx>, D::Error> {
        Ok(Option::<u32>::deserialize(from)?.map(UnitIx))
    }
}

/// Tags that are alike share their kind; here each has its own.
mod kind {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(super) fn serialize<S: Serializer>(kind: &Arc<TagKind>, to: S) -> Result<S::Ok, S::Error> {
        TagKindShape::serialize(kind, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<TagKind>, D::Error> {
        TagKindShape::deserialize(from).map(Arc::new)
    }
}

/// Machines of a class share their rule; here each has its own.
pub(super) mod rule {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(in crate::recording) fn serialize<S: Serializer>(
        rule: &Arc<Rule>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        RuleShape::serialize(rule, to)
    }

    pub(in crate::recording) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<Rule>, D::Error> {
        RuleShape::deserialize(from).map(Arc::new)
    }
}
