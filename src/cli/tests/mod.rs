//! Every verb, as somebody types it: against a scripted agent behind a real socket, or against real files.

mod check;
mod init;
mod recording;
mod restore;
mod routes;
mod talk;
mod verify;

use std::path::Path;

use clap::Parser as _;
use jiff::tz::TimeZone;

use super::{
    Cli, Verb,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{api::tests::Fake, clock::Wall, config::Env};

/// What came of a command line: its exit code, what it wrote, and what it complained about.
#[derive(Debug, PartialEq)]
struct Said {
    exit: Exit,
    out: String,
    error: String,
}

impl Said {
    fn of(ended: Result<Exit, Failure>, out: Vec<u8>) -> Self {
        let (exit, error) = match ended {
            Ok(exit) => (exit, String::new()),
            Err(failure) => (failure.exit(), failure.to_string()),
        };
        Self {
            exit,
            out: String::from_utf8(out).unwrap(),
            error,
        }
    }

    /// What it wrote, if it ended like this.
    #[track_caller]
    fn ended(self, exit: Exit) -> String {
        assert_eq!(self.exit, exit, "{self:?}");
        self.out
    }
}

/// Ten minutes and a bit after the times of [`crate::api::tests`].
fn terminal<'t>(out: &'t mut Vec<u8>, input: &'t mut &[u8]) -> Terminal<'t> {
    Terminal {
        out,
        input,
        interactive: true,
        colour: false,
        now: Wall::from_millis(1_775_298_605_120),
        zone: TimeZone::UTC,
    }
}

/// A verb that talks to an agent.
async fn talk(socket: &Path, args: &[&str]) -> Said {
    let cli = Cli::try_parse_from([&["andon"], args].concat()).unwrap();
    let Verb::Talk(verb) = cli.verb else {
        panic!("{args:?} needs no agent");
    };
    let (mut out, mut input) = (Vec::new(), &b""[..]);
    let ended = super::talk(verb, socket, &mut terminal(&mut out, &mut input)).await;
    Said::of(ended, out)
}

/// The same with the usual agent.
async fn ask(args: &[&str]) -> Said {
    let fake = Fake::start();
    talk(&fake.socket, args).await
}

/// A verb that needs none.
fn alone(args: &[&str], input: &str) -> Said {
    let cli = Cli::try_parse_from([&["andon"], args].concat()).unwrap();
    let (mut out, mut input) = (Vec::new(), input.as_bytes());
    let env = Env::default();
    let ended = super::dispatch(cli, &env, &mut terminal(&mut out, &mut input));
    Said::of(ended, out)
}

#[test]
fn the_command_line_is_sound_and_mistakes_in_it_are_usage() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
    for bad in [
        &["andon"][..],
        &["andon", "nothing"],
        &["andon", "ack"],
        &["andon", "close", "A-1"],
        &["andon", "shelve", "mill-1", "--for", "2h"],
        &["andon", "demo", "--for", "soon"],
        &["andon", "outbox", "drop", "seven", "--why", "x"],
    ] {
        let error = Cli::try_parse_from(bad).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{bad:?}");
    }
}

#[test]
fn run_without_a_configuration_names_init_and_demo() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("andon.toml");
    let config = config.to_str().unwrap();
    for args in [
        &["run", "--config", config][..],
        &["run", "--strict", "--config", config],
    ] {
        let said = alone(args, "");
        assert_eq!(said.exit, Exit::Configuration);
        for word in [config, "andon init", "andon demo"] {
            assert!(said.error.contains(word), "{}", said.error);
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure_of_ours() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("andon.toml");
    std::fs::write(&config, "[agent]\nsite = 'a'\n").unwrap();
    let cli = ["andon", "check", "--config", config.to_str().unwrap()];
    let cli = Cli::try_parse_from(cli).unwrap();
    let (mut out, mut input) = (Vec::new(), &b""[..]);
    let mut terminal = Terminal {
        out: &mut Closed,
        ..terminal(&mut out, &mut input)
    };
    let failure = super::dispatch(cli, &Env::default(), &mut terminal).unwrap_err();
    assert!(failure.is_broken_pipe(), "{failure}");
}
