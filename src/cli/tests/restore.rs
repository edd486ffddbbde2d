//! `restore` asks a person before anything is sent again, and nobody else.

use super::*;

const OLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/databases/v1.db");

/// What came of `restore` of a database with one pending delivery, answered like this.
fn restore(dir: &Path, args: &[&str], answers: &str, interactive: bool) -> Said {
    let config = dir.join("andon.toml");
    let data = dir.join("data");
    let text = format!("[agent]\nsite = 'a'\ndata_dir = '{}'\n", data.display());
    std::fs::write(&config, text).unwrap();
    let mut line = vec!["andon", "restore", "--config", config.to_str().unwrap()];
    line.extend(args);
    let cli = Cli::try_parse_from(line).unwrap();
    let (mut out, mut input) = (Vec::new(), answers.as_bytes());
    let mut terminal = Terminal {
        interactive,
        ..terminal(&mut out, &mut input)
    };
    let ended = crate::cli::dispatch(cli, &Env::default(), &mut terminal);
    Said::of(ended, out)
}

#[test]
fn a_person_is_asked_and_told_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let said = restore(dir.path(), &[OLD], "perhaps\nno\n", true).ended(Exit::Fine);
    assert!(said.contains("2 events, 0 open alerts\n"), "{said}");
    assert!(said.contains("pending for ops: 1, the oldest "), "{said}");
    assert_eq!(said.matches("[yes/no]").count(), 2, "{said}");
    assert!(said.contains("so that none is used twice"), "{said}");
}

#[test]
fn without_an_answer_nothing_is_restored() {
    let dir = tempfile::tempdir().unwrap();
    let said = restore(dir.path(), &[OLD], "", true);
    assert_eq!(said.error, "nothing was restored");
    let said = restore(dir.path(), &[OLD], "yes\n", false);
    assert_eq!(said.exit, Exit::Usage);
    assert!(said.error.contains("--no-resend"), "{}", said.error);
    assert!(!dir.path().join("data/andon.db").exists());
    restore(dir.path(), &[OLD, "--no-resend"], "", false).ended(Exit::Fine);
    assert!(dir.path().join("data/andon.db").exists());
}

#[test]
fn a_file_that_is_no_database_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let said = restore(dir.path(), &[file!()], "", true);
    assert!(said.error.contains("restore.rs"), "{}", said.error);
    assert!(!dir.path().join("data").exists());
}
