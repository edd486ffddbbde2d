//! `andon run`: the agent itself.

use std::path::PathBuf;

use super::{
    CONFIG,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::config::{Env, Paths, agent::DATA_DIR, last_good};

/// With which configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The main file
    #[arg(long, value_name = "PATH", default_value = CONFIG)]
    config: PathBuf,
    /// End with code 78 if the configuration is bad, instead of running the last good one
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &Args, env: &Env, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    if !args.config.exists() && (args.strict || !has_last_good(env)) {
        return Err(nothing_to_run(args));
    }
    let paths = Paths {
        main: args.config.clone(),
    };
    start(&paths, env, args.strict, terminal)
}

// CALL PLACE: `crate::agent::run`. The only line of this verb that changes once it exists.
fn start(
    _paths: &Paths,
    _env: &Env,
    _strict: bool,
    _terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    Err(Failure::not_fine("this build has no agent"))
}

/// Whether a configuration ran here before, so that a vanished file does not leave the plant unwatched.
fn has_last_good(env: &Env) -> bool {
    let data_dir = env.get("ANDON__AGENT__DATA_DIR").unwrap_or(DATA_DIR);
    // A damaged copy is there too; the agent says what is wrong with it.
    !matches!(last_good::take_back(data_dir.as_ref()), Ok(None))
}

fn nothing_to_run(args: &Args) -> Failure {
    let path = args.config.display();
    Failure::said(
        format!(
            "there is no configuration: {path} does not exist\n  andon init   writes a first one\n  andon demo   shows what andon does, without one"
        ),
        Exit::Configuration,
    )
}
