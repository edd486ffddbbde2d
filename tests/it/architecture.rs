//! The house rules, checked on the sources themselves: who may use whom, where a protocol crate or a clock may appear, how
//! long a file may be. They are read as text, so a rule holds for every target and feature.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a room may use of the others; `room::part` is that part only. A room that is not here may use everything.
const ARROWS: [(&str, &str); 13] = [
    ("clock", ""),
    // A proof must not lean on what it proves.
    ("verify", ""),
    ("sample", "clock alert::plant"),
    ("alert", "clock sample"),
    ("link", "clock config::section config::tree config::secret"),
    // A source reads its own configuration, with the profiles that it shares.
    (
        "source",
        "clock sample link config::section config::tree config::secret config::Secret config::values config::machine",
    ),
    (
        "destination",
        "clock sample alert::event alert::plant config::section config::tree config::secret config::Secret config::values",
    ),
    (
        "store",
        "clock verify::chain verify::rows alert::event alert::plant alert::state destination::notice delivery::schedule",
    ),
    // What it has to say about a destination is an input of the core: a signal.
    (
        "delivery",
        "clock store link destination alert::event alert::plant alert::signal alert::BLIND_RULE config::section config::tree config::values config::when config::secret",
    ),
    // It is the core from outside: its inputs, its state, its events.
    ("recording", "alert clock sample"),
    ("rules", "clock sample source config alert::plant"),
    (
        "config",
        "clock sample source destination delivery health rules alert::plant alert::BLIND_RULE",
    ),
    // The state is looked at through views and changed by commands, never in the engine.
    (
        "api",
        "clock verify::rows sample config store delivery recording::reel alert::command alert::event alert::plant alert::views",
    ),
];

/// Crates that speak a protocol, and the only places that may know them. Their traps are tested there.
const PROTOCOLS: [(&str, &[&str]); 6] = [
    ("tokio_modbus", &["src/source/modbus", "src/demo"]),
    ("rumqttc", &["src/link/mqtt"]),
    ("rusqlite", &["src/store"]),
    ("reqwest", &["src/link/http"]),
    ("lettre", &["src/link/smtp"]),
    ("prost", &["src/source/mqtt/sparkplug"]),
];

/// Only the clock reads clocks: everywhere else time is an argument.
const CLOCK_READS: [&str; 5] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "clock_gettime",
];

/// The core is pure: no waiting, no threads, no files, no logs, no wire.
const NOT_IN_THE_CORE: [&str; 13] = [
    "async",
    "await",
    "tokio",
    "tracing",
    "SystemTime",
    "Instant",
    "std::fs",
    "std::net",
    "std::io",
    "std::thread",
    "getrandom",
    "fastrand",
    "println",
];

/// What stands at the top: anything else is a scratch of somebody, which a wide `git add` would ship.
const TOP: [&str; 13] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "benches",
    "config",
    "cross.toml",
    // The layout that cargo-fuzz looks for.
    "fuzz",
    "rules",
    "src",
    "systemd",
    "target",
    "tests",
];

const MOST_LINES: usize = 400;

/// What does not belong into a product: places of the machine it was made on, hosts of package registries, and numbers of
/// a tracker that its readers do not have. Written in halves, because this file is searched too.
const FORBIDDEN: [(&str, &str); 10] = [
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("issue", " #"),
    ("py", "pi.org"),
    ("pythonhosted", ".org"),
    ("registry.npm", "js.org"),
    ("static.crates", ".io"),
    ("index.crates", ".io"),
    ("deb.deb", "ian.org"),
    ("TO", "DO"),
];

/// A source file of the product.
struct Source {
    /// `src/store/open.rs`
    path: String,
    /// As it is.
    text: String,
    /// Without comments and tests in it.
    code: String,
}

impl Source {
    fn is_test(&self) -> bool {
        let path = &self.path;
        path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/testbed/")
    }

    /// `["store", "open"]`
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_start_matches("src/");
        let mut parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        if matches!(parts.last(), Some(&"mod" | &"lib" | &"main")) {
            parts.pop();
        }
        parts
    }

    /// The modules of this crate that its code names: `["config", "section"]`.
    fn uses(&self) -> Vec<Vec<String>> {
        let module = self.module();
        let mut found = Vec::new();
        for (start, _) in self.code.match_indices("crate::") {
            if !is_word_before(&self.code, start) {
                expand(&self.code[start + "crate::".len()..], &[], &mut found);
            }
        }
        for (start, _) in self.code.match_indices("super::") {
            // The first of a chain: the others are counted with it.
            if self.code[..start].ends_with("super::") || is_word_before(&self.code, start) {
                continue;
            }
            let mut rest = &self.code[start..];
            let mut here = module.clone();
            while let Some(after) = rest.strip_prefix("super::") {
                rest = after;
                here.pop();
            }
            let here: Vec<String> = here.into_iter().map(str::to_owned).collect();
            expand(rest, &here, &mut found);
        }
        found
    }
}

#[test]
fn rooms_use_only_what_they_may() {
    let mut wrong = Vec::new();
    for source in product() {
        let module = source.module();
        let Some((room, allowed)) = ARROWS.iter().find(|(room, _)| module.first() == Some(room))
        else {
            continue;
        };
        for used in source.uses() {
            let to = used.first().map_or("", String::as_str);
            let is_fine = |allowed: &str| match allowed.split_once("::") {
                Some((room, part)) => room == to && used.get(1).is_some_and(|used| used == part),
                None => allowed == to,
            };
            if to != *room && is_room(to) && !allowed.split_whitespace().any(is_fine) {
                wrong.push(format!("{}: uses {}", source.path, used.join("::")));
            }
        }
    }
    nothing("uses of rooms that the arrows do not allow", wrong);
}

#[test]
fn a_protocol_crate_appears_in_its_place_only() {
    let mut wrong = Vec::new();
    for source in product() {
        for (name, places) in PROTOCOLS {
            let at_home = places.iter().any(|place| source.path.starts_with(place));
            if !at_home && has_word(&source.code, name) {
                wrong.push(format!("{}: {name} belongs into {places:?}", source.path));
            }
        }
    }
    nothing("protocol crates outside their place", wrong);
}

#[test]
fn only_the_clock_reads_clocks() {
    let mut wrong = Vec::new();
    for source in product() {
        for read in CLOCK_READS {
            if source.path != "src/clock.rs" && source.code.contains(read) {
                wrong.push(format!("{}: {read}", source.path));
            }
        }
    }
    nothing("clock reads outside src/clock.rs", wrong);
}

#[test]
fn the_core_is_pure() {
    let mut wrong = Vec::new();
    for source in product().filter(|source| source.module().first() == Some(&"alert")) {
        for word in NOT_IN_THE_CORE {
            if has_word(&source.code, word) {
                wrong.push(format!("{}: {word}", source.path));
            }
        }
        let may_serialise = source.module() == ["alert", "state"];
        let serialises = ["serde", "serde_json"]
            .iter()
            .any(|name| has_word(&source.code, name));
        if serialises && !may_serialise {
            wrong.push(format!("{}: serde", source.path));
        }
    }
    nothing("what must not be in src/alert", wrong);
}

#[test]
fn every_module_says_what_it_is() {
    let mute = sources().into_iter();
    let mute = mute.filter(|source| !source.text.starts_with("//! "));
    nothing(
        "files that do not begin with `//! ` and a sentence",
        mute.map(|source| source.path).collect(),
    );
}

#[test]
fn a_file_holds_one_concept() {
    let mut long = Vec::new();
    for source in product() {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            long.push(format!("{}: {lines} lines", source.path));
        }
    }
    nothing("files of more than 400 lines; split them by concept", long);
}

#[test]
fn the_top_folder_holds_only_what_belongs_there() {
    let entries = fs::read_dir(root()).expect("the folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    // What begins with a dot configures a tool.
    let strange = names.filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()));
    nothing("files that somebody has left at the top", strange.collect());
}

#[test]
fn nothing_speaks_of_the_place_it_was_made_in() {
    let root = root();
    let mut wrong = Vec::new();
    for path in files(&root, &|_| true) {
        // Cargo writes where each package came from into its lock file.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        if path.ends_with("Cargo.lock") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for (first, second) in FORBIDDEN {
                if line.contains(&format!("{first}{second}")) {
                    let path = relative(&path, &root);
                    wrong.push(format!("{path}:{}: {first}{second}", number + 1));
                }
            }
        }
    }
    nothing("words that do not belong into the product", wrong);
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    let text = "//! A.\nuse crate::{\n    alert::{event::Event, plant},\n    clock::Now,\n};\nuse super::super::link;\n// crate::store\nfn f() { crate::rules::read() }\n#[cfg(test)]\nmod tests { use crate::agent; }\n";
    let source = source("src/source/modbus/poll.rs".to_owned(), text.to_owned());
    let mut uses: Vec<String> = source.uses().iter().map(|path| path.join("::")).collect();
    uses.sort();
    assert_eq!(
        uses,
        [
            "alert::event",
            "alert::plant",
            "clock::Now",
            "rules::read",
            "source::link"
        ]
    );
    assert!(has_word("use rumqttc::Event;", "rumqttc"));
    assert!(!has_word("use my_rumqttc::Event;", "rumqttc"));
}

/// Fails with everything that was found.
fn nothing(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// The product's own code, without its tests.
fn product() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|source| !source.is_test())
}

fn sources() -> Vec<Source> {
    let root = root();
    let is_rust = |path: &Path| path.extension().is_some_and(|is| is == "rs");
    let paths = files(&root.join("src"), &is_rust).into_iter();
    let sources: Vec<Source> = paths
        .map(|path| source(relative(&path, &root), read(&path)))
        .collect();
    assert!(
        sources.len() > 10,
        "the sources are not where they are looked for"
    );
    sources
}

fn source(path: String, text: String) -> Source {
    // Tests in a file are its last part, by rustfmt's habit and ours.
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines();
    let code: Vec<&str> = lines
        .map(|line| line.find("//").map_or(line, |comment| &line[..comment]))
        .collect();
    Source {
        code: code.join("\n"),
        path,
        text,
    }
}

/// Collects the first two names of every path in a `use` tree or an expression.
fn expand(rest: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    if rest.is_empty() {
        return; // After the last comma of a list.
    }
    if let Some(inside) = rest.strip_prefix('{') {
        let mut depth = 0_usize;
        let mut start = 0;
        for (at, letter) in inside.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    expand(inside[start..at].trim(), before, found);
                    return;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(inside[start..at].trim(), before, found);
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let end = rest
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    let mut path = before.to_vec();
    if !name.is_empty() && name != "self" {
        path.push(name.to_owned());
    }
    match after.strip_prefix("::") {
        Some(after) if path.len() < 2 && !after.starts_with('<') => expand(after, &path, found),
        _ if path.is_empty() => {}
        _ => found.push(path),
    }
}

/// Whether this is a module at the top of the crate, not a type or a function of it.
fn is_room(name: &str) -> bool {
    let src = root().join("src");
    src.join(name).is_dir() || src.join(format!("{name}.rs")).is_file()
}

fn has_word(code: &str, word: &str) -> bool {
    let mut found = code.match_indices(word);
    found.any(|(start, _)| {
        let after = code[start + word.len()..].chars().next();
        let goes_on = after.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        !is_word_before(code, start) && !goes_on
    })
}

fn is_word_before(code: &str, at: usize) -> bool {
    let before = code[..at].chars().next_back();
    before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
}

/// All files below, without what is built or belongs to git.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            let name = entry.file_name();
            if entry.file_type().expect("its type").is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if name != ".git" && wanted(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
