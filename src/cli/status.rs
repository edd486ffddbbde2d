//! `andon status`: everything at one instant, the worst first.

use std::time::Duration;

use super::{
    alerts,
    backup::size,
    client::Client,
    exit::{Exit, Failure},
    table::Table,
    terminal::{Terminal, Tone},
};
use crate::{
    api::view::{DestinationView, MachineView, ShelfView, SourceView, StoreView, View},
    destination::text::{harmless, lasting},
};

/// What to show.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Also every tag with its last good value, that value's age, and why it is bad
    #[arg(long)]
    tags: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Ends not fine if the agent has a problem of its own. Alerts are its work, not its problem.
pub(super) async fn run(
    args: &Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let view: View = client.get(&["status"], &[]).await?;
    if args.json {
        terminal.json(&view)?;
    } else {
        // Ages are told by the agent's clock, which made the times.
        terminal.adopt(&view.timezone, &view.now);
        show(&view, args.tags, terminal)?;
    }
    Ok(match problems(&view).is_empty() {
        true => Exit::Fine,
        false => Exit::NotFine,
    })
}

fn problems(view: &View) -> Vec<&String> {
    view.problems.iter().chain(&view.config.refused).collect()
}

fn show(view: &View, tags: bool, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    head(view, terminal)?;
    for problem in problems(view) {
        let mark = terminal.paint("problem:", Tone::Bad);
        terminal.line(format!("{mark} {}", harmless(problem, 2000)))?;
    }
    if !view.alerts.is_empty() {
        terminal.heading("Open alerts")?;
        alerts::table(&view.alerts, terminal)?;
    }
    if !view.shelves.is_empty() {
        terminal.heading("Silenced")?;
        shelves(&view.shelves).print(terminal)?;
    }
    if !view.sources.is_empty() {
        terminal.heading("Sources")?;
        sources(&view.sources).print(terminal)?;
        for source in &view.sources {
            troubles(source, terminal)?;
        }
    }
    if !view.machines.is_empty() {
        terminal.heading("Machines")?;
        machines(&view.machines).print(terminal)?;
    }
    if tags {
        terminal.heading("Tags")?;
        self::tags(&view.machines, terminal).print(terminal)?;
    }
    terminal.heading("Destinations")?;
    if view.destinations.is_empty() {
        terminal.line("none: nobody is told of alerts")?;
    }
    destinations(&view.destinations).print(terminal)?;
    Ok(())
}

fn head(view: &View, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let name = terminal.paint(&harmless(&view.site_name, 100), Tone::Head);
    terminal.line(format!(
        "{name} ({}): {}, {}",
        view.site,
        count(view.alerts.len(), "open alert"),
        watching(view)
    ))?;
    terminal.line(format!(
        "andon {}, up {}, configuration {} ({})",
        view.version,
        terminal.age(&view.started),
        view.config.path,
        view.config.hash
    ))?;
    let store = match view.store.durable {
        true => format!("store {}{}", view.store.path, sizes(&view.store)),
        false => "events are in memory only".to_owned(),
    };
    let clock = match view.synchronised {
        true => "clock synchronised",
        false => "clock not synchronised",
    };
    let waiting = usize::try_from(view.store.pending).unwrap_or(usize::MAX);
    let oldest = match view.store.oldest_seconds {
        0 => String::new(),
        seconds => format!(" (the oldest {})", lasting(Duration::from_secs(seconds))),
    };
    terminal.line(format!(
        "{store}, {} waiting{oldest}, {clock}",
        deliveries(waiting)
    ))?;
    if view.recordings > 0 {
        let recordings = count(view.recordings, "recording");
        terminal.line(format!(
            "{recordings} under way: every sample is written down"
        ))?;
    }
    if !view.contact.is_empty() {
        terminal.line(format!("contact: {}", harmless(&view.contact, 200)))?;
    }
    Ok(())
}

/// How large it is, how large it may become, and how much it costs the flash.
fn sizes(store: &StoreView) -> String {
    if store.most_bytes == 0 {
        return String::new();
    }
    let written = match store.written_a_day {
        0 => String::new(),
        bytes => format!(", {} written a day", size(bytes)),
    };
    let (bytes, most) = (size(store.bytes), size(store.most_bytes));
    format!(" ({bytes} of at most {most}{written})")
}

fn watching(view: &View) -> String {
    let all = count_of(view.watches, "watch", "watches");
    match view.not_watching {
        0 => all,
        blind => format!("{all}, {blind} of them cannot see"),
    }
}

/// `1 alert`, `2 alerts`
pub(super) fn count(number: usize, word: &str) -> String {
    count_of(number, word, &format!("{word}s"))
}

fn deliveries(number: usize) -> String {
    count_of(number, "delivery", "deliveries")
}

fn count_of(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

fn shelves(shelves: &[ShelfView]) -> Table {
    let mut table = Table::new(&["WHAT", "STILL", "BY", "WHY"]);
    for shelf in shelves {
        let left = lasting(Duration::from_secs(shelf.left_seconds));
        table.row([&shelf.target, &left, &shelf.by, &shelf.reason]);
    }
    table
}

/// The table of sources, the worst first.
fn sources(sources: &[SourceView]) -> Table {
    const WORST_FIRST: [&str; 3] = ["silent", "partly", "waiting"];
    let mut sorted: Vec<&SourceView> = sources.iter().collect();
    sorted.sort_by_key(|source| rank(&WORST_FIRST, &source.state));
    let mut table = Table::new(&["SOURCE", "TYPE", "ADDRESS", "STATE", "HEARD", "WHY"]);
    for one in sorted {
        let heard = match one.heard_seconds {
            Some(age) => format!("{} ago", lasting(Duration::from_secs(age))),
            None => "never".to_owned(),
        };
        let why = one.why.as_deref().unwrap_or_default();
        table.row([&one.name, &one.kind, &one.address, &one.state, &heard, why]);
    }
    table
}

/// What a source says of itself, where it is not as it should be.
fn troubles(source: &SourceView, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let connection = source.connection.as_ref();
    let connection = connection.filter(|_| !source.connection_fine).cloned();
    let troubles = source.troubles.iter().map(|trouble| {
        let age = trouble.last_seconds.map(Duration::from_secs);
        let age = age.map_or_else(String::new, |age| {
            format!(", the last {} ago", lasting(age))
        });
        let last = trouble.last.as_ref();
        let last = last.map_or_else(String::new, |last| format!(": {last}"));
        format!("{} {}{age}{last}", trouble.count, trouble.text)
    });
    let notes = source.notes.iter().cloned();
    for said in connection.into_iter().chain(notes).chain(troubles) {
        terminal.line(format!("{}: {}", source.name, harmless(&said, 500)))?;
    }
    Ok(())
}

fn machines(machines: &[MachineView]) -> Table {
    const WORST_FIRST: [&str; 4] = ["alert", "blind", "waiting", "off"];
    let mut sorted: Vec<&MachineView> = machines.iter().collect();
    sorted.sort_by_key(|machine| rank(&WORST_FIRST, &machine.state));
    let mut table = Table::new(&["MACHINE", "NAME", "CLASS", "STATE", "NOT WATCHED"]);
    for machine in sorted {
        let class = machine.class.as_deref().unwrap_or("-");
        let blind = machine.not_watched.join(", ");
        table.row([&machine.id, &machine.name, class, &machine.state, &blind]);
    }
    table
}

fn tags(machines: &[MachineView], terminal: &Terminal<'_>) -> Table {
    let mut table = Table::new(&["TAG", "VALUE", "AGE", "SOURCE", "BAD"]);
    for machine in machines {
        for tag in &machine.tags {
            let name = format!("{}/{}", machine.id, tag.tag);
            let value = tag.value.as_deref().unwrap_or("-");
            let retained = if tag.retained { " (retained)" } else { "" };
            let value = &format!("{value}{retained}");
            // Of the value, which may be older than the last that was heard.
            let age = tag
                .good_seconds
                .and_then(|age| Duration::try_from_secs_f64(age).ok());
            let age = age.map_or_else(|| "-".to_owned(), lasting);
            let source = match tag.modbus_unit {
                Some(unit) => format!("{} unit {unit}", tag.source),
                None => tag.source.clone(),
            };
            let since = tag.bad_since.as_deref();
            let since = since.map_or_else(String::new, |since| {
                format!(", for {}", terminal.age(since))
            });
            let bad = tag.bad.as_ref().map(|why| format!("{why}{since}"));
            table.row([&name, value, &age, &source, &bad.unwrap_or_default()]);
        }
    }
    table
}

/// The table of destinations, the worst first.
pub(super) fn destinations(destinations: &[DestinationView]) -> Table {
    const WORST_FIRST: [&str; 4] = ["disabled", "deactivated", "failing", "unreachable"];
    let mut sorted: Vec<&DestinationView> = destinations.iter().collect();
    sorted.sort_by_key(|destination| rank(&WORST_FIRST, &destination.state));
    let mut table = Table::new(&["DESTINATION", "TYPE", "STATE", "WAITING", "OLDEST", "WHY"]);
    for one in sorted {
        let oldest = match one.pending {
            0 => "-".to_owned(),
            _ => lasting(Duration::from_secs(one.oldest_seconds)),
        };
        table.row([
            &one.name,
            &one.kind,
            &one.state,
            &one.pending.to_string(),
            &oldest,
            one.why.as_deref().unwrap_or_default(),
        ]);
    }
    table
}

/// The place of a word in a list of bad ones; all others come after them.
fn rank(worst_first: &[&str], word: &str) -> usize {
    let found = worst_first.iter().position(|bad| *bad == word);
    found.unwrap_or(worst_first.len())
}
