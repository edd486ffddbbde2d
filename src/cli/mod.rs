//! The command line: one file per verb.
//!
//! Verbs about a running agent are clients of its API and know nothing that it does not say. `run`, `demo`, `check`, `init`,
//! `probe` and `restore` need no agent. Every verb writes through [`Terminal`] and ends with an [`Exit`], so that it is tested without a process.

mod ack;
mod alerts;
mod backup;
mod check;
mod client;
mod close;
mod demo;
mod destinations;
mod exit;
mod init;
mod machines;
mod outbox;
mod panics;
mod probe;
mod record;
mod reload;
mod replay;
mod restore;
mod routes;
mod run;
mod shelve;
mod socket;
mod status;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod unshelve;
mod verify;

use std::{
    io::{self, BufReader, BufWriter, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use jiff::tz::TimeZone;

use self::{
    client::Client,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    clock::{Clock, Synchronised},
    config::Env,
};

/// Where the configuration lies if nothing says otherwise.
const CONFIG: &str = "/etc/andon/andon.toml";

/// Watches machines over Modbus and MQTT, and gets the alert to people.
#[derive(Debug, Parser)]
#[command(name = "andon", version, arg_required_else_help = true)]
pub struct Cli {
    /// The socket of the running agent [default: $ANDON_SOCKET, /run/andon/andon.sock, or what the configuration says]
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

/// All verbs.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Watch a simulated machine raise and resolve alerts; needs nothing
    Demo(demo::Args),
    /// Write a first configuration
    Init(Box<init::Args>),
    /// Run the agent
    Run(run::Args),
    /// Read the configuration and say every mistake in it
    Check(check::Args),
    /// Look at a Modbus device: what lies at its addresses, and what it could mean
    Probe(probe::Args),
    /// Put a backup in the place of the database, while the agent is stopped
    Restore(restore::Args),
    /// Decide again what a recording says, and list the events
    Replay(replay::Args),
    /// List the routes, or say who would hear of an alert
    Routes(routes::Args),
    #[command(flatten)]
    Talk(Talk),
}

/// Verbs that talk to a running agent.
#[derive(Debug, Subcommand)]
enum Talk {
    /// Show alerts, machines, destinations and what is wrong with the agent itself
    Status(status::Args),
    /// List alerts, or show one
    Alerts(alerts::Args),
    /// Take an alert: its escalation ends
    Ack(ack::Args),
    /// Silence an alert, a machine, a rule of a machine or the site for a time
    Shelve(shelve::Args),
    /// End a silence before its time
    Unshelve(unshelve::Args),
    /// End an alert that was not measured as normal
    Close(close::Args),
    /// List machines, or forget one that was discovered
    Machines(machines::Args),
    /// List destinations, or send a test to one
    Destinations(destinations::Args),
    /// List deliveries, show one, try it again or drop it
    Outbox(outbox::Args),
    /// Prove that the record adds up, or that a receiver has everything
    Verify(verify::Args),
    /// Copy the agent's database into a file, while it runs
    Backup(backup::Args),
    /// Record everything that moves the agent, samples included, into a file
    Record(record::Args),
    /// Make the agent read its configuration again
    Reload,
}

/// Does what the command line says.
pub fn run(cli: Cli) -> ExitCode {
    panics::mute();
    let env = Env::of_process();
    let clock = Clock::system(Synchronised::Never);
    // Not locked: the agent's own threads write their log there too.
    let stdout = io::stdout();
    let mut terminal = Terminal {
        // https://no-color.org
        colour: stdout.is_terminal() && env.get("NO_COLOR").is_none_or(str::is_empty),
        out: &mut BufWriter::new(stdout),
        input: &mut BufReader::new(io::stdin()),
        interactive: io::stdin().is_terminal(),
        now: clock.now().wall,
        zone: TimeZone::system(),
    };
    let ended = dispatch(cli, &env, &mut terminal);
    let ended = terminal.out.flush().map_err(Failure::from).and(ended);
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) if failure.is_broken_pipe() => Exit::Fine.into(),
        Err(failure) => {
            // With nowhere left to say it, the exit code must do.
            let _ = writeln!(io::stderr(), "andon: {failure}");
            failure.exit().into()
        }
    }
}

fn dispatch(cli: Cli, env: &Env, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match cli.verb {
        Verb::Demo(args) => demo::run(&args, terminal),
        Verb::Init(args) => init::run(&args, env, terminal),
        Verb::Run(args) => run::run(&args, env),
        Verb::Restore(args) => restore::run(&args, env, terminal),
        Verb::Replay(args) => replay::run(&args, env, terminal),
        Verb::Routes(args) => routes::run(&args, env, terminal),
        Verb::Probe(args) => on_one_thread(probe::run(&args, terminal)),
        Verb::Check(args) => on_one_thread(check::run(&args, env, terminal)),
        Verb::Talk(Talk::Verify(args)) if args.needs_no_agent() => verify::alone(&args, terminal),
        Verb::Talk(verb) => {
            let socket = socket::find(cli.socket.as_deref(), env, Path::new(CONFIG));
            on_one_thread(talk(verb, &socket, terminal))
        }
    }
}

fn on_one_thread(verb: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::not_fine(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(verb)
}

async fn talk(verb: Talk, socket: &Path, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let client = Client::new(socket, terminal.now)?;
    match verb {
        Talk::Status(args) => status::run(&args, &client, terminal).await,
        Talk::Alerts(args) => alerts::run(&args, &client, terminal).await,
        Talk::Ack(args) => ack::run(args, &client, terminal).await,
        Talk::Shelve(args) => shelve::run(args, &client, terminal).await,
        Talk::Unshelve(args) => unshelve::run(args, &client, terminal).await,
        Talk::Close(args) => close::run(args, &client, terminal).await,
        Talk::Machines(args) => machines::run(args, &client, terminal).await,
        Talk::Destinations(args) => destinations::run(&args, &client, terminal).await,
        Talk::Outbox(args) => outbox::run(&args, &client, terminal).await,
        Talk::Verify(args) => verify::run(&args, &client, terminal).await,
        Talk::Backup(args) => backup::run(&args, &client, terminal).await,
        Talk::Record(args) => record::run(&args, &client, terminal).await,
        Talk::Reload => reload::run(&client, terminal).await,
    }
}
