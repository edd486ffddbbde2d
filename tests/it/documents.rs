//! What users copy works: every configuration in README.md and config/ is accepted by `andon check`.
//!
//! A block of TOML in README.md is a main file, unless its first line is a comment that names another file of the same
//! configuration: `# conf.d/10-more.toml`, `# rules/cnc-mill.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The files of one configuration: where they belong, and what they say.
type Files = Vec<(String, String)>;

#[test]
fn the_configurations_of_the_readme_are_accepted() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let configurations = configurations(&readme);
    assert!(
        configurations.iter().any(|files| files.len() > 1),
        "README.md has no configuration with a rule"
    );
    for files in configurations {
        accepted(&files);
    }
}

#[test]
fn the_configurations_of_the_package_are_accepted() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("config")).expect("config/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|is| is == "toml") {
            let text = fs::read_to_string(&path).expect("a file");
            accepted(&vec![("andon.toml".to_owned(), text)]);
            count += 1;
        }
    }
    assert!(count > 0, "config/ has no configuration");
}

#[test]
fn blocks_belong_to_the_main_file_before_them() {
    let readme = "```toml\na = 1\n```\ntext\n```toml\n# rules/x.toml\nb = 2\n```\n```sh\nls\n```\n```toml\nc = 3\n```\n";
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    assert_eq!(
        configurations(readme),
        [
            vec![
                file("andon.toml", "a = 1\n"),
                file("rules/x.toml", "# rules/x.toml\nb = 2\n")
            ],
            vec![file("andon.toml", "c = 3\n")],
        ]
    );
}

fn configurations(readme: &str) -> Vec<Files> {
    let mut found: Vec<Files> = Vec::new();
    for block in readme.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let named = first
            .strip_prefix("# ")
            .and_then(|rest| rest.split(' ').next());
        let beside = |name: &&str| {
            name.ends_with(".toml") && (name.starts_with("rules/") || name.starts_with("conf.d/"))
        };
        match (named.filter(beside), found.last_mut()) {
            (Some(name), Some(files)) => files.push((name.to_owned(), text.to_owned())),
            _ => found.push(vec![("andon.toml".to_owned(), text.to_owned())]),
        }
    }
    found
}

fn accepted(files: &Files) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_andon"))
        .args(["check", "--config"])
        .arg(folder.path().join("andon.toml"))
        // The default configuration has no site, and an example may leave it out.
        .env("ANDON__AGENT__SITE", "plant-7")
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{files:#?}\n{said}");
    assert!(!said.is_empty(), "andon check says nothing at all");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
