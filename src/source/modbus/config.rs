//! Reads `[[source.modbus]]`: the units behind a link and their tags. The link itself is read by [`super::link`].
//!
//! What comes out is valid: the poller checks nothing again.

use std::{collections::BTreeSet, ops::RangeInclusive, sync::Arc, time::Duration};

use crate::{
    config::{
        machine::{self, Profiles},
        section::{Id, Section, show_duration},
    },
    source::TagSpec,
};

use super::{link::LinkSettings, plan::Limits, quirks, tag::TagConfig};

const DAY: Duration = Duration::from_secs(86_400);
const POLL: RangeInclusive<Duration> = Duration::from_millis(50)..=DAY;

/// One link and everything behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModbusConfig {
    /// The source's name: `hall-2`.
    pub name: Arc<str>,
    /// Where it leads and how.
    pub link: LinkSettings,
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
    /// What it lets itself be asked in one request.
    pub limits: Limits,
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
        quirks::of_source(section);
        let link = LinkSettings::read(section);
        let second = Duration::from_secs(1);
        let poll = section.ranged("poll", second, POLL);
        let limits = read_caps(section, Limits::default());
        let stale_range = *POLL.start()..=DAY * 7;
        let stale_after = section
            .optional::<Duration>("stale_after")
            .map(|given| section.ranged("stale_after", given, stale_range));

        let mut seen = BTreeSet::new();
        let mut units = Vec::new();
        let missing =
            "must name at least one: units = [{ id = 1, machine = \"..\", profile = \"..\" }]";
        for unit in section.list_of_some("units", missing) {
            let read = UnitConfig::read(&unit, profiles, poll, stale_after, limits);
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
        limits: Limits,
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
        quirks::of_unit(section);
        let limits = read_caps(section, limits);
        for tag in tags
            .iter()
            .filter(|tag| tag.span.count > limits.of(tag.span.kind))
        {
            let (name, takes, most) = (&tag.name, tag.span.count, limits.of(tag.span.kind));
            section.error(
                "max_registers",
                format!("is {most}, and {name} takes {takes}: it could not be read"),
            );
        }
        Some(Self {
            id: id?,
            machine: machine?.0,
            poll,
            stale_after,
            limits,
            tags,
        })
    }
}

/// What one request may ask for, of a source or of a unit; `default` where it does not say.
fn read_caps(section: &Section<'_>, default: Limits) -> Limits {
    Limits {
        max_gap: small(section, "max_gap", default.max_gap, 0..=120),
        max_registers: small(section, "max_registers", default.max_registers, 1..=125),
        max_bits: small(section, "max_bits", default.max_bits, 1..=2000),
        one_per_tag: section.get("one_request_per_tag", default.one_per_tag),
    }
}

fn small(
    section: &Section<'_>,
    key: &'static str,
    default: u16,
    range: RangeInclusive<u16>,
) -> u16 {
    let range = i64::from(*range.start())..=i64::from(*range.end());
    let read = section.ranged(key, i64::from(default), range);
    u16::try_from(read).unwrap_or(default)
}
