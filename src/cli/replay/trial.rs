//! `andon replay FILE --config PATH`: the samples of a recording, judged by rules that never ran: yesterday's data before a rule is armed.

use std::path::Path;

use serde::Serialize;

use super::{lines, missing, nothing, table};
use crate::{
    cli::{
        exit::{Exit, Failure},
        status::count,
        terminal::Terminal,
    },
    config::{self, Env, Paths},
    destination::text::lasting,
    recording::{line::Gap, told::Told, trial::Trial},
};

/// So many tags are named.
const NAMED: usize = 10;

/// What a trial came to, as JSON.
#[derive(Debug, Serialize)]
struct Report<'r> {
    events: &'r [Told],
    samples: u64,
    seconds: f64,
    /// Tags of the recording that the configuration does not have.
    unknown: Vec<&'r str>,
    gap: Option<Gap>,
}

pub(super) fn run(
    file: &Path,
    config: &Path,
    json: bool,
    env: &Env,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let paths = Paths {
        main: config.to_owned(),
    };
    let loaded = config::load(&paths, env).map_err(|problems| {
        let mistakes = problems.iter().filter(|problem| !problem.warning);
        let mistakes: Vec<String> = mistakes.map(ToString::to_string).collect();
        Failure::said(mistakes.join("\n"), Exit::Configuration)
    })?;
    let mut trial: Option<Trial> = None;
    let mut events = Vec::new();
    lines(file, |number, line| {
        match &mut trial {
            None => trial = Some(Trial::begin(line, loaded.plant.clone())?),
            Some(trial) => events.extend(trial.play(number, line)?),
        }
        Ok(())
    })?;
    let trial = trial.ok_or_else(|| nothing(file))?;
    let took = trial.until.since(trial.began);
    if json {
        terminal.json(&Report {
            events: &events,
            samples: trial.samples,
            seconds: took.as_secs_f64(),
            unknown: trial.unknown.iter().map(String::as_str).collect(),
            gap: trial.gap,
        })?;
        return Ok(Exit::Fine);
    }
    table(&events, terminal)?;
    let samples = usize::try_from(trial.samples).unwrap_or(usize::MAX);
    terminal.line(format!(
        "{} over {}, judged by {}: {}",
        count(samples, "sample"),
        lasting(took),
        config.display(),
        count(events.len(), "event")
    ))?;
    if !trial.unknown.is_empty() {
        let named: Vec<&str> = trial
            .unknown
            .iter()
            .map(String::as_str)
            .take(NAMED)
            .collect();
        let more = match trial.unknown.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        terminal.foreign(&format!(
            "not in this configuration, so not judged: {}{more}",
            named.join(", ")
        ))?;
    }
    if let Some(gap) = &trial.gap {
        missing(gap, terminal)?;
    }
    Ok(Exit::Fine)
}
