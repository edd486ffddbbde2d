//! `andon run`: the agent itself.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    sync::Arc,
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use super::{
    CONFIG,
    exit::{Exit, Failure},
    status::count,
};
use crate::{
    agent::{self, AgentError, Start},
    config::{self, Env, Paths, last_good},
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
    /// Record everything from the start on into this file, for `andon replay`; it must not be there yet
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// End that recording when the file would become larger
    #[arg(long, value_name = "SIZE", value_parser = super::record::bytes, default_value = "256MiB", requires = "record")]
    max_size: u64,
}

pub(super) fn run(args: &Args, env: &Env) -> Result<Exit, Failure> {
    let paths = Paths {
        main: args.config.clone(),
    };
    if !args.config.exists() && (args.strict || !has_last_good(&paths, env)) {
        return Err(nothing_to_run(&paths, env));
    }
    let record = args.record.clone().map(|path| (path, args.max_size));
    start(paths, env, args.strict, record)
}

/// Runs the agent until systemd or a person stops it.
fn start(
    paths: Paths,
    env: &Env,
    strict: bool,
    record: Option<(PathBuf, u64)>,
) -> Result<Exit, Failure> {
    log_to_stdout(&paths, env);
    // One worker: what is done with a message is short, and to wake another thread for each of its steps would cost more than all of
    // that. What takes its time, such as the disk, has threads of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::not_fine(format!("the runtime cannot start: {error}")))?;
    let start = Start {
        paths: paths.clone(),
        env: env.clone(),
        strict,
        record,
        reload: Arc::default(),
    };
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(reload_by_signal(Arc::clone(&start.reload)));
        tokio::spawn(stop_by_signal(stop.clone()));
        agent::run(start, stop).await
    });
    match ended {
        Ok(()) => Ok(Exit::Fine),
        Err(AgentError::Config(problems)) => {
            // The log has named them already, one by one.
            let count = count(
                problems.iter().filter(|problem| !problem.warning).count(),
                "mistake",
            );
            let why = match strict {
                true => "with --strict no other one runs instead",
                false => "no other one has run here before",
            };
            let text =
                format!("the configuration is refused ({count}), and {why}; mend it and try again");
            Err(Failure::said(text, Exit::Configuration))
        }
        Err(AgentError::NoConfig(_)) => Err(nothing_to_run(&paths, env)),
        Err(error) => Err(Failure::not_fine(format!(
            "{:#}",
            anyhow::Error::from(error)
        ))),
    }
}

/// SIGHUP is how daemons have always been told to read their configuration again; by default it would end this one.
async fn reload_by_signal(reload: Arc<Notify>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be heard; it ends the agent");
        return;
    };
    while hangup.recv().await.is_some() {
        tracing::info!("SIGHUP: reading the configuration again");
        reload.notify_one();
    }
}

/// SIGTERM is systemd's way, SIGINT a person's.
pub(super) async fn stop_by_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be heard; only SIGKILL stops the agent");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    stop.cancel();
}

/// The log goes to standard output, which systemd keeps with its own time stamps.
fn log_to_stdout(paths: &Paths, env: &Env) {
    let level = config::log_level(paths, env);
    let journal = env.get("JOURNAL_STREAM").is_some();
    // What libraries write in their finer levels is not ours to vouch for: it may be what they send.
    let level = LevelFilter::from(level);
    let levels = Targets::new()
        .with_default(level.min(LevelFilter::INFO))
        .with_target("andon", level);
    let log = tracing_subscriber::fmt::layer()
        .with_target(false)
        // It would say on standard error that nothing can be logged, and panic where that goes to the same full disk.
        .log_internal_errors(false)
        .with_ansi(!journal && io::stdout().is_terminal() && env.get("NO_COLOR").is_none());
    // A second subscriber in one process is a test's; the first stays.
    let log = if journal {
        log.without_time().with_filter(levels).boxed()
    } else {
        log.with_filter(levels).boxed()
    };
    let _ = tracing_subscriber::registry().with(log).try_init();
}

/// Whether a configuration ran here before, so that a vanished file does not leave the plant unwatched.
fn has_last_good(paths: &Paths, env: &Env) -> bool {
    // A damaged copy is there too; the agent says what is wrong with it.
    let mut dirs = config::data_dirs(paths, env).into_iter();
    dirs.any(|data_dir| !matches!(last_good::take_back(&data_dir), Ok(None)))
}

fn nothing_to_run(paths: &Paths, env: &Env) -> Failure {
    let main = paths.main.display();
    let dirs = config::data_dirs(paths, env);
    let dirs: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
    let dirs = dirs.join(" and ");
    Failure::said(
        format!(
            "there is no configuration: {main} does not exist, and {dirs} holds none that ran before (another data_dir is named by ANDON__AGENT__DATA_DIR)\n  andon init   writes a first one\n  andon demo   shows what andon does, without one"
        ),
        Exit::Configuration,
    )
}
