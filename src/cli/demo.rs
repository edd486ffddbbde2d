//! `andon demo`: a simulated machine, a receiver and a story. It needs no configuration and leaves nothing behind.

use std::time::Duration;

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::config::section::parse_duration;

/// How long.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after this time: 30s, 5m [default: when the story is told]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    start(args.duration, terminal)
}

// CALL PLACE: `crate::demo::run`. The only line of this verb that changes once it exists.
fn start(_duration: Option<Duration>, _terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    Err(Failure::not_fine("this build has no demo"))
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "must be like 30s, 5m or 1h".to_owned())
}
