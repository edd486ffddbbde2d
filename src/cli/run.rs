//! `andon run`: the agent itself.

use std::{
    error::Error as _,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::Level;

use super::{
    CONFIG,
    exit::{Exit, Failure},
};
use crate::{
    agent::{self, AgentError, Start},
    config::{self, Env, Paths},
};

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

pub(super) fn run(args: &Args, env: &Env) -> Result<Exit, Failure> {
    let start = Start {
        paths: Paths {
            main: args.config.clone(),
        },
        env: env.clone(),
        strict: args.strict,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // A gateway has one or two cores, and the work is waiting.
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::not_fine(format!("the runtime cannot start: {error}")))?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        let told = stop_on_signals(stop.clone());
        let told =
            told.map_err(|error| Failure::not_fine(format!("signals cannot be heard: {error}")))?;
        tokio::spawn(told);
        // CALL PLACE: the agent, until it is told to stop.
        Ok::<_, Failure>(Box::pin(agent::run(start, stop)).await)
    })?;
    ended
        .map(|()| Exit::Fine)
        .map_err(|error| failure(error, &args.config))
}

/// The log goes to standard error, where systemd takes it. The agent reads the configuration itself; here only the level is
/// taken from it, because the log comes first.
pub(super) fn log(args: &Args, env: &Env) {
    let paths = Paths {
        main: args.config.clone(),
    };
    let loaded = config::load(&paths, env);
    let level = loaded.map_or(Level::INFO, |loaded| loaded.settings.log.level);
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

fn stop_on_signals(stop: CancellationToken) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    })
}

fn failure(error: AgentError, main: &Path) -> Failure {
    match error {
        AgentError::NoConfig(_) | AgentError::Config(_) if !main.exists() => nothing_to_run(main),
        AgentError::NoConfig(_) | AgentError::Config(_) => {
            // The log has each mistake already.
            let main = main.display();
            let text =
                format!("the configuration is refused; `andon check --config {main}` says why");
            Failure::said(text, Exit::Configuration)
        }
        error => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(": ");
                text.push_str(&error.to_string());
                cause = error.source();
            }
            Failure::not_fine(text)
        }
    }
}

fn nothing_to_run(path: &Path) -> Failure {
    let path = path.display();
    Failure::said(
        format!(
            "there is no configuration: {path} does not exist\n  andon init   writes a first one\n  andon demo   shows what andon does, without one"
        ),
        Exit::Configuration,
    )
}
