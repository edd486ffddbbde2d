//! `andon unshelve mill-1`: ends a silence before its time.

use super::{
    ack::done,
    client::Client,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::api::wire::Unshelve;

/// What was silenced.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A-1042, mill-1, mill-1/spindle-overtemp or site
    target: String,
    /// Your name, if it is not the user's
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

pub(super) async fn run(
    args: Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let body = Unshelve {
        target: args.target,
        by: args.by,
    };
    let otherwise = format!("{} is no longer silenced", body.target);
    done(
        &client.post(&["unshelve"], &body).await?,
        &otherwise,
        terminal,
    )
}
