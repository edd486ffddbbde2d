//! `andon replay FILE`: what the core decides from a recording, once more; with `--config`, what it would decide by other rules.

mod trial;

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{
    backup::failed,
    exit::{Exit, Failure},
    status::count,
    table::Table,
    terminal::Terminal,
};
use crate::{
    alert::state::SavedValue,
    config::Env,
    destination::text::lasting,
    recording::{
        line::Gap,
        replay::{Difference, Replay, ReplayError},
        told::Told,
    },
};

/// Which recording.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The recording
    file: PathBuf,
    /// End with code 1 unless everything in it is decided as it was recorded
    #[arg(long)]
    expect_same: bool,
    /// Judge its samples by the rules of this configuration instead: what would have been told
    #[arg(long, value_name = "PATH", conflicts_with = "expect_same")]
    config: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What a replay came to, as JSON.
#[derive(Debug, Serialize)]
struct Report<'r> {
    events: &'r [Told],
    inputs: u64,
    seconds: f64,
    /// Everything was played, and decided as recorded.
    same: bool,
    difference: Option<&'r Difference>,
    gap: Option<Gap>,
    /// How the recording ends; none if it broke off.
    end: Option<&'r str>,
}

pub(super) fn run(args: &Args, env: &Env, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    if let Some(config) = &args.config {
        return trial::run(&args.file, config, args.json, env, terminal);
    }
    let (replay, events) = play(&args.file)?;
    let took = replay.until.since(replay.began);
    match args.json {
        true => terminal.json(&Report {
            events: &events,
            inputs: replay.inputs,
            seconds: took.as_secs_f64(),
            same: replay.is_same(),
            difference: replay.difference.as_ref(),
            gap: replay.gap,
            end: replay.end.as_deref(),
        })?,
        false => show(&replay, &events, took, terminal)?,
    }
    Ok(match replay.is_same() || !args.expect_same {
        true => Exit::Fine,
        false => Exit::NotFine,
    })
}

fn play(path: &Path) -> Result<(Replay, Vec<Told>), Failure> {
    let mut playing: Option<Replay> = None;
    let mut events = Vec::new();
    lines(path, |number, line| {
        match &mut playing {
            None => {
                let (replay, told) = Replay::begin(line)?;
                playing = Some(replay);
                events.extend(told);
            }
            Some(replay) => events.extend(replay.play(number, line)?),
        }
        Ok(())
    })?;
    Ok((playing.ok_or_else(|| nothing(path))?, events))
}

/// Goes through the whole lines of a file: whoever wrote it may have been stopped in the middle of one.
fn lines(
    path: &Path,
    mut each: impl FnMut(u64, &str) -> Result<(), ReplayError>,
) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::not_fine(format!("{} cannot be read: {error}", path.display()))
    };
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(cannot)?);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        file.read_line(&mut line).map_err(cannot)?;
        let Some(text) = line.strip_suffix('\n') else {
            break;
        };
        each(number, text).map_err(failed)?;
    }
    Ok(())
}

fn nothing(path: &Path) -> Failure {
    Failure::not_fine(format!("{} is no recording of andon", path.display()))
}

/// What was told, or would have been.
fn table(events: &[Told], terminal: &mut Terminal<'_>) -> std::io::Result<()> {
    let mut table = Table::new(&[
        "TIME", "ALERT", "EVENT", "SEVERITY", "MACHINE", "RULE", "VALUE",
    ]);
    for event in events {
        let value = match event.value {
            Some(SavedValue::Number(number)) => number.to_string(),
            Some(SavedValue::Bool(bit)) => bit.to_string(),
            None => "-".to_owned(),
        };
        table.row([
            &terminal.time(&event.at),
            &event.alert,
            &event.kind,
            &event.severity,
            &event.machine,
            &event.rule,
            &value,
        ]);
    }
    table.print(terminal)
}

fn missing(gap: &Gap, terminal: &mut Terminal<'_>) -> std::io::Result<()> {
    terminal.line(format!(
        "from {} on {} are missing, so nothing after that was played",
        terminal.time(&gap.from.to_string()),
        count(usize::try_from(gap.inputs).unwrap_or(usize::MAX), "input")
    ))
}

fn show(
    replay: &Replay,
    events: &[Told],
    took: Duration,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    table(events, terminal)?;
    let inputs = usize::try_from(replay.inputs).unwrap_or(usize::MAX);
    terminal.line(format!(
        "{} over {}: {}",
        count(inputs, "input"),
        lasting(took),
        count(events.len(), "event")
    ))?;
    if let Some(gap) = &replay.gap {
        missing(gap, terminal)?;
    }
    match &replay.difference {
        Some(difference) => {
            let line = difference.line;
            let at = terminal.time(&difference.at);
            terminal.line(format!(
                "decided otherwise than recorded, first in line {line} at {at}:"
            ))?;
            for (who, told) in [
                ("recorded", &difference.recorded),
                ("replayed", &difference.replayed),
            ] {
                terminal.foreign(&format!("  {who}: {}", listed(told)))?;
            }
        }
        None => {
            terminal.line("everything that was played was decided as recorded, ids included")?
        }
    }
    match &replay.end {
        Some(why) => terminal.foreign(&format!("the recording ends: {why}"))?,
        None => terminal.line("the recording broke off")?,
    }
    Ok(())
}

fn listed(events: &[Told]) -> String {
    if events.is_empty() {
        return "nothing".to_owned();
    }
    let one = |event: &Told| {
        format!(
            "{} {} {}/{} ({})",
            event.alert, event.kind, event.machine, event.rule, event.id
        )
    };
    events.iter().map(one).collect::<Vec<_>>().join(", ")
}
