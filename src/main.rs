//! The `andon` binary: reads the command line and does what it says.

use std::process::ExitCode;

use andon::cli::{self, Cli};
use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
