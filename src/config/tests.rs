//! Mistakes as data: every `tests/config/<mistake>.toml`, and every directory `tests/config/<mistake>/` with an
//! `andon.toml` in it, is read, and what is said about it must be what stands in `<mistake>.err`. Then what layers, variables
//! and the last good configuration do as a whole.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::*;

/// Runs every case below `directory`; `say` gives the messages for a case. `UPDATE_EXPECT=1` writes them down instead.
pub(crate) fn every_case(directory: &str, at_least: usize, say: &dyn Fn(&Path) -> Vec<Problem>) {
    let mut cases: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= at_least, "cases are missing in {directory}");
    let mut failures = Vec::new();
    for case in cases {
        let (main, base) = if case.is_dir() {
            (case.join("andon.toml"), case.clone())
        } else {
            (case.clone(), PathBuf::from(directory))
        };
        let prefix = format!("{}/", base.display());
        let said: String = say(&main)
            .iter()
            .map(|problem| format!("{problem}\n").replace(&prefix, ""))
            .collect();
        let expected_path = case.with_extension("err");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected_path, &said).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if said.is_empty() || said != expected {
            failures.push(format!(
                "{}\nexpected:\n{expected}said:\n{said}",
                case.display()
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_mistake_is_explained_as_written_beside_it() {
    every_case("tests/config", 85, &|main| {
        let paths = Paths {
            main: main.to_owned(),
        };
        match load(&paths, &Env::default()) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        }
    });
}

struct Place(tempfile::TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self, env: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
        let paths = Paths {
            main: self.path().join("andon.toml"),
        };
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let said = |problems: Vec<Problem>| {
            let prefix = format!("{}/", self.path().display());
            problems
                .iter()
                .map(|problem| problem.to_string().replace(&prefix, ""))
                .collect()
        };
        load(&paths, &Env(env.collect())).map_err(said)
    }
}

/// What a configuration was read from.
fn texts(loaded: &Loaded) -> &Texts {
    loaded.texts.as_ref().expect("nobody let go of it")
}

const SITE: &str = "[agent]\nsite = 'plant-7'\n";
/// A machine `m` with a tag `t`, and a rule for it.
const MACHINE: &str = "[[machine]]\nid = 'm'\n[[source.modbus]]\nname = 's'\naddress = 'tcp://10.0.0.1'\nunits = [{ id = 1, machine = 'm', tags = [{ tag = 't', read = 'holding:1' }] }]\n";
const RULE: &str = "[[rule]]\nid = 'r'\nmachine = 'm'\ntag = 't'\nabove = 1\nseverity = 'info'\n";

#[test]
fn the_embedded_default_names_every_key_and_is_what_the_code_does_without_it() {
    let with_default = Place::new(&[("andon.toml", SITE)]).load(&[]).unwrap();
    let tree = file::parse(&"site".into(), SITE).unwrap();
    let problems = Problems::new();
    let (without, _) = Settings::read(
        Section::root(&tree, &problems),
        &Env::default(),
        &BTreeSet::new(),
    );
    assert_eq!(
        format!("{:?}", with_default.settings),
        format!("{without:?}")
    );
    assert!(!problems.has_errors());

    // The commented lines are keys too: with them in force it is a configuration without a mistake, and every key that any
    // room asks for is in it.
    let uncommented: String = DEFAULT
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let problems = Problems::new();
    let tree = file::parse(&"full".into(), &uncommented).unwrap();
    let trees = split(vec![tree], names::CONFIG, &problems);
    let tree = merged(&trees, names::CONFIG, &problems).unwrap();
    Settings::read(
        Section::root(&tree, &problems),
        &Env::default(),
        &BTreeSet::new(),
    );
    let known = problems.known_keys();
    let found = problems.into_sorted();
    assert!(found.iter().all(|problem| problem.warning), "{found:#?}");
    let mut mentioned = BTreeSet::new();
    mention(&tree, &mut Vec::new(), "", &mut mentioned);
    // The heartbeat is signed as a destination is, and its keys are explained there.
    let explained = |key: &&String| {
        let rest = key.strip_prefix("heartbeat.sign.");
        !rest.is_some_and(|rest| mentioned.contains(&format!("destination.*.sign.{rest}")))
    };
    let missing: Vec<_> = known.difference(&mentioned).filter(explained).collect();
    assert!(missing.is_empty(), "not in config/andon.toml: {missing:?}");
}

/// The keys of a tree in the form of [`Problems::known_keys`].
fn mention(node: &Node, path: &mut Vec<String>, shape: &str, out: &mut BTreeSet<String>) {
    use tree::Value;
    match &node.value {
        Value::Table(entries) => {
            let named = names::CONFIG
                .iter()
                .any(|kind| path.iter().eq(kind.path.iter()));
            for (key, entry) in entries {
                let dot = if shape.is_empty() { "" } else { "." };
                let shape = format!("{shape}{dot}{}", if named { "*" } else { key.as_str() });
                out.insert(shape.clone());
                path.push(key.clone());
                mention(entry, path, &shape, out);
                path.pop();
            }
        }
        Value::List(items) => {
            for item in items {
                mention(item, path, &format!("{shape}[]"), out);
            }
        }
        _ => {}
    }
}

#[test]
fn layers_win_in_the_documented_order_and_show_says_which_one_did() {
    let place = Place::new(&[
        (
            "andon.toml",
            "[agent]\nsite = 'main'\nsite_name = 'main'\ncontact = 'main'\n",
        ),
        ("conf.d/20-b.toml", "[agent]\ncontact = 'b'\n"),
        (
            "conf.d/10-a.toml",
            "[agent]\ncontact = 'a'\nsite_name = 'a'\n",
        ),
        ("conf.d/readme.txt", "not toml"),
    ]);
    let loaded = place
        .load(&[("ANDON__AGENT__SITE", "007"), ("ANDON__AGNT__SITE", "x")])
        .unwrap();
    let agent = &loaded.settings.agent;
    assert_eq!(
        (&*agent.site, &*agent.site_name, &*agent.contact),
        ("007", "a", "b")
    );
    assert_eq!(loaded.warnings.len(), 1);
    assert!(
        loaded.warnings[0]
            .to_string()
            .starts_with("ANDON__AGNT__SITE: warning:")
    );
    let shown = texts(&loaded).show();
    let line = |key: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap()
            .to_owned()
    };
    assert!(line("site =").ends_with("# ANDON__AGENT__SITE"), "{shown}");
    assert!(line("contact =").ends_with("20-b.toml:2"), "{shown}");
    assert!(line("blind_after =").contains("# default:"), "{shown}");
}

#[test]
fn what_show_prints_is_the_same_configuration_again() {
    let text = "rules = ['more']\n[agent]\nsite = 'plant-7'\n[[machine]]\nid = 'mill-1'\nlabels = { \"a b\" = 'c\"d' }\nlimits = { 'r.above' = 5.0 }\n[[source.modbus]]\nname = 'hall-2'\naddress = 'tcp://10.0.0.1'\nunits = [{ id = 1, machine = 'mill-1', tags = [{ tag = 't', read = 'holding:1' }] }]\n[[route]]\nwhen = { severity = ['info'] }\nto = ['ops']\n[[route]]\nto = ['ops']\n[[policy]]\nid = 'p'\nsteps = [{ after = '1m', to = ['ops'] }]\n[[destination]]\nname = 'ops'\ntype = 'webhook'\nurl = 'https://ops.example.com/'\n";
    let place = Place::new(&[
        ("andon.toml", text),
        ("more/x.toml", &RULE.replace("'m'", "'mill-1'")),
    ]);
    let first = place.load(&[]).unwrap();
    fs::write(place.path().join("andon.toml"), texts(&first).show()).unwrap();
    let second = place.load(&[]).unwrap();
    assert_eq!(first.plant, second.plant);
    let without_places = |loaded: &Loaded| {
        let shown = texts(loaded).show();
        let lines = shown
            .lines()
            .map(|line| line.split(" # ").next().unwrap_or("").trim_end().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(without_places(&first), without_places(&second));
    assert_eq!(second.settings.parts.routes.routes.len(), 2);
}

#[test]
fn a_float_is_no_whole_number_and_a_text_no_number_after_layering_too() {
    let place = Place::new(&[
        ("andon.toml", SITE),
        ("conf.d/a.toml", "[store]\nmemory_events = 5000.9\n"),
        ("conf.d/b.toml", "[heartbeat]\nevery = 60\n"),
    ]);
    assert_eq!(
        place.load(&[]).unwrap_err(),
        [
            "conf.d/a.toml:2: store.memory_events: must be a whole number, not a number",
            "conf.d/b.toml:2: heartbeat.every: must be a duration like \"30s\", \"15m\" or \"2h\", not a whole number",
        ]
    );
}

#[test]
fn a_mistake_that_a_later_layer_hides_is_still_a_mistake() {
    let place = Place::new(&[
        (
            "andon.toml",
            "[agent]\nsite = 'plant-7'\ntimezone = 'Mars'\n[[machine]]\nid = 'm'\nmay_be_off = 'no'\n",
        ),
        (
            "conf.d/a.toml",
            "[agent]\ntimezone = 'UTC'\n[[machine]]\nid = 'm'\noverride = true\nmay_be_off = true\n",
        ),
    ]);
    assert_eq!(
        place.load(&[]).unwrap_err(),
        [
            "andon.toml:3: agent.timezone: is \"Mars\", must be a time zone like \"Europe/Berlin\"",
            "andon.toml:6: machine.m.may_be_off: must be true or false, not a text",
        ]
    );
}

#[test]
fn an_entry_is_changed_by_override_and_removed_by_enabled_false() {
    let place = Place::new(&[
        (
            "andon.toml",
            "[agent]\nsite = 'plant-7'\n[[machine]]\nid = 'a'\nname = 'A'\nclass = 'mill'\n[[machine]]\nid = 'b'\nenabled = true\n[[machine]]\nid = 'c'\n",
        ),
        (
            "conf.d/x.toml",
            "[[machine]]\nid = 'a'\noverride = true\nname = 'AA'\n[[machine]]\nid = 'c'\noverride = true\nenabled = false\n",
        ),
    ]);
    let loaded = place.load(&[]).unwrap();
    let machines = &loaded.plant.machines;
    let seen: Vec<_> = machines
        .iter()
        .map(|config| (&*config.id, &*config.name, config.class.as_deref()))
        .collect();
    assert_eq!(seen, [("a", "AA", Some("mill")), ("b", "b", None)]);
}

#[test]
fn variables_reach_every_file_and_the_site_file_may_set_them() {
    let place = Place::new(&[
        (
            "andon.toml",
            "[vars]\nsite = 'none'\n[agent]\nsite = '${site}'\ncontact = '$${site}'\n[[machine]]\nid = '${site}-m'\n[[source.modbus]]\nname = 's'\naddress = 'tcp://10.0.0.1'\nunits = [{ id = 1, machine = '${site}-m', tags = [{ tag = 't', read = 'holding:1' }] }]\n",
        ),
        ("conf.d/site.toml", "[vars]\nsite = 'plant-9'\n"),
        (
            "rules/r.toml",
            "[[rule]]\nid = 'r'\nmachine = '${site}-m'\ntag = 't'\nabove = 1\nseverity = 'info'\nmessage = '${site} {value}'\n",
        ),
    ]);
    let loaded = place.load(&[]).unwrap();
    assert_eq!(&*loaded.settings.agent.site, "plant-9");
    assert_eq!(&*loaded.settings.agent.contact, "${site}");
    assert_eq!(&*loaded.plant.machines[0].id, "plant-9-m");
    assert_eq!(&*loaded.plant.watches[0].rule.message, "plant-9 {value}");
}

#[test]
fn rules_come_from_the_directory_beside_and_from_where_the_key_says() {
    let rule = |id: &str| RULE.replace("'r'", &format!("'{id}'"));
    let main = format!("rules = ['extra', 'one.toml', 'rules']\n{SITE}{MACHINE}");
    let place = Place::new(&[
        ("andon.toml", &main),
        ("rules/a.toml", &rule("a")),
        ("extra/b.toml", &rule("b")),
        ("one.toml", &rule("c")),
    ]);
    let ids: Vec<String> = place
        .load(&[])
        .unwrap()
        .plant
        .watches
        .iter()
        .map(|watch| watch.rule.id.to_string())
        .collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

#[test]
fn the_last_good_files_load_again_with_their_own_names_in_messages() {
    let place = Place::new(&[
        ("andon.toml", &format!("{SITE}{MACHINE}")),
        ("conf.d/a.toml", "[agent]\ncontact = 'x'\n"),
        ("rules/r.toml", RULE),
    ]);
    let data = tempfile::tempdir().unwrap();
    let loaded = place.load(&[]).unwrap();
    last_good::keep(data.path(), &texts(&loaded).files).unwrap();
    fs::write(place.path().join("andon.toml"), "broken").unwrap();
    assert!(place.load(&[]).is_err());
    let mut kept = last_good::take_back(data.path()).unwrap().unwrap();
    let again = load_set(kept.clone(), &Env::default()).unwrap();
    assert_eq!(format!("{again:?}"), format!("{loaded:?}"));
    kept.files[0].text = "[agent]\nsite = 5\n".to_owned();
    let problems = load_set(kept, &Env::default()).unwrap_err();
    let main = place.path().join("andon.toml").display().to_string();
    assert_eq!(
        problems[0].to_string(),
        format!(
            "{main}:2: agent.site: must be an id: 1 to 64 of a-z, 0-9, `.`, `_` and `-`, the first a letter or digit, not a whole number"
        )
    );
}

#[test]
fn a_file_in_a_value_lies_beside_the_file_that_names_it() {
    let here = "ca = 'ca.pem'\n";
    let place = Place::new(&[
        (
            "andon.toml",
            &format!(
                "{SITE}{MACHINE}[[destination]]\nname = 'ops'\ntype = 'webhook'\nurl = 'https://ops.example.com/'\n{here}"
            ),
        ),
        (
            "conf.d/a.toml",
            &format!(
                "[[source.mqtt]]\nname = 'b'\nurl = 'mqtts://b'\n{here}user = 'u'\npassword = {{ file = 'pw' }}\nsubscribe = [{{ topic = 'a', machine = 'm', payload = 'number', stale_after = '1s', tag = 'u' }}]\n"
            ),
        ),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("conf.d/ca.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("conf.d/pw", "secret"),
    ]);
    fs::set_permissions(
        place.path().join("conf.d/pw"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    let loaded = place.load(&[]).unwrap();
    assert_eq!(loaded.warnings, []);
    let parts = &loaded.settings.parts;
    let of_destination = parts.destinations[0].access().unwrap().ca.clone();
    assert_eq!(of_destination, Some(place.path().join("ca.pem")));
    assert_eq!(
        parts.mqtt[0].broker.ca,
        Some(place.path().join("conf.d/ca.pem"))
    );
}

#[test]
fn a_destination_is_called_as_often_as_all_are_unless_it_says_so() {
    let of = |more: &str| {
        let text = format!(
            "{SITE}[alerts]\nnotify_at_most_every = '1m'\n[[destination]]\nname = 'ops'\ntype = 'webhook'\nurl = 'https://ops.example.com/'\n{more}"
        );
        let loaded = Place::new(&[("andon.toml", &text)]).load(&[]).unwrap();
        loaded.settings.parts.destinations[0]
            .terms
            .call_every
            .as_secs()
    };
    assert_eq!((of(""), of("call_every = '9s'\n")), (60, 9));
}

#[test]
fn a_secret_is_shown_as_stars_wherever_it_stands() {
    let text = "[agent]\nsite = 'plant-7'\npage_url = 'https://me:canary@host/x'\n[[destination]]\nname = 'ops'\ntype = 'webhook'\nurl = 'https://host.example.com/x'\nheaders = { Authorization = 'canary' }\nsign = { scheme = 'standard-webhooks', secrets = ['Y2FuYXJ5', { file = 'kept.key' }] }\n[[source.mqtt]]\nname = 's'\nurl = 'mqtt://b'\nuser = 'me'\npassword = 'canary'\nsubscribe = [{ topic = 'a', machine = 'm', payload = 'number', stale_after = '1s', tag = 't' }]\n[[machine]]\nid = 'm'\n";
    let loaded = Place::new(&[("andon.toml", text)]).load(&[]).unwrap();
    let shown = texts(&loaded).show();
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains("Y2FuYXJ5"), "{shown}");
    assert!(shown.contains("https://me:***@host/x"), "{shown}");
    assert!(shown.contains("{ file = \"kept.key\" }"), "{shown}");
}

#[test]
fn a_secret_that_others_can_read_is_a_warning_and_refuses_nothing() {
    let place = Place::new(&[
        ("andon.toml", "[x]\npassword = { file = 'pw' }\n"),
        ("pw", "canary"),
    ]);
    fs::set_permissions(place.path().join("pw"), fs::Permissions::from_mode(0o644)).unwrap();
    let main = place.path().join("andon.toml");
    let tree = file::parse(
        &main.to_string_lossy().into(),
        &fs::read_to_string(&main).unwrap(),
    )
    .unwrap();
    let problems = Problems::new();
    let root = Section::root(&tree, &problems);
    let section = root.table("x").unwrap();
    assert!(section.required::<Secret>("password").is_some());
    assert!(problems.secret_paths().contains("x.password"));
    assert!(!problems.has_errors());
    let found = problems.into_sorted();
    assert!(found[0].message.contains("chmod 600"), "{found:?}");
    assert!(!found[0].message.contains("canary"), "{found:?}");
}

#[test]
fn the_socket_lies_in_the_runtime_directory_if_systemd_made_one() {
    let place = Place::new(&[(
        "andon.toml",
        "[agent]\nsite = 'plant-7'\ndata_dir = '/data'\n",
    )]);
    let socket = |env| place.load(env).unwrap().settings.agent.socket;
    assert_eq!(socket(&[]), Path::new("/data/andon.sock"));
    let env = [("RUNTIME_DIRECTORY", "/run/andon")];
    assert_eq!(socket(&env), Path::new("/run/andon/andon.sock"));
}

#[test]
fn the_last_good_configuration_is_looked_for_wherever_it_can_be_known() {
    let place = Place::new(&[
        (
            "andon.toml",
            "[vars]\ndisk = '/mnt/ssd'\n[agent]\nsite = 'plant-7'\ndata_dir = '${disk}/andon'\n",
        ),
        ("conf.d/site.toml", "[agent]\ntimezone = 'Mars'\n"),
    ]);
    let dirs = |env: &[(&str, &str)]| {
        let paths = Paths {
            main: place.path().join("andon.toml"),
        };
        let env = env.iter();
        let env = env.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let dirs = data_dirs(&paths, &Env(env.collect())).into_iter();
        dirs.map(|dir| dir.display().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(dirs(&[]), ["/mnt/ssd/andon"]);
    // Without the main file a later layer may still say it, and else systemd does.
    fs::remove_file(place.path().join("andon.toml")).unwrap();
    let systemd = [("STATE_DIRECTORY", "/srv/andon:/srv/other")];
    assert_eq!(dirs(&systemd), ["/srv/andon", "/var/lib/andon"]);
    assert_eq!(
        dirs(&[("STATE_DIRECTORY", "/var/lib/andon")]),
        ["/var/lib/andon"]
    );
    assert_eq!(dirs(&[("ANDON__AGENT__DATA_DIR", "/data")]), ["/data"]);
    let site = place.path().join("conf.d/site.toml");
    fs::write(site, "[agent]\ndata_dir = '/data'\n").unwrap();
    assert_eq!(dirs(&systemd), ["/data"]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(at in 0usize..2000, cut in 0usize..20, put in "[a-z\\[\\]{}=\"'$\\\\.,\\-0-9°\n ]{0,6}") {
        let text = "rules = ['x']\n[vars]\na = 'b'\n[agent]\nsite = 'p-${a}'\n[[machine]]\nid = 'm'\nclass = 'c'\nlimits = { 'r.hi' = 5 }\n[[source.modbus]]\nname = 's'\naddress = 'tcp://a:1'\nunits = [{ id = 1, machine = 'm', profile = 'p' }]\n[[profile]]\nid = 'p'\ntags = [{ tag = 't', read = 'holding:1' }]\n[[source.mqtt]]\nname = 'q'\nurl = 'mqtt://b'\nsubscribe = [{ topic = 'x/{machine}', payload = 'json', stale_after = '9s', tags = [{ tag = 'u', path = '/u' }] }]\n[[destination]]\nname = 'd'\ntype = 'webhook'\nurl = 'https://a.b/'\n[[route]]\nwhen = { rule = ['r'] }\nto = ['d']\n[[policy]]\nid = 'q'\nwhen = { severity = ['info'], label = { a = ['b'] } }\nsteps = [{ after = '1m', to = ['d'] }]\n[[rule]]\nid = 'r'\nmachine = 'm'\ntag = 't'\nmessage = 'x {value}'\nlevels = [{ name = 'hi', above = 1, severity = 'info' }, { name = 'x', outside = [1, 2], severity = 'error' }]\n";
        let chars: Vec<char> = text.chars().collect();
        let at = at.min(chars.len());
        let end = (at + cut).min(chars.len());
        let changed: String = chars[..at].iter().chain(put.chars().collect::<Vec<_>>().iter()).chain(&chars[end..]).collect();
        for role in [Role::Config, Role::Rules] {
            let files = vec![files::ConfigFile { path: "a.toml".into(), role, text: changed.clone() }];
            match load_set(FileSet { files }, &Env::default()) {
                Ok(loaded) => { texts(&loaded).show(); texts(&loaded).show_rules(); }
                Err(problems) => assert!(!problems.is_empty()),
            }
        }
    }
}
