//! `andon init`: a first configuration from a few questions, or from flags.
//!
//! What it would write is loaded first, by the reader that `check` and `run` use, so that it never writes one that they refuse. It
//! never overwrites a file.

mod answers;
mod ask;
mod text;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use self::{answers::Answers, ask::Asker};
use super::{
    CONFIG,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::config::{
    self, Env, FileSet,
    files::{ConfigFile, Role},
};

/// The owner writes, the group reads: whoever runs the agent is in the group.
const MODE: u32 = 0o640;

/// Where to, and the answers that are known already. What no flag says is asked for.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// The directory to write to
    #[arg(long, value_name = "PATH", default_value = "/etc/andon")]
    dir: PathBuf,
    /// Ask nothing: take the defaults for what no flag says
    #[arg(long)]
    yes: bool,
    /// The id of this plant: plant-7
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    /// Its name for people: Plant 7
    #[arg(long, value_name = "NAME")]
    site_name: Option<String>,
    /// Where the database goes, if not to /var/lib/andon
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,
    /// What to read: modbus://192.168.10.21:502 or mqtt://broker.plant.local:1883
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// Modbus: the unit id, 0 to 247
    #[arg(long, value_name = "N")]
    unit: Option<String>,
    /// Modbus: the register, like holding:100
    #[arg(long, value_name = "KIND:ADDRESS")]
    register: Option<String>,
    /// Modbus: what the register holds: u16, i16, u32, i32 or f32
    #[arg(long = "type", value_name = "TYPE")]
    form: Option<String>,
    /// MQTT: the topic that carries the number
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// MQTT: the file with the broker's CA, for mqtts://
    #[arg(long, value_name = "PATH")]
    ca: Option<String>,
    /// The id of the machine: mill-1
    #[arg(long, value_name = "ID")]
    machine: Option<String>,
    /// What is measured: spindle_temp
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Alert above this value
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    limit: Option<String>,
    /// The webhook that is told, `https://ops.example.com/andon`; empty for none yet
    #[arg(long, value_name = "URL")]
    destination: Option<String>,
    /// The file with the webhook's secret; empty for none
    #[arg(long, value_name = "PATH")]
    secret_file: Option<String>,
}

pub(super) fn run(args: &Args, env: &Env, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let main = args.dir.join("andon.toml");
    let rules = args.dir.join("rules").join("first.toml");
    refuse_to_overwrite(&[&main, &rules])?;
    let mut asker = Asker {
        terminal,
        yes: args.yes,
    };
    let answers = Answers::ask(args, &mut asker)?;
    let files = vec![
        (main.clone(), Role::Config, text::main(&answers)),
        (rules, Role::Rules, text::rules(&answers)),
    ];
    let set = FileSet {
        files: files
            .into_iter()
            .map(|(path, role, text)| ConfigFile { path, role, text })
            .collect(),
    };
    let warnings = checked(&set, env)?;
    for file in &set.files {
        write(file)?;
        terminal.line(format!("wrote {}", file.path.display()))?;
    }
    for warning in warnings {
        terminal.foreign(&warning)?;
    }
    let config = match main == Path::new(CONFIG) {
        true => String::new(),
        false => format!(" --config {}", main.display()),
    };
    terminal.line("\nNext:")?;
    terminal.line(format!("  andon check --live{config}"))?;
    terminal.line(format!("  andon run{config}"))?;
    Ok(Exit::Fine)
}

fn refuse_to_overwrite(paths: &[&Path]) -> Result<(), Failure> {
    for path in paths {
        // A dangling link is something too.
        if fs::symlink_metadata(path).is_ok() {
            let path = path.display();
            return Err(Failure::not_fine(format!(
                "{path} exists already and is not touched; edit it, or write elsewhere with --dir"
            )));
        }
    }
    Ok(())
}

fn checked(set: &FileSet, env: &Env) -> Result<Vec<String>, Failure> {
    let shown = |problem: &config::section::Problem| problem.to_string();
    match config::load_set(set.clone(), env) {
        Ok(loaded) => Ok(loaded.warnings.iter().map(shown).collect()),
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(shown).collect();
            Err(Failure::not_fine(format!(
                "nothing was written, because these answers make no sound configuration:\n{}",
                problems.join("\n")
            )))
        }
    }
}

fn write(file: &ConfigFile) -> Result<(), Failure> {
    let written = || -> io::Result<()> {
        if let Some(directory) = file.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut open = OpenOptions::new();
        let mut to = open
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&file.path)?;
        to.write_all(file.text.as_bytes())?;
        to.sync_all()
    };
    written().map_err(|error| {
        let path = file.path.display();
        Failure::not_fine(format!("{path} cannot be written: {error}"))
    })
}
