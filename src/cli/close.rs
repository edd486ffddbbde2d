//! `andon close A-1042 --why ..`: a person ends what no measurement ended.

use super::{
    ack::done,
    client::Client,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::api::wire::Close;

/// Which alert, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A-1042, or mill-1/spindle-overtemp
    alert: String,
    /// Why it is over
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
    let body = Close {
        why: args.why,
        by: args.by,
    };
    let path = ["alerts", &args.alert, "close"];
    done(&client.post(&path, &body).await?, "done", terminal)
}
