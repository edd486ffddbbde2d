//! Devices that are known to need settings of their own, by name: `quirks = "huawei-sun2000"` of a source or of one of its units.
//!
//! A table, and how it gets into a configuration: before it is read, each setting that its writer did not give is put in as if it had
//! been written, with the name of the quirks as its place. What is said of mistakes, and what `check --show` prints, follows from that.

use std::sync::Arc;

use crate::config::{
    section::Section,
    tree::{Node, Place, Value},
};

/// What one make of device needs.
#[derive(Clone, Copy, Debug)]
pub struct Quirks {
    /// How a configuration names it.
    pub name: &'static str,
    /// What it is, and why it needs this.
    pub why: &'static str,
    /// Keys of a source, and their values.
    pub settings: &'static [(&'static str, Setting)],
}

/// A value of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `true`
    Flag(bool),
    /// `106`
    Number(i64),
    /// `"2s"`
    Text(&'static str),
}

use Setting::{Flag, Number, Text};

/// All of them, by name. Each is from the maker's manual or from what users of open programs found, as the line above it says.
pub const QUIRKS: [Quirks; 10] = [
    // PCS100 AVC-20 User Manual, 10.3.4; UPS-I User Manual, 12.3.5.
    Quirks {
        name: "abb-pcs100",
        why: "power conditioners that refuse a request with an address between their parameters",
        settings: &[("max_gap", Number(0))],
    },
    // openWB/core#2890; the manual of the SDM72D-M says 60.
    Quirks {
        name: "eastron-sdm",
        why: "meters (SDM72 to SDM630): 60 or 80 registers by their manuals, and some refuse more than 50",
        settings: &[("max_registers", Number(50))],
    },
    // 0xAHA/Growatt_ModbusTCP#299 and #304.
    Quirks {
        name: "growatt-s",
        why: "older inverters (MTL-S, TL3-S) that refuse blocks and miss a request that follows quickly",
        settings: &[
            ("one_request_per_tag", Flag(true)),
            ("request_gap", Text("250ms")),
        ],
    },
    // grid-x/modbus#44, openhab/openhab-core#2926, evcc-io/evcc#31996 and #32235, wlcrs/huawei-solar-lib.
    Quirks {
        name: "huawei-sun2000",
        why: "inverters behind their dongle, which loses what is asked in its first 1 to 2 s, wants pauses, and answers late while it is busy",
        settings: &[
            ("connect_pause", Text("2s")),
            ("request_gap", Text("50ms")),
            ("timeout", Text("5s")),
        ],
    },
    // iS7 Ethernet Option Manual, Read Holding Registers; iP5A Modbus/TCP Manual, page 9.
    Quirks {
        name: "ls-ethernet",
        why: "drives of LS Electric with an Ethernet option (iS7, iP5A): 16 registers at once by the manual",
        settings: &[("max_registers", Number(16))],
    },
    // E5_C Communications Manual (H175), 4-4-1; E5CN-H Communications Manual, 5.4.
    Quirks {
        name: "omron-e5",
        why: "temperature controllers (E5_C, E5_N): 106 registers at once by the manual",
        settings: &[("max_registers", Number(106))],
    },
    // pymodbus-dev/pymodbus#2386.
    Quirks {
        name: "schneider-pm5000",
        why: "meters that refuse a request with an address that they do not use",
        settings: &[("max_gap", Number(0))],
    },
    // LMV Series Technical Instructions (LV5-100), section 8.
    Quirks {
        name: "siemens-lmv5",
        why: "burner controls: 20 registers at once by the manual",
        settings: &[("max_registers", Number(20))],
    },
    // EM500 Open-Loop Vector Control Inverter User Manual, chapter 12.
    Quirks {
        name: "sinee-em500",
        why: "drives: 16 registers at once by the manual",
        settings: &[("max_registers", Number(16))],
    },
    // victronenergy/venus#1042 and #1605.
    Quirks {
        name: "victron-gx",
        why: "gateways (GX) that refuse a request with an address that they do not use",
        settings: &[("max_gap", Number(0))],
    },
];

/// Keys that a unit has too.
const OF_A_UNIT: [&str; 4] = [
    "max_gap",
    "max_registers",
    "max_bits",
    "one_request_per_tag",
];

/// Puts the settings of quirks into all Modbus sources and units of a merged configuration, where its writer gave none.
pub fn apply(root: &mut Node) {
    for (_, source) in sources(root).into_iter().flatten() {
        put_into(source, &|_| true);
        let Some(units) = entry(source, "units") else {
            continue;
        };
        if let Value::List(units) = &mut units.value {
            for unit in units {
                put_into(unit, &|key| OF_A_UNIT.contains(&key));
            }
        }
    }
}

fn put_into(node: &mut Node, takes: &dyn Fn(&str) -> bool) {
    let Some(quirks) = of(node) else { return };
    let place = Place {
        file: Arc::from(format!("quirks {}", quirks.name)),
        line: 0,
    };
    for (key, setting) in quirks.settings.iter().filter(|(key, _)| takes(key)) {
        if node.get(key).is_none()
            && let Value::Table(entries) = &mut node.value
        {
            let value = setting.value();
            let place = place.clone();
            entries.push(((*key).to_owned(), Node { value, place }));
        }
    }
}

fn of(node: &Node) -> Option<&'static Quirks> {
    let Value::Text(name) = &node.get("quirks")?.value else {
        return None;
    };
    QUIRKS.iter().find(|quirks| quirks.name == name)
}

/// Checks the name that a source gives. The settings were put in before.
pub(super) fn of_source(section: &Section<'_>) {
    let names = QUIRKS.map(|quirks| (quirks.name, ()));
    let _ = section.word("quirks", &names);
}

/// Checks the name that a unit gives: what it sets must be the unit's own.
pub(super) fn of_unit(section: &Section<'_>) {
    of_source(section);
    let settings = of(section.node()).map_or(&[][..], |quirks| quirks.settings);
    let beyond = settings.iter().find(|(key, _)| !OF_A_UNIT.contains(key));
    if let Some((key, _)) = beyond {
        let message = format!("sets {key}, which is the source's: put the quirks there, not here");
        section.error("quirks", message);
    }
}

fn sources(root: &mut Node) -> Option<&mut Vec<(String, Node)>> {
    table(entry(entry(root, "source")?, "modbus")?)
}

fn entry<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let found = table(node)?.iter_mut().find(|(name, _)| name == key);
    found.map(|(_, node)| node)
}

fn table(node: &mut Node) -> Option<&mut Vec<(String, Node)>> {
    match &mut node.value {
        Value::Table(entries) => Some(entries),
        _ => None,
    }
}

impl Setting {
    fn value(self) -> Value {
        match self {
            Flag(flag) => Value::Bool(flag),
            Number(number) => Value::Int(number),
            Text(text) => Value::Text(text.to_owned()),
        }
    }
}
