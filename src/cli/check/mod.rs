//! `andon check`: every mistake in the configuration at once. It changes nothing, and connects only with `--live`.

mod live;
mod network;
mod plan;
mod routing;

use std::{collections::BTreeSet, path::PathBuf};

use serde::Serialize;

use self::{live::Reached, network::Opening, plan::Plan};
use super::{
    CONFIG,
    exit::{Exit, Failure},
    status::count,
    table::Table,
    terminal::{Terminal, Tone},
};
use crate::config::{self, Env, Loaded, Paths, Texts, section::Problem};

/// What to check.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The main file
    #[arg(long, value_name = "PATH", default_value = CONFIG)]
    config: PathBuf,
    /// Print what results from all files, and where each line comes from
    #[arg(long)]
    show: bool,
    /// Also try to connect to every source and destination
    #[arg(long)]
    live: bool,
    /// List every connection that the configuration needs, for a firewall
    #[arg(long)]
    network: bool,
    /// List the requests that every Modbus unit will be asked in one poll
    #[arg(long)]
    plan: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What was found, for `--json`.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Whether the agent would run with it.
    fine: bool,
    problems: Vec<Found>,
    /// What is good to know and nothing to mend.
    remarks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    show: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Vec<Reached>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Vec<Opening>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Vec<Plan>>,
}

#[derive(Debug, Serialize)]
struct Found {
    file: Option<String>,
    /// Counted from 1; 0 where there are no lines.
    line: u32,
    path: String,
    message: String,
    warning: bool,
}

pub(super) async fn run(
    args: &Args,
    env: &Env,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let paths = Paths {
        main: args.config.clone(),
    };
    let loaded = config::load(&paths, env);
    let (problems, loaded) = match loaded {
        Ok(loaded) => {
            let mut warnings = loaded.warnings.clone();
            warnings.extend(routing::warnings(&loaded, terminal.now));
            (warnings, Some(loaded))
        }
        Err(problems) => (problems, None),
    };
    let live = match &loaded {
        Some(loaded) if args.live => Some(live::reach(&loaded.settings).await),
        _ => None,
    };
    let reached_all = live.iter().flatten().all(|reached| reached.error.is_none());
    let exit = match (&loaded, reached_all) {
        (None, _) => Exit::Configuration,
        (Some(_), false) => Exit::NotFine,
        (Some(_), true) => Exit::Fine,
    };
    let remarks = loaded.as_ref().map_or_else(Vec::new, routing::remarks);
    let show = loaded.as_ref().filter(|_| args.show).map(shown);
    let settings = loaded.as_ref().map(|loaded| &loaded.settings);
    let network = settings.filter(|_| args.network).map(network::needed);
    let plan = settings.filter(|_| args.plan).map(plan::of);
    if args.json {
        let report = Report {
            fine: loaded.is_some(),
            problems: problems.iter().map(found).collect(),
            remarks,
            show,
            live,
            network,
            plan,
        };
        terminal.json(&report)?;
        return Ok(exit);
    }
    for problem in &problems {
        terminal.foreign(&problem.to_string())?;
    }
    if let Some(show) = show {
        terminal.line(show.trim_end())?;
    }
    for table in live.iter().map(|live| reached(live)) {
        table.print(terminal)?;
    }
    if let (Some(network), Some(settings)) = (&network, settings) {
        network::print(network, settings, terminal)?;
    }
    if let Some(plan) = &plan {
        plan::print(plan, terminal)?;
    }
    for remark in remarks {
        terminal.foreign(&format!("remark: {remark}"))?;
    }
    verdict(&problems, loaded.as_ref(), terminal)?;
    Ok(exit)
}

fn shown(loaded: &Loaded) -> String {
    let both = |texts: &Texts| format!("{}\n{}", texts.show(), texts.show_rules());
    loaded.texts.as_ref().map(both).unwrap_or_default()
}

fn found(problem: &Problem) -> Found {
    let place = problem.place.as_ref();
    Found {
        file: place.map(|place| place.file.to_string()),
        line: place.map_or(0, |place| place.line),
        path: problem.path.clone(),
        message: problem.message.clone(),
        warning: problem.warning,
    }
}

fn reached(live: &[Reached]) -> Table {
    let mut table = Table::new(&["WHAT", "NAME", "ADDRESS", "STATE", "WHY"]);
    for one in live {
        let (state, why) = match &one.error {
            None => ("ok", ""),
            Some(error) => ("unreachable", error.as_str()),
        };
        table.row([one.what, &one.name, &one.address, state, why]);
    }
    table
}

fn verdict(
    problems: &[Problem],
    loaded: Option<&Loaded>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let warnings = problems.iter().filter(|problem| problem.warning).count();
    let mistakes = problems.len() - warnings;
    let warned = match warnings {
        0 => String::new(),
        _ => format!(", {}", count(warnings, "warning")),
    };
    let Some(loaded) = loaded else {
        let word = terminal.paint("refused", Tone::Bad);
        let mistakes = count(mistakes, "mistake");
        terminal.line(format!("{word}: {mistakes}{warned}"))?;
        return Ok(());
    };
    let settings = &loaded.settings;
    let parts = &settings.parts;
    let watches = loaded.plant.watches.iter();
    let rules: BTreeSet<&str> = watches.map(|watch| &*watch.rule.id).collect();
    let word = terminal.paint("fine", Tone::Good);
    terminal.line(format!(
        "{word}: {}, {}, {}, {}{warned}",
        count(parts.modbus.len() + parts.mqtt.len(), "source"),
        count(loaded.plant.machines.len(), "machine"),
        count(rules.len(), "rule"),
        count(parts.destinations.len(), "destination"),
    ))?;
    if rules.is_empty() {
        terminal.line("but no rule watches anything: write one into `rules/` beside this file")?;
    }
    if parts.destinations.is_empty() {
        terminal.line("but nobody is told of alerts: add a [[destination]]")?;
    }
    Ok(())
}
