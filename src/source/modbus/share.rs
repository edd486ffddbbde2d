//! Who shares requests: all tags of one unit that are read equally often, whichever machines they belong to.
//!
//! The poller asks in these shares, and `check --plan` shows what it will ask.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    config::ModbusConfig,
    plan::{Block, Limits, Span, plan},
    tag::TagConfig,
};

/// Tags that are read together.
#[derive(Clone, Debug, PartialEq)]
pub struct Share<'c> {
    /// The Modbus unit id.
    pub unit: u8,
    /// How often.
    pub poll: Duration,
    /// What the unit lets itself be asked.
    pub limits: Limits,
    /// Each with its machine.
    pub tags: Vec<(&'c Arc<str>, &'c TagConfig)>,
}

impl ModbusConfig {
    /// All shares, by unit and period.
    pub fn shares(&self) -> Vec<Share<'_>> {
        let mut limits: BTreeMap<u8, Limits> = BTreeMap::new();
        for unit in &self.units {
            let known = limits.entry(unit.id).or_insert(unit.limits);
            *known = known.and(unit.limits);
        }
        let mut shares: BTreeMap<(u8, Duration), Share<'_>> = BTreeMap::new();
        for unit in &self.units {
            let share = shares.entry((unit.id, unit.poll)).or_insert_with(|| Share {
                unit: unit.id,
                poll: unit.poll,
                limits: limits[&unit.id],
                tags: Vec::new(),
            });
            share
                .tags
                .extend(unit.tags.iter().map(|tag| (&unit.machine, tag)));
        }
        shares.into_values().collect()
    }
}

impl Share<'_> {
    /// The requests of one poll, each with the addresses that no tag wants and the tags that it serves: `mill-1/spindle_temp`.
    pub fn requests(&self) -> Vec<(Block, u32, Vec<String>)> {
        let spans: Vec<Span> = self.tags.iter().map(|(_, tag)| tag.span).collect();
        let name = |&read: &usize| {
            let (machine, tag) = self.tags[read];
            format!("{machine}/{}", tag.name)
        };
        let blocks = plan(&spans, &self.limits).into_iter();
        blocks
            .map(|block| {
                let names = block.reads.iter().map(name).collect();
                (block.clone(), block.unused(&spans), names)
            })
            .collect()
    }
}
