//! `andon machines`: those that are watched, where they come from, and the end of one that was discovered.

use super::{
    ack::done,
    client::Client,
    exit::{Exit, Failure},
    table::Table,
    terminal::Terminal,
};
use crate::api::{
    view::{MachineView, Obeyed},
    wire::Forget,
};

/// Which machines.
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
    /// Watch a machine no longer that was discovered: its alerts end; heard again, it is discovered anew
    Forget {
        /// Its id
        machine: String,
        /// Your name, if it is not the user's
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

pub(super) async fn run(
    args: Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    if let Some(What::Forget { machine, by }) = args.what {
        let (path, body) = (["machines", &machine, "forget"], Forget { by });
        let obeyed: Obeyed = client.post(&path, &body).await?;
        if args.json {
            terminal.json(&obeyed)?;
            return Ok(Exit::Fine);
        }
        return done(&obeyed, &format!("{machine} is forgotten"), terminal);
    }
    let machines: Vec<MachineView> = client.get(&["machines"], &[]).await?;
    match (args.json, machines.is_empty()) {
        (true, _) => terminal.json(&machines)?,
        (false, true) => {
            terminal.line("no machine: nothing is configured, and nothing discovered")?
        }
        (false, false) => {
            client.tell_time(terminal).await;
            table(&machines, terminal).print(terminal)?;
        }
    }
    Ok(Exit::Fine)
}

fn table(machines: &[MachineView], terminal: &Terminal<'_>) -> Table {
    let mut table = Table::new(&[
        "MACHINE",
        "NAME",
        "CLASS",
        "STATE",
        "FROM",
        "FIRST SEEN",
        "LABELS",
    ]);
    for machine in machines {
        let (from, since) = match &machine.discovered {
            Some(of) => (format!("source {}", of.source), terminal.time(&of.since)),
            None => ("configuration".to_owned(), "-".to_owned()),
        };
        let labels = machine
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        table.row([
            &machine.id,
            &machine.name,
            machine.class.as_deref().unwrap_or("-"),
            &machine.state,
            &from,
            &since,
            &labels.collect::<Vec<_>>().join(" "),
        ]);
    }
    table
}
