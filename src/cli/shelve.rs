//! `andon shelve mill-1 --for 2h --why ..`: silence for a time. What is silenced is still watched.

use super::{
    ack::done,
    client::Client,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::api::wire::Shelve;

/// What, for how long and why.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A-1042, mill-1, mill-1/spindle-overtemp or site
    target: String,
    /// How long: 30m, 2h, 1d
    #[arg(long = "for", value_name = "TIME")]
    duration: String,
    /// Why, for the next shift
    #[arg(long)]
    why: String,
    /// Your name, if it is not the user's
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

pub(super) async fn run(
    args: Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let body = Shelve {
        target: args.target,
        duration: args.duration,
        why: args.why,
        by: args.by,
    };
    let otherwise = format!("{} is silenced for {}", body.target, body.duration);
    done(
        &client.post(&["shelve"], &body).await?,
        &otherwise,
        terminal,
    )
}
