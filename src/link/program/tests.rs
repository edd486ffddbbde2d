//! Real scripts, some of which misbehave.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::*;

/// Longer than any script here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn script(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("script");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    path
}

fn words(path: &Path, more: &[&str]) -> Vec<String> {
    let more = more.iter().map(|word| (*word).to_owned());
    std::iter::once(path.display().to_string())
        .chain(more)
        .collect()
}

async fn ran(text: &str, limit: Duration) -> (End, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let script = script(&folder, text);
    let environment = [("ANDON_TEXT", "hot; rm -rf /tmp/x $(id)".to_owned())];
    let folder_word = folder.path().display().to_string();
    // By way of the shell, as another thread that starts a program just now may still hold the script open for writing.
    let words = [
        words(Path::new("/bin/sh"), &[]),
        words(&script, &[&folder_word, "two words; exit 9"]),
    ]
    .concat();
    (run(&words, &environment, "told\n", limit).await, folder)
}

fn exit(code: u8, said: &str) -> End {
    End::Exit {
        code,
        said: said.to_owned(),
    }
}

fn is_alive(folder: &TempDir, file: &str) -> bool {
    let pid = fs::read_to_string(folder.path().join(file)).expect("a pid");
    // A zombie has a folder there too.
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    status.is_ok_and(|status| !status.contains(") Z "))
}

async fn until(what: &str, found: impl Fn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !found() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect(what);
}

#[tokio::test]
async fn a_program_hears_its_words_its_environment_and_its_input_and_nothing_else() {
    let text = "read told; { echo \"$told|$2|$ANDON_TEXT|$(pwd)\"; env | cut -d= -f1 | sort | tr '\\n' ' '; } > $1/out; exit 3";
    let (end, folder) = ran(text, PATIENCE).await;
    assert_eq!(end, exit(3, ""));
    let out = fs::read_to_string(folder.path().join("out")).expect("what it wrote");
    let (first, names) = out.split_once('\n').expect("two lines");
    assert_eq!(first, "told|two words; exit 9|hot; rm -rf /tmp/x $(id)|/");
    assert_eq!(names.trim(), "ANDON_TEXT PATH PWD");
}

#[tokio::test]
async fn what_it_says_is_kept_in_part_and_never_stops_it() {
    let (end, _) = ran(
        "echo first >&2; yes x | head -c 300000 >&2; exit 75",
        PATIENCE,
    )
    .await;
    let End::Exit { code: 75, said } = end else {
        panic!("{end:?}");
    };
    assert!(
        said.starts_with("first\nx\n") && said.len() <= SAID,
        "{}",
        said.len()
    );
    let (end, _) = ran("exec 0<&-; echo no >&2", PATIENCE).await;
    assert_eq!(end, exit(0, "no"));
}

#[tokio::test]
async fn at_the_limit_all_that_it_has_started_is_killed_and_nothing_is_left() {
    let text = "sleep 600 & echo $! > $1/child; echo $$ > $1/first; wait";
    let (end, folder) = ran(text, Duration::from_secs(3)).await;
    assert_eq!(
        end,
        End::Broken("killed: it did not end within 3 s".to_owned())
    );
    until("the child ends", || !is_alive(&folder, "child")).await;
    // It was waited for, so there is not even a zombie of it.
    let first = fs::read_to_string(folder.path().join("first")).expect("a pid");
    assert!(!Path::new(&format!("/proc/{}", first.trim())).exists());
}

#[tokio::test]
async fn what_is_dropped_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = script(
        &folder,
        "sleep 600 & echo $! > $1/part; mv $1/part $1/child; wait",
    );
    let folder_word = folder.path().display().to_string();
    let words = [
        words(Path::new("/bin/sh"), &[]),
        words(&script, &[&folder_word]),
    ]
    .concat();
    let running = tokio::spawn(async move { run(&words, &[], "", PATIENCE).await });
    until("it runs", || folder.path().join("child").exists()).await;
    running.abort();
    until("the child ends", || !is_alive(&folder, "child")).await;
}

#[tokio::test]
async fn what_it_leaves_behind_delays_nobody() {
    let (end, folder) = ran("sleep 600 & echo $! > $1/child; echo done >&2", PATIENCE).await;
    assert_eq!(end, exit(0, "done"));
    let pid: i32 = fs::read_to_string(folder.path().join("child"))
        .expect("a pid")
        .trim()
        .parse()
        .expect("a number");
    rustix::process::kill_process(Pid::from_raw(pid).expect("a pid"), Signal::KILL)
        .expect("it ran on");
}

#[tokio::test]
async fn a_signal_is_no_exit_and_what_is_not_there_is_not_started() {
    let (end, _) = ran("echo ouch >&2; kill -TERM $$", PATIENCE).await;
    assert_eq!(end, End::Broken("ended by signal 15: ouch".to_owned()));
    for (path, part) in [
        ("/nonexistent/siren", "there is no program"),
        ("/etc/passwd", "may not be run"),
    ] {
        let end = run(&words(Path::new(path), &[]), &[], "", PATIENCE).await;
        assert!(
            matches!(&end, End::NotStarted(why) if why.contains(part)),
            "{end:?}"
        );
    }
}
