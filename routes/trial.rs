//! `andon routes test`: who would hear of an alert, and who would not.

use serde::Serialize;

use super::{
    super::{
        exit::{Exit, Failure},
        table::Table,
        terminal::{Terminal, Tone},
    },
    question::{Args, Question},
    words::Words,
};
use crate::{
    config::Loaded,
    delivery::hearing::{Hearing, Told, Way},
};

/// What `--json` shows.
#[derive(Debug, Serialize)]
struct Report {
    severity: &'static str,
    machine: String,
    rule: Option<String>,
    category: &'static str,
    event: &'static str,
    /// RFC 3339 in UTC; none while the clock is not synchronised.
    at: Option<String>,
    told: Vec<ToldView>,
    not_told: Vec<UntoldView>,
}

#[derive(Debug, Serialize)]
struct ToldView {
    destination: String,
    after_seconds: u64,
    repeat_seconds: Option<u64>,
    /// The number of the route, if it is one and not the default.
    route: Option<u32>,
    policy: Option<String>,
    /// Counted from 1.
    step: Option<usize>,
    /// The same in words.
    by: String,
    terms: Vec<String>,
}

#[derive(Debug, Serialize)]
struct UntoldView {
    destination: String,
    why: Vec<String>,
}

pub(super) fn run(
    args: &Args,
    loaded: &Loaded,
    json: bool,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let question = Question::read(args, loaded, terminal.now)?;
    let (routes, policies) = (
        &loaded.settings.parts.routes,
        &loaded.settings.policies[..],
    );
    let words = Words {
        routes,
        policies,
        at: question.at,
    };
    let mut hearing = Hearing::of(&question.occasion(), routes, policies);
    if let Some(only) = &args.destination {
        hearing.told.retain(|told| *told.destination == **only);
        hearing.untold.retain(|untold| *untold.destination == **only);
    }
    let report = Report {
        severity: question.severity.word(),
        machine: question.machine.to_string(),
        rule: question.rule.as_deref().map(str::to_owned),
        category: question.category.word(),
        event: question.kind.word(),
        at: question.at.map(|at| at.to_string()),
        told: hearing.told.iter().map(|told| view(told, &words, loaded)).collect(),
        not_told: hearing
            .untold
            .iter()
            .map(|untold| UntoldView {
                destination: untold.destination.to_string(),
                why: match untold.why.is_empty() {
                    true => vec!["no route and no policy names it".to_owned()],
                    false => untold.why.iter().map(|why| words.why(why)).collect(),
                },
            })
            .collect(),
    };
    match json {
        true => terminal.json(&report)?,
        false => show(&report, &hearing, &question, &words, terminal)?,
    }
    Ok(match hearing.told.is_empty() {
        true => Exit::NotFine,
        false => Exit::Fine,
    })
}

fn view(told: &Told, words: &Words<'_>, loaded: &Loaded) -> ToldView {
    let mut destinations = loaded.settings.parts.destinations.iter();
    let destination = destinations.find(|one| one.name == told.destination);
    let (route, policy, step) = match told.by {
        Way::Route(index) => (Some(words.routes.routes[index].number), None, None),
        Way::Step(index, step) => {
            let id = words.policies[index].id.to_string();
            (None, Some(id), Some(step + 1))
        }
        Way::Default | Way::Everyone => (None, None, None),
    };
    ToldView {
        destination: told.destination.to_string(),
        after_seconds: told.after.as_secs(),
        repeat_seconds: told.repeat.map(|repeat| repeat.as_secs()),
        route,
        policy,
        step,
        by: words.way(told.by),
        terms: words.terms(told, destination.map(|one| &one.terms)),
    }
}

fn show(
    report: &Report,
    hearing: &Hearing,
    question: &Question,
    words: &Words<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let severity = terminal.paint(report.severity, Tone::of(report.severity));
    let rule = match &report.rule {
        Some(rule) => format!("rule {rule}"),
        None => "no rule in particular".to_owned(),
    };
    let at = match question.at {
        Some(at) => words.time(at),
        None => "while the clock is not synchronised".to_owned(),
    };
    let Report {
        category,
        machine,
        event,
        ..
    } = report;
    terminal.line(format!("{severity} {category} alert of {machine}, {rule}, {event}, {at}"))?;
    if report.told.is_empty() {
        let nobody = terminal.paint("nobody would be told", Tone::Bad);
        terminal.line(nobody)?;
    } else {
        terminal.heading("Who would be told")?;
    }
    let mut table = Table::new(&["DESTINATION", "WHEN", "THROUGH", "TERMS"]);
    for (told, view) in hearing.told.iter().zip(&report.told) {
        table.row([
            &view.destination,
            &Words::when(told),
            &view.by,
            &view.terms.join("; "),
        ]);
    }
    table.print(terminal)?;
    if !report.not_told.is_empty() {
        terminal.heading("Who would not")?;
        let mut table = Table::new(&["DESTINATION", "WHY"]);
        for untold in &report.not_told {
            table.row([&untold.destination, &untold.why.join("; ")]);
        }
        table.print(terminal)?;
    }
    Ok(())
}
