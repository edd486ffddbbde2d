//! `andon replay FILE`: what the core decides from a recording, once more. It needs no agent and no configuration.

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
    destination::text::lasting,
    recording::{
        line::Gap,
        replay::{Difference, Replay},
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

pub(super) fn run(args: &Args, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
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
    let cannot = |error: std::io::Error| {
        Failure::not_fine(format!("{} cannot be read: {error}", path.display()))
    };
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(cannot)?);
    let mut playing: Option<Replay> = None;
    let (mut events, mut line) = (Vec::new(), String::new());
    for number in 1.. {
        line.clear();
        if file.read_line(&mut line).map_err(cannot)? == 0 {
            break;
        }
        let Some(text) = line.strip_suffix('\n') else {
            // Whoever wrote it was stopped in the middle of a line.
            break;
        };
        let told = match &mut playing {
            None => {
                let (replay, told) = Replay::begin(text).map_err(failed)?;
                playing = Some(replay);
                told
            }
            Some(replay) => replay.play(number, text).map_err(failed)?,
        };
        events.extend(told);
    }
    let replay = playing
        .ok_or_else(|| Failure::not_fine(format!("{} is no recording of andon", path.display())))?;
    Ok((replay, events))
}

fn show(
    replay: &Replay,
    events: &[Told],
    took: Duration,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
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
    table.print(terminal)?;
    let inputs = usize::try_from(replay.inputs).unwrap_or(usize::MAX);
    terminal.line(format!(
        "{} over {}: {}",
        count(inputs, "input"),
        lasting(took),
        count(events.len(), "event")
    ))?;
    if let Some(gap) = replay.gap {
        terminal.line(format!(
            "from {} on {} are missing, so nothing after that was played",
            terminal.time(&gap.from.to_string()),
            count(usize::try_from(gap.inputs).unwrap_or(usize::MAX), "input")
        ))?;
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
