//! `andon verify`: proves that the record adds up; with `--received`, that a receiver has everything.

mod received;
mod record;
mod show;

use std::path::PathBuf;

use super::{
    client::Client,
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// What to prove.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Count only what was decided in this time: 7d, 12h; everything is proven all the same
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with = "received",
        allow_hyphen_values = true
    )]
    since: Option<String>,
    /// The hash of an event as it was kept elsewhere, from a heartbeat: HASH@N
    #[arg(long, value_name = "HASH@N", conflicts_with = "received")]
    head: Option<String>,
    /// Check what a receiver stored: a file with one native body per line
    #[arg(long, value_name = "FILE")]
    received: Option<PathBuf>,
    /// In that file, what tells its destinations apart: a JSON pointer like /destination
    #[arg(long, value_name = "POINTER", requires = "received")]
    by: Option<String>,
    /// In that file, where the body is, if it is not the whole line: a JSON pointer like /body
    #[arg(long, value_name = "POINTER", requires = "received")]
    body: Option<String>,
    /// That file begins in the middle: numbers before the first of each stream are not expected
    #[arg(long, requires = "received")]
    tail: bool,
    /// As JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// As CSV, a line for each destination
    #[arg(long, conflicts_with = "received")]
    csv: bool,
}

impl Args {
    /// Whether no agent has to be asked.
    pub(super) fn needs_no_agent(&self) -> bool {
        self.received.is_some()
    }
}

/// What needs no agent.
pub(super) fn alone(args: &Args, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match &args.received {
        Some(path) => received::run(path, args, terminal),
        None => Err(Failure::usage("there is nothing to check without an agent")),
    }
}

/// Proves the record of an agent.
pub(super) async fn run(
    args: &Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let report = record::balance(args, client, terminal).await?;
    match (args.json, args.csv) {
        (true, _) => terminal.json(&report)?,
        (_, true) => show::csv(&report, terminal)?,
        _ => show::text(&report, terminal)?,
    }
    Ok(match report.fine {
        true => Exit::Fine,
        false => Exit::NotFine,
    })
}
