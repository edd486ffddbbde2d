//! The shapes of machines that were discovered and of what they are cast in.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    act::wall,
    plant::{SourceIxShape, TagIdShape, rule, tags},
};
use crate::{
    alert::plant::{Found, Mould, MouldIx, Rule, SourceIx, Standing, Tag},
    clock::Wall,
    sample::TagId,
};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Standing", rename_all = "snake_case")]
pub(super) enum StandingShape {
    Configured,
    Discovered,
    Forgotten,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Found")]
struct FoundShape {
    source: Arc<str>,
    class: Arc<str>,
    name: Arc<str>,
    #[serde(with = "wall")]
    since: Wall,
    number: u64,
    #[serde(with = "index")]
    mould: Option<MouldIx>,
    #[serde(with = "TagIdShape")]
    first_tag: TagId,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Mould")]
pub(super) struct MouldShape {
    #[serde(with = "SourceIxShape")]
    source: SourceIx,
    class: Arc<str>,
    #[serde(with = "tags")]
    tags: Vec<Tag>,
    #[serde(with = "watches")]
    watches: Vec<(Arc<Rule>, u32)>,
}

/// Which mould.
pub(super) mod index {
    use super::*;

    pub(in crate::recording) fn serialize<S: Serializer>(
        mould: &Option<MouldIx>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        mould.map(|MouldIx(at)| at).serialize(to)
    }

    pub(in crate::recording) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<MouldIx>, D::Error> {
        Ok(Option::<u32>::deserialize(from)?.map(MouldIx))
    }
}

pub(super) mod found {
    use super::*;

    #[derive(Serialize)]
    struct Lent<'a>(#[serde(with = "FoundShape")] &'a Found);
    #[derive(Deserialize)]
    struct Owned(#[serde(with = "FoundShape")] Found);

    pub(in crate::recording) fn serialize<S: Serializer>(
        found: &Option<Box<Found>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        found.as_deref().map(Lent).serialize(to)
    }

    pub(in crate::recording) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Box<Found>>, D::Error> {
        let owned = Option::<Owned>::deserialize(from)?;
        Ok(owned.map(|Owned(found)| Box::new(found)))
    }
}

mod watches {
    use super::*;

    #[derive(Serialize)]
    struct Lent<'a>(#[serde(with = "rule")] &'a Arc<Rule>, u32);
    #[derive(Deserialize)]
    struct Owned(#[serde(with = "rule")] Arc<Rule>, u32);

    pub(super) fn serialize<S: Serializer>(
        list: &[(Arc<Rule>, u32)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(|(rule, tag)| Lent(rule, *tag)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<(Arc<Rule>, u32)>, D::Error> {
        let owned = Vec::<Owned>::deserialize(from)?;
        let owned = owned.into_iter().map(|Owned(rule, tag)| (rule, tag));
        Ok(owned.collect())
    }
}
