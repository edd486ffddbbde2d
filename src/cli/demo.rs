//! `andon demo`: a simulated machine, a receiver and a story. It needs no configuration and leaves nothing behind.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    exit::{Exit, Failure},
    run::stop_by_signal,
    terminal::Terminal,
};
use crate::{
    config::section::parse_duration,
    demo::{self, DemoError},
};

/// How long.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after this time, but not before the story was told once: 30s, 5m [default: on Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    // No log is set up: the story tells everything, and its receivers are down on purpose.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::not_fine(format!("the runtime cannot start: {error}")))?;
    let told = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_by_signal(stop.clone()));
        demo::run(args.duration, terminal.out, stop).await
    });
    match told {
        Ok(verdict) if verdict.is_success() => Ok(Exit::Fine),
        Ok(_) => Ok(Exit::NotFine),
        Err(DemoError::Output(error)) => Err(Failure::Output(error)),
        Err(error) => {
            let text = format!("{:#}", anyhow::Error::from(error));
            Err(Failure::not_fine(text))
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "must be like 30s, 5m or 1h".to_owned())
}
