//! `andon restore`: puts a backup in the place of the database, while no agent runs.

use std::path::PathBuf;

use super::{
    CONFIG,
    backup::{failed, pending, size},
    exit::{Exit, Failure},
    status::count,
    terminal::Terminal,
};
use crate::{
    config::{self, Env, Paths},
    destination::text::harmless,
    store::put_back::Candidate,
};

/// What, where to, and what becomes of what was pending.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The backup
    file: PathBuf,
    /// The main file of the configuration, which says where the database is
    #[arg(long, value_name = "PATH", default_value = CONFIG)]
    config: PathBuf,
    /// Send again what was pending when the backup was made
    #[arg(long, conflicts_with = "no_resend")]
    resend: bool,
    /// Give it up, on record
    #[arg(long)]
    no_resend: bool,
}

pub(super) fn run(args: &Args, env: &Env, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let paths = Paths {
        main: args.config.clone(),
    };
    let dir = config::data_dir(&paths, env);
    let candidate = Candidate::prepare(&args.file, &dir).map_err(failed)?;
    let contents = &candidate.contents;
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    let written = match contents.written {
        Some(at) => {
            let at = at.to_string();
            format!("{} ({} ago)", terminal.time(&at), terminal.age(&at))
        }
        None => "at an unknown time".to_owned(),
    };
    terminal.line(format!(
        "{}: written {written}, {}, {}, {}",
        args.file.display(),
        size(contents.bytes),
        count(number(contents.events), "event"),
        count(number(contents.open), "open alert"),
    ))?;
    terminal.line(format!("agent {}", harmless(&contents.agent_id, 100)))?;
    pending(contents, terminal)?;
    let resend = match contents.owed() {
        0 => true,
        _ if args.resend => true,
        _ if args.no_resend => false,
        _ => asked(terminal)?,
    };
    let present = candidate.present.as_ref().map(|present| present.owed());
    let done = candidate.put_back(resend, terminal.now).map_err(failed)?;
    terminal.line(format!(
        "restored into {}; alert numbers go on at A-{}{}",
        dir.display(),
        done.next_number,
        match done.numbers_left_out {
            true => ", so that none is used twice",
            false => "",
        }
    ))?;
    if let Some(aside) = done.aside {
        let aside = aside.display();
        terminal.line(format!("the database that was there is now {aside}"))?;
        if present != Some(0) {
            let owed = present.map_or("What".to_owned(), |owed| {
                format!("{} deliveries, which", number(owed))
            });
            terminal.line(format!(
                "{owed} was pending in it: once the agent runs, `andon outbox import {aside}` sends it"
            ))?;
        }
    }
    terminal.line("start the agent: systemctl start andon")?;
    Ok(Exit::Fine)
}

/// Asks a person; nobody else is asked.
fn asked(terminal: &mut Terminal<'_>) -> Result<bool, Failure> {
    const QUESTION: &str = "Send what was pending again? What was delivered since arrives a second time, under the same event ids. [yes/no] ";
    if !terminal.interactive {
        return Err(Failure::usage(
            "deliveries are pending in the backup: say --resend to send them again, or --no-resend to give them up",
        ));
    }
    for _ in 0..3 {
        write!(terminal.out, "{QUESTION}")?;
        terminal.out.flush()?;
        let mut line = String::new();
        terminal.input.read_line(&mut line)?;
        match line.trim().to_lowercase().as_str() {
            "yes" | "y" => return Ok(true),
            "no" | "n" => return Ok(false),
            _ => {}
        }
    }
    Err(Failure::not_fine("nothing was restored"))
}
