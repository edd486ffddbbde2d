//! `andon ack A-1042`: somebody takes an alert.

use super::{
    client::Client,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::api::{view::Obeyed, wire::Acknowledge};

/// Which alert, and who says so.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A-1042, or mill-1/spindle-overtemp
    alert: String,
    /// A note for the others
    #[arg(long)]
    note: Option<String>,
    /// Your name, if it is not the user's
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

pub(super) async fn run(
    args: Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let body = Acknowledge {
        note: args.note,
        by: args.by,
    };
    let path = ["alerts", &args.alert, "acknowledge"];
    done(&client.post(&path, &body).await?, "done", terminal)
}

/// Says what a command did, or `otherwise` if no alert was touched by it.
pub(super) fn done(
    obeyed: &Obeyed,
    otherwise: &str,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    if obeyed.lines.is_empty() {
        terminal.foreign(otherwise)?;
    }
    for line in &obeyed.lines {
        terminal.foreign(line)?;
    }
    Ok(Exit::Fine)
}
