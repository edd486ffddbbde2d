//! Reads `[[source.modbus]]`: the units behind a link and their tags. The link itself is read by [`super::link`].
//!
//! What comes out is valid: the poller checks nothing again.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{
    config::{
        machine::{self, Profiles},
        section::{Id, Section, show_duration},
    },
    source::TagSpec,
};

use super::{link::LinkSettings, tag::TagConfig};

const DAY: Duration = Duration::from_secs(86_400);
const POLL: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=DAY;

/// One link and everything behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModbusConfig {
    /// The source's name: `hall-2`.
    pub name: Arc<str>,
    /// Where it leads and how.
    pub link: LinkSettings,
    /// How many registers that no tag needs may be read to save a request, 0 to 120.
    pub max_gap: u16,
    /// At least one.
    pub units: Vec<UnitConfig>,
}

/// The tags of one machine behind one unit id. A unit that serves two machines is written twice.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitConfig {
    /// 0 to 247, or 255 for a device that has no bus behind it.
    pub id: u8,
    /// The machine's id.
    pub machine: Arc<str>,
    /// How often it is read, 50 ms to one day.
    pub poll: Duration,
    /// Without a sample for this long its tags are stale; at least one poll.
    pub stale_after: Duration,
    /// At least one.
    pub tags: Vec<TagConfig>,
}

impl ModbusConfig {
    /// Reads one source; the caller finishes its section. `machines` are the ids of all that are configured.
    ///
    /// Every mistake is reported to the section's problems; the result is only of use if there was none. `None` is given where
    /// nothing can be made of it.
    pub fn read<'a>(
        name: &str,
        section: &Section<'a>,
        profiles: &Profiles<'a>,
        machines: &BTreeSet<Arc<str>>,
    ) -> Option<Self> {
        let link = LinkSettings::read(section);
        let second = Duration::from_secs(1);
        let poll = section.ranged("poll", second, POLL);
        let max_gap = section.ranged::<i64>("max_gap", 16, 0..=120);
        let stale_range = *POLL.start()..=DAY * 7;
        let stale_after = section
            .optional::<Duration>("stale_after")
            .map(|given| section.ranged("stale_after", given, stale_range));

        let mut seen = BTreeSet::new();
        let mut units = Vec::new();
        let missing =
            "must name at least one: units = [{ id = 1, machine = \"..\", profile = \"..\" }]";
        for unit in section.list_of_some("units", missing) {
            let read = UnitConfig::read(&unit, profiles, poll, stale_after);
            if let Some(read) = &read {
                machine::check(&unit, &read.machine, machines.iter().map(AsRef::as_ref));
            }
            for tag in read.iter().flat_map(|read| &read.tags) {
                let machine = read.as_ref().map_or("", |read| &*read.machine);
                if !seen.insert((machine.to_owned(), tag.name.clone())) {
                    let tag = &tag.name;
                    unit.error("machine", format!("{machine}/{tag} is read twice by {name}; give one of them another name or remove it"));
                }
            }
            units.extend(read);
            unit.finish();
        }
        Some(Self {
            name: name.into(),
            link: link?,
            max_gap: u16::try_from(max_gap).unwrap_or_default(),
            units,
        })
    }

    /// What the source promises about its tags, for the plant.
    pub fn tags(&self) -> Vec<TagSpec> {
        let of = |unit: &UnitConfig, tag: &TagConfig| TagSpec {
            machine: unit.machine.clone(),
            tag: tag.name.clone(),
            unit: tag.unit.clone(),
            decimals: tag.decimals,
            labels: tag.decoder.labels.clone(),
            stale_after: unit.stale_after,
            modbus_unit: Some(unit.id),
        };
        self.units
            .iter()
            .flat_map(|unit| unit.tags.iter().map(move |tag| of(unit, tag)))
            .collect()
    }
}

impl UnitConfig {
    fn read<'a>(
        section: &Section<'a>,
        profiles: &Profiles<'a>,
        poll: Duration,
        stale_after: Option<Duration>,
    ) -> Option<Self> {
        let id = section.required::<i64>("id").and_then(|id| {
            let fine = u8::try_from(id).ok().filter(|id| *id <= 247 || *id == 255);
            if fine.is_none() {
                section.error(
                    "id",
                    format!(
                        "must be 0 to 247, or 255 for a device without a bus behind it, not {id}"
                    ),
                );
            }
            fine
        });
        let machine = section.required::<Id>("machine");
        let poll = section.ranged("poll", poll, POLL);
        let stale_after = stale_after.unwrap_or(poll.saturating_mul(5));
        if stale_after < poll {
            section.error("poll", format!(
                "the unit is read every {}, and its tags would be stale in between: stale_after is {}; make it at least two polls",
                show_duration(poll), show_duration(stale_after),
            ));
        }
        let before = section.problems().errors();
        let entries = profiles.tags(section);
        // A profile that there is not, or tags that are no list, were reported.
        if entries.is_empty() && section.problems().errors() == before {
            section.error(
                "tags",
                "has no tags; name a profile, or the tags of this unit",
            );
        }
        let tags = TagConfig::read_all(entries);
        Some(Self {
            id: id?,
            machine: machine?.0,
            poll,
            stale_after,
            tags,
        })
    }
}
