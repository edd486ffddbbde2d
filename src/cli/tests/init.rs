//! `andon init`: what it writes is what `check` accepts.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{Exit, Said, alone};

fn init(dir: &Path, flags: &[&str], input: &str) -> Said {
    let args = ["init", "--dir", dir.to_str().unwrap()];
    alone(&[&args, flags].concat(), input)
}

/// Both files, after `check` took them without a word.
fn written(dir: &Path) -> (String, String) {
    let main = dir.join("andon.toml");
    let said = alone(&["check", "--config", main.to_str().unwrap()], "");
    assert!(
        said.out
            .lines()
            .any(|line| line.starts_with("fine: 1 source, 1 machine, 1 rule, ")),
        "{said:?}"
    );
    // A certificate that is named and not there yet is all that may be warned of.
    let mut warnings = said.out.lines().filter(|line| line.contains("warning:"));
    assert!(
        warnings.all(|line| line.contains("broker-ca.pem")),
        "{said:?}"
    );
    let rules = dir.join("rules/first.toml");
    for path in [&main, &rules] {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
    (
        fs::read_to_string(main).unwrap(),
        fs::read_to_string(rules).unwrap(),
    )
}

#[test]
fn piped_answers_make_a_configuration_and_the_next_two_commands_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("etc");
    // A wrong answer is asked for again.
    let input = "Plant 7\nplant-7\nPlant \"7\"\nmodbus://192.168.10.21\n\nholding:100\nf32\nmill-1\nspindle_temp\n95.5\nhttps://ops.example.com/andon\n\n";
    let said = init(&dir, &[], input).ended(Exit::Fine);
    let (main, rules) = written(&dir);
    for line in [
        "site = \"plant-7\"",
        "address = \"tcp://192.168.10.21:502\"",
        "id = 1",
        "url = \"https://ops.example.com/andon\"",
    ] {
        assert!(main.lines().any(|found| found == line), "{line}\n{main}");
    }
    assert!(main.contains("{ tag = \"spindle_temp\", read = \"holding:100\", type = \"f32\" }"));
    assert!(rules.contains("above = 95.5\n"), "{rules}");
    assert!(said.contains("Its name for people [plant-7]: "), "{said}");
    assert!(
        said.contains("\"Plant 7\" must be 1 to 64 of a-z"),
        "{said}"
    );
    let config = dir.join("andon.toml");
    let next = format!(
        "  andon check --live --config {0}\n  andon run --config {0}\n",
        config.display()
    );
    assert!(said.ends_with(&next), "{said}");
}

#[test]
fn flags_answer_everything_so_that_a_script_is_asked_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("ops.key");
    fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let dir = dir.path().join("etc");
    let flags = [
        "--yes",
        "--site=plant-7",
        "--source=mqtts://broker.plant.local",
        "--topic=plant/mill-1/temperature",
        "--limit=-5",
        "--destination=http://10.0.0.9:8080/hook",
        "--secret-file",
        secret.to_str().unwrap(),
    ];
    let said = init(&dir, &flags, "").ended(Exit::Fine);
    assert!(said.starts_with("wrote "), "{said}");
    let (main, rules) = written(&dir);
    for line in [
        "url = \"mqtts://broker.plant.local:8883\"",
        "ca = \"/etc/andon/broker-ca.pem\"",
        "topic = \"plant/mill-1/temperature\"",
        "payload = \"number\"",
        "allow_http = true",
        "allow_addresses = [\"10.0.0.9/32:8080\"]",
    ] {
        assert!(main.lines().any(|found| found == line), "{line}\n{main}");
    }
    assert!(main.contains("scheme = \"standard-webhooks\""));
    assert!(rules.contains("above = -5.0\n"));
}

#[test]
fn without_a_destination_it_says_how_to_add_one() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--yes", "--site=a", "--source=tcp://10.0.0.1:1502"];
    init(dir.path(), &flags, "").ended(Exit::Fine);
    let (main, _) = written(dir.path());
    assert!(main.contains("# [[destination]]"), "{main}");
    assert!(main.contains("tcp://10.0.0.1:1502"));
}

#[test]
fn nothing_is_overwritten() {
    for name in ["andon.toml", "rules/first.toml"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        let flags = ["--yes", "--site=a", "--source=mqtt://b", "--topic=c"];
        let said = init(dir.path(), &flags, "");
        assert_eq!(said.exit, Exit::NotFine);
        assert!(said.error.contains(name), "{}", said.error);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let other = dir.path().join("andon.toml");
        assert!(name == "andon.toml" || !other.exists());
    }
}

#[test]
fn a_missing_or_senseless_answer_ends_it_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let fine = ["--site=a", "--source=tcp://h", "--yes"];
    for (flags, word) in [
        (&["--yes"][..], "--site is missing"),
        (&["--site=A B"], "--site must be"),
        (
            &["--site=a", "--source=rtu:///dev/ttyUSB0"],
            "--source must be",
        ),
        (
            &["--site=a", "--source=mqtt://u:p@h"],
            "--source has a user",
        ),
        (
            &["--site=a", "--source=mqtt://h", "--yes"],
            "--topic is missing",
        ),
        (&[&fine[..], &["--unit=300"]].concat(), "--unit must be"),
        (
            &[&fine[..], &["--register=40001"]].concat(),
            "--register must",
        ),
        (&[&fine[..], &["--limit=nan"]].concat(), "--limit must be"),
        (
            &[&fine[..], &["--destination=ops"]].concat(),
            "--destination",
        ),
        // The pipe ends before the question is answered.
        (&["--source=tcp://h"], "--site is missing"),
    ] {
        let said = init(dir.path(), flags, "");
        assert_eq!(said.exit, Exit::Usage, "{flags:?}: {said:?}");
        assert!(said.error.contains(word), "{}", said.error);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
