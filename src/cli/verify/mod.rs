//! `andon verify --received FILE`: proves that a receiver has everything.

mod received;

use std::path::PathBuf;

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// What to prove.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Check what a receiver stored: a file with one native body per line
    #[arg(long, value_name = "FILE")]
    received: PathBuf,
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
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    received::run(&args.received, args, terminal)
}
