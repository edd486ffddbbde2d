//! `andon alerts`: those that are open, all of them, or one with its story.

use super::{
    client::Client,
    exit::{Exit, Failure},
    outbox,
    table::Table,
    terminal::{Terminal, Tone},
};
use crate::{
    api::{
        history::{AlertStory, EventView},
        view::AlertView,
    },
    destination::text::harmless,
};

/// Which alerts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Also those that are over, newest first
    #[arg(long, global = true)]
    all: bool,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List them; the default
    List,
    /// Show one with everything that happened to it
    Show {
        /// A-1042, or mill-1/spindle-overtemp
        alert: String,
    },
}

pub(super) async fn run(
    args: &Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    if let Some(What::Show { alert }) = &args.what {
        let story: AlertStory = client.get(&["alerts", alert], &[]).await?;
        match args.json {
            true => terminal.json(&story)?,
            false => {
                client.tell_time(terminal).await;
                show(&story, terminal)?;
            }
        }
        return Ok(Exit::Fine);
    }
    let state = if args.all { "all" } else { "open" };
    let alerts: Vec<AlertView> = client.get(&["alerts"], &[("state", state)]).await?;
    match (args.json, alerts.is_empty()) {
        (true, _) => terminal.json(&alerts)?,
        (false, true) if args.all => terminal.line("no alert yet")?,
        (false, true) => terminal.line("no open alert")?,
        (false, false) => {
            client.tell_time(terminal).await;
            table(&alerts, terminal)?;
        }
    }
    Ok(Exit::Fine)
}

/// Writes the table of alerts, in the order in which they came.
pub(super) fn table(alerts: &[AlertView], terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let heads = &[
        "ALERT", "SEVERITY", "STATE", "SINCE", "MACHINE", "RULE", "TEXT",
    ];
    let mut table = Table::new(heads);
    for alert in alerts {
        let since = terminal.age(&alert.created);
        table.row([
            &alert.number,
            &alert.severity,
            &state(alert),
            &since,
            &alert.machine,
            &alert.rule,
            &alert.text,
        ]);
    }
    table.print(terminal)?;
    Ok(())
}

fn state(alert: &AlertView) -> String {
    match alert.shelved {
        true => format!("{}, shelved", alert.state),
        false => alert.state.clone(),
    }
}

fn show(story: &AlertStory, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let alert = &story.alert;
    let severity = terminal.paint(&alert.severity, Tone::of(&alert.severity));
    let (number, state) = (&alert.number, state(alert));
    terminal.line(format!("{number} {severity} {state}"))?;
    terminal.foreign(&alert.text)?;
    let machine = format!("{} ({})", alert.machine_name, alert.machine);
    let ended = match &alert.ended {
        Some(ended) => terminal.time(ended),
        None => "-".to_owned(),
    };
    let occurrences = alert.occurrences.to_string();
    let created = terminal.time(&alert.created);
    let facts = [
        ("machine", machine.as_str()),
        ("rule", &alert.rule),
        ("level", alert.level.as_deref().unwrap_or("-")),
        ("value", alert.value.as_deref().unwrap_or("-")),
        ("limit", alert.limit.as_deref().unwrap_or("-")),
        ("triggered", &created),
        ("ended", &ended),
        ("occurrences", &occurrences),
        ("dedup_key", &alert.dedup_key),
    ];
    for (name, value) in facts {
        terminal.line(format!("  {name:<12} {}", harmless(value, 300)))?;
    }
    if !story.events.is_empty() {
        terminal.heading("What happened")?;
        events(&story.events, terminal)?;
    }
    if !story.deliveries.is_empty() {
        terminal.heading("Who was told")?;
        outbox::told(&story.deliveries, terminal)?;
    }
    Ok(())
}

fn events(events: &[EventView], terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let mut table = Table::new(&["TIME", "EVENT", "BY", "TEXT"]);
    for event in events {
        let by = match &event.by {
            Some(name) if event.claimed => format!("{name} (as typed)"),
            Some(name) => name.clone(),
            None => "-".to_owned(),
        };
        let text = match &event.note {
            Some(note) => format!("{} / {note}", event.text),
            None => event.text.clone(),
        };
        let time = terminal.time(&event.at);
        table.row([&time, &event.kind, &by, &text]);
    }
    table.print(terminal)?;
    Ok(())
}
