//! `andon outbox`: what is owed to destinations, and what became of it.

use std::path::Path;

use super::{
    ack::done,
    client::Client,
    exit::{Exit, Failure},
    table::Table,
    terminal::Terminal,
};
use crate::{
    api::{
        ROWS,
        history::{AttemptView, DeliveryStory, DeliveryView},
        keep::{Import, Imported},
        view::DestinationView,
        wire::Drop,
    },
    destination::text::harmless,
};

/// Attempts that are kept from the start of a delivery, and as many from its end.
const KEPT: usize = 10;

/// Which deliveries.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Only to this destination
    #[arg(long, global = true, value_name = "NAME")]
    destination: Option<String>,
    /// Only in this state; `all` for any
    #[arg(long, global = true, default_value = "pending")]
    state: String,
    /// At most so many, newest first
    #[arg(long, global = true, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List them; the default
    List,
    /// Show one with its attempts and its body
    Show {
        /// The number in the first column
        id: i64,
    },
    /// Try one again now
    Retry {
        /// The number in the first column
        id: i64,
    },
    /// Send what is pending in a database that was set aside
    Import {
        /// The file, as the agent sees it
        file: std::path::PathBuf,
    },
    /// Give one up; its destination never hears of that event
    Drop {
        /// The number in the first column
        id: i64,
        /// Why, for the record
        #[arg(long)]
        why: String,
    },
}

pub(super) async fn run(
    args: &Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    match args.what.as_ref().unwrap_or(&What::List) {
        What::List => list(args, client, terminal).await,
        What::Show { id } => {
            let id = id.to_string();
            let story: DeliveryStory = client.get(&["outbox", &id], &[]).await?;
            match args.json {
                true => terminal.json(&story)?,
                false => {
                    client.tell_time(terminal).await;
                    let standing = standing(&story, client).await?;
                    show(&story, standing, terminal)?;
                }
            }
            Ok(Exit::Fine)
        }
        What::Retry { id } => {
            let id = id.to_string();
            let path = ["outbox", &id, "retry"];
            done(
                &client.post(&path, &serde_json::json!({})).await?,
                "done",
                terminal,
            )
        }
        What::Import { file } => import(file, args.json, client, terminal).await,
        What::Drop { id, why } => {
            let id = id.to_string();
            let path = ["outbox", &id, "drop"];
            let body = Drop { why: why.clone() };
            done(&client.post(&path, &body).await?, "done", terminal)
        }
    }
}

/// Not fine if something of the file could not be read.
async fn import(
    file: &Path,
    json: bool,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let path = std::path::absolute(file)
        .map_err(|error| Failure::not_fine(format!("{}: {error}", file.display())))?;
    let imported: Imported = client.post(&["outbox", "import"], &Import { path }).await?;
    if json {
        terminal.json(&imported)?;
    } else {
        terminal.line(format!(
            "{} were pending there, {} are owed now, {} were known; open alerts taken up: {}",
            imported.found,
            imported.owed,
            imported.found.saturating_sub(imported.owed),
            imported.alerts
        ))?;
        for what in &imported.unreadable {
            terminal.foreign(&format!("cannot be read: {what}"))?;
        }
    }
    Ok(match imported.unreadable.is_empty() {
        true => Exit::Fine,
        false => Exit::NotFine,
    })
}

async fn list(args: &Args, client: &Client, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let deliveries = all(args, client).await?;
    match (args.json, deliveries.is_empty()) {
        (true, _) => terminal.json(&deliveries)?,
        (false, true) if args.state == "pending" => terminal.line("nothing waits")?,
        (false, true) => terminal.line("no such delivery")?,
        (false, false) => {
            client.tell_time(terminal).await;
            table(&deliveries, terminal)?;
        }
    }
    Ok(Exit::Fine)
}

/// As many as were asked for, page by page: what holds a lane up is its oldest, and stands on the last.
async fn all(args: &Args, client: &Client) -> Result<Vec<DeliveryView>, Failure> {
    let mut found: Vec<DeliveryView> = Vec::new();
    loop {
        let limit = (args.limit - found.len()).min(ROWS);
        let before = found.last().map(|last| last.id.to_string());
        let limit_text = limit.to_string();
        let mut query = vec![("limit", limit_text.as_str())];
        if args.state != "all" {
            query.push(("state", &args.state));
        }
        if let Some(destination) = &args.destination {
            query.push(("destination", destination));
        }
        if let Some(before) = &before {
            query.push(("before", before));
        }
        let page: Vec<DeliveryView> = client.get(&["outbox"], &query).await?;
        let is_last = page.len() < limit || limit == 0;
        found.extend(page);
        if is_last || found.len() >= args.limit {
            return Ok(found);
        }
    }
}

/// Writes the table of deliveries, in the order in which they came.
pub(super) fn table(
    deliveries: &[DeliveryView],
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let heads = &[
        "ID",
        "DESTINATION",
        "STATE",
        "ALERT",
        "EVENT",
        "DECIDED",
        "ATTEMPTS",
        "RESULT",
    ];
    let mut table = Table::new(heads);
    for one in deliveries {
        table.row([
            &one.id.to_string(),
            &one.destination,
            &one.state,
            &one.alert,
            &one.event,
            &terminal.time(&one.decided),
            &one.attempts.to_string(),
            one.result.as_deref().unwrap_or("-"),
        ]);
    }
    table.print(terminal)?;
    Ok(())
}

/// Writes by destination what became of each event of an alert, oldest first.
pub(super) fn told(
    deliveries: &[DeliveryView],
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let heads = &[
        "ID",
        "DESTINATION",
        "EVENT",
        "DECIDED",
        "OUTCOME",
        "WHEN",
        "ATTEMPTS",
        "THEIR ID",
    ];
    let mut sorted: Vec<&DeliveryView> = deliveries.iter().collect();
    sorted.sort_by_key(|one| (one.destination.as_str(), one.id));
    let mut table = Table::new(heads);
    for one in sorted {
        let when = match (&one.settled, &one.next) {
            (Some(at), _) => terminal.time(at),
            (None, Some(at)) if !terminal.is_past(at) => format!("next try {}", terminal.time(at)),
            (None, _) => "-".to_owned(),
        };
        table.row([
            &one.id.to_string(),
            &one.destination,
            &one.event,
            &terminal.time(&one.decided),
            &outcome(one),
            &when,
            &one.attempts.to_string(),
            one.provider_id.as_deref().unwrap_or("-"),
        ]);
    }
    table.print(terminal)?;
    if deliveries.len() >= ROWS {
        terminal.line(format!(
            "only the last {ROWS}; `andon outbox --state all` lists more"
        ))?;
    }
    Ok(())
}

/// How a delivery stands. Accepted is what a server said; whether a person has read it is not known here.
fn outcome(one: &DeliveryView) -> String {
    let result = one.result.as_deref().unwrap_or_default();
    match (one.state.as_str(), result) {
        ("accepted", "") => format!("accepted by {}", one.destination),
        ("accepted", said) => format!("accepted by {} ({said})", one.destination),
        (state, "") => state.to_owned(),
        (state, why) => format!("{state}: {why}"),
    }
}

/// What is wrong with the destination of a delivery that waits.
async fn standing(story: &DeliveryStory, client: &Client) -> Result<Option<String>, Failure> {
    if story.delivery.state != "pending" {
        return Ok(None);
    }
    let all: Vec<DestinationView> = client.get(&["destinations"], &[]).await?;
    let found = all
        .into_iter()
        .find(|of| of.name == story.delivery.destination);
    Ok(match found {
        None => Some("its destination to be configured again".to_owned()),
        Some(of) if of.state == "ok" => None,
        Some(of) => {
            let why = of.why.map(|why| format!(": {why}")).unwrap_or_default();
            Some(format!("{}, which is {}{why}", of.name, of.state))
        }
    })
}

fn show(
    story: &DeliveryStory,
    standing: Option<String>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let one = &story.delivery;
    let text = format!(
        "delivery {} to {}: {}, {} of {}, number {} there",
        one.id, one.destination, one.state, one.event, one.alert, one.sequence
    );
    terminal.foreign(&text)?;
    let happened = match story.event.at.is_empty() {
        true => story.event.text.clone(),
        false => format!("{}: {}", terminal.time(&story.event.at), story.event.text),
    };
    for (name, text) in [("event", &happened), ("told because", &story.why)] {
        terminal.line(format!("  {name:<12} {}", harmless(text, 600)))?;
    }
    for waits in [&standing, &story.waits_for].into_iter().flatten() {
        terminal.line(format!("  {:<12} {}", "waits for", harmless(waits, 600)))?;
    }
    let times = [
        ("decided", Some(&one.decided)),
        ("next try", one.next.as_ref()),
        ("settled", one.settled.as_ref()),
    ];
    for (name, time) in times {
        let time = match time {
            None => "-".to_owned(),
            Some(due) if name == "next try" && terminal.is_past(due) => {
                "due; waits for its turn, or for the destination to answer again".to_owned()
            }
            Some(time) => terminal.time(time),
        };
        terminal.line(format!("  {name:<12} {time}"))?;
    }
    let count = format!("{}, used {}", outcome(one), attempts_used(one.attempts));
    terminal.line(format!("  {:<12} {}", "outcome", harmless(&count, 700)))?;
    if let Some(id) = &one.provider_id {
        terminal.line(format!("  {:<12} {}", "their id", harmless(id, 200)))?;
    }
    if !story.log.is_empty() {
        terminal.heading("Attempts")?;
        attempts(&story.log, terminal)?;
    }
    terminal.heading("Body")?;
    terminal.json(&story.body)?;
    Ok(())
}

fn attempts_used(count: u32) -> String {
    match count {
        0 => "no attempt".to_owned(),
        1 => "1 attempt".to_owned(),
        more => format!("{more} attempts"),
    }
}

fn attempts(log: &[AttemptView], terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let mut table = Table::new(&["TIME", "TOOK", "ATTEMPTS", "RESULT", "THEIR ID"]);
    let mut before = None;
    for (index, tried) in log.iter().enumerate() {
        let used = tried.attempts;
        if index == KEPT && log.len() > KEPT && before.is_some_and(|before| used > before + 1) {
            table.row(["..", "", "..", "those between are counted only", ""]);
        }
        before = Some(used);
        let took = tried
            .took_ms
            .map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        let id = tried.provider_id.as_deref().unwrap_or("-");
        let time = terminal.time(&tried.at);
        table.row([&time, &took, &used.to_string(), &tried.result, id]);
    }
    table.print(terminal)?;
    Ok(())
}
