//! Named quirks through the whole way of a configuration: what they set, what wins over them, and where people read of it.

use std::{fs, time::Duration};

use crate::{
    config::{Env, Loaded, Paths, load},
    source::modbus::quirks::{QUIRKS, Setting},
};

/// A source with these lines, and a unit with these keys.
fn loaded(source: &str, unit: &str) -> Result<Loaded, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("andon.toml");
    let text = format!(
        "[agent]\nsite = 'plant-7'\n[[machine]]\nid = 'm'\n[[source.modbus]]\nname = 's'\n{source}\nunits = [{{ id = 1, machine = 'm', {unit}tags = [{{ tag = 't', read = 'holding:1' }}] }}]\n"
    );
    fs::write(&main, text).unwrap();
    let told = load(&Paths { main }, &Env::default());
    told.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn shown(setting: Setting) -> String {
    match setting {
        Setting::Flag(flag) => flag.to_string(),
        Setting::Number(number) => number.to_string(),
        Setting::Text(text) => format!("\"{text}\""),
    }
}

#[test]
fn all_quirks_are_settings_that_a_source_takes_and_show_says_where_they_come_from() {
    assert!(QUIRKS.is_sorted_by_key(|quirks| quirks.name));
    for quirks in &QUIRKS {
        for address in ["tcp://10.0.0.7", "rtu:///dev/ttyS0", "rtu+tcp://a:1"] {
            let name = quirks.name;
            let source = format!("address = '{address}'\nquirks = '{name}'");
            let loaded = loaded(&source, "").unwrap();
            let shown_at = loaded.texts.as_ref().unwrap().show();
            for (key, setting) in quirks.settings {
                let line = format!("{key} = {}", shown(*setting));
                let line = shown_at.lines().find(|shown| shown.starts_with(&line));
                let line = line.unwrap_or_else(|| panic!("{name}: {key} in\n{shown_at}"));
                assert!(line.ends_with(&format!("# quirks {name}")), "{line}");
            }
        }
    }
}

#[test]
fn what_stands_beside_quirks_wins_and_units_have_some_of_their_own() {
    let huawei = "address = 'tcp://a'\nquirks = 'huawei-sun2000'";
    let link = |more: &str| {
        let loaded = loaded(&format!("{huawei}\n{more}"), "").unwrap();
        loaded.settings.parts.modbus[0].link.clone()
    };
    let (plain, other) = (link(""), link("timeout = '3s'\nconnect_pause = '0ms'"));
    let millis = Duration::from_millis;
    assert_eq!(
        (plain.timeout, plain.connect_pause, plain.request_gap),
        (millis(5000), millis(2000), millis(50))
    );
    assert_eq!(
        (other.timeout, other.connect_pause, other.request_gap),
        (millis(3000), millis(0), millis(50))
    );
    let most = |source: &str, unit: &str| {
        let loaded = loaded(&format!("address = 'tcp://a'\n{source}"), unit).unwrap();
        let limits = loaded.settings.parts.modbus[0].units[0].limits;
        (limits.max_registers, limits.max_gap)
    };
    assert_eq!(most("", "quirks = 'sinee-em500', "), (16, 16));
    assert_eq!(most("", "quirks = 'victron-gx', "), (125, 0));
    assert_eq!(most("quirks = 'omron-e5'", ""), (106, 16));
    assert_eq!(
        most("quirks = 'omron-e5'", "quirks = 'sinee-em500', "),
        (16, 16)
    );
    assert_eq!(
        most("quirks = 'omron-e5'", "max_registers = 9, max_gap = 3, "),
        (9, 3)
    );
}

#[test]
fn the_readme_names_all_quirks_and_what_they_set() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for quirks in &QUIRKS {
        let row = format!("| `{}` |", quirks.name);
        let row = readme.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("README.md has no row for {}", quirks.name));
        assert!(row.contains(quirks.why), "{row}\n{}", quirks.why);
        for (key, setting) in quirks.settings {
            let setting = format!("`{key} = {}`", shown(*setting));
            assert!(row.contains(&setting), "{row}\n{setting}");
        }
    }
}
