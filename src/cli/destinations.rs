//! `andon destinations`: how they stand, and a test of one.

use super::{
    client::Client,
    exit::{Exit, Failure},
    status,
    terminal::{Terminal, Tone},
};
use crate::{
    api::view::{Attempted, DestinationView},
    destination::text::harmless,
};

/// Which destinations.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List them; the default
    List,
    /// Send a test that says it is one, once
    Test {
        /// The destination's name
        name: String,
    },
}

pub(super) async fn run(
    args: &Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    if let Some(What::Test { name }) = &args.what {
        let path = ["destinations", name, "test"];
        let attempted: Attempted = client.post(&path, &serde_json::json!({})).await?;
        match args.json {
            true => terminal.json(&attempted)?,
            false => tested(name, &attempted, terminal)?,
        }
        return Ok(match attempted.accepted {
            true => Exit::Fine,
            false => Exit::NotFine,
        });
    }
    let destinations: Vec<DestinationView> = client.get(&["destinations"], &[]).await?;
    match (args.json, destinations.is_empty()) {
        (true, _) => terminal.json(&destinations)?,
        (false, true) => terminal.line("no destination: nobody is told of alerts")?,
        (false, false) => status::destinations(&destinations).print(terminal)?,
    }
    Ok(Exit::Fine)
}

fn tested(name: &str, attempted: &Attempted, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let answer = attempted.answer.lines();
    let sent = attempted.request.iter().map(|line| ('>', line.as_str()));
    for (mark, line) in sent.chain(answer.map(|line| ('<', line))) {
        // Indentation is what makes a body readable, and the rest of the line is a stranger's.
        let inner = line.trim_start_matches(' ');
        let indent = " ".repeat((line.len() - inner.len()).min(40));
        let line = format!("{mark} {indent}{}", harmless(inner, 2000));
        terminal.line(line.trim_end())?;
    }
    let (word, tone) = match attempted.accepted {
        true => ("accepted the test", Tone::Good),
        false => ("did not accept the test", Tone::Bad),
    };
    let word = terminal.paint(word, tone);
    terminal.line(format!("{name} {word} ({} ms)", attempted.took_ms))?;
    Ok(())
}
