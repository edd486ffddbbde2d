//! What the agent needs to know of itself: `[agent]`, `[log]`, `[clock]`, `[heartbeat]`.
//!
//! It reads and checks; it opens, connects and starts nothing.

use std::{path::PathBuf, sync::Arc};

use jiff::tz::TimeZone;

use super::{
    env::Env,
    section::{Id, Problems, Read, Section},
    tree::Node,
    values::{HttpUrl, Zone},
};
use crate::clock::Synchronised;

/// `[agent]`
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// The plant that this agent speaks for.
    pub site: Arc<str>,
    /// Its name for people; the id if it has none.
    pub site_name: Arc<str>,
    /// In which times are told to people.
    pub timezone: TimeZone,
    /// In which language.
    pub language: Language,
    /// Whom to call, for people; may be empty.
    pub contact: Arc<str>,
    /// Database, last good configuration.
    pub data_dir: PathBuf,
    /// Where the operator page is seen from outside; without it messages carry no links.
    pub page_url: Option<HttpUrl>,
    /// The socket for the verbs.
    pub socket: PathBuf,
    /// Destinations may run programs on this host; only the main file can say so.
    pub allow_commands: bool,
}

/// A language that texts exist in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
}

/// `[log]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written.
    pub level: tracing::Level,
}

/// Where the data is kept if nothing says otherwise.
pub const DATA_DIR: &str = "/var/lib/andon";

impl Agent {
    /// Reads `[agent]`. A site that is missing is a mistake and reads as an empty one.
    pub fn read(root: &Section<'_>, env: &Env) -> Self {
        let Some(section) = root.table("agent") else {
            if root.raw("agent").is_none() {
                let message = format!("is missing; it must be {}", Id::EXPECTED);
                root.problems()
                    .error(Some(root.place()), "agent.site", message);
            }
            return Self::of_site(Arc::default(), env);
        };
        let site = section
            .required::<Id>("site")
            .map_or_else(Arc::default, |id| id.0);
        let defaults = Self::of_site(site, env);
        let data_dir = section.get("data_dir", defaults.data_dir);
        let agent = Self {
            site_name: section.get("site_name", defaults.site_name),
            site: defaults.site,
            timezone: section.get("timezone", Zone(defaults.timezone)).0,
            language: section
                .word("language", &[("en", Language::En)])
                .unwrap_or(defaults.language),
            contact: section.get("contact", defaults.contact),
            page_url: section.optional("page_url"),
            socket: section.get("socket", socket(&data_dir, env)),
            data_dir,
            allow_commands: section.get("allow_commands", false),
        };
        section.finish();
        agent
    }

    fn of_site(site: Arc<str>, env: &Env) -> Self {
        let data_dir = PathBuf::from(DATA_DIR);
        Self {
            site_name: site.clone(),
            site,
            timezone: TimeZone::UTC,
            language: Language::En,
            contact: Arc::default(),
            page_url: None,
            socket: socket(&data_dir, env),
            data_dir,
            allow_commands: false,
        }
    }

    /// Reports `allow_commands` in any other file than the main one: who may write into `conf.d` must not be able to run programs by it.
    pub fn only_in_the_main_file(others: &[Node], problems: &Problems) {
        let agents = others.iter().filter_map(|tree| tree.get("agent"));
        for node in agents.filter_map(|agent| agent.get("allow_commands")) {
            let message = "stands in the main file only; move it there";
            problems.error(Some(&node.place), "agent.allow_commands", message);
        }
    }
}

/// systemd names a directory of ours in `/run`, which is empty after a crash; without it the socket lies with the data.
fn socket(data_dir: &std::path::Path, env: &Env) -> PathBuf {
    // systemd joins several directories with colons.
    let first = env
        .get("RUNTIME_DIRECTORY")
        .and_then(|list| list.split(':').next());
    first
        .filter(|directory| !directory.is_empty())
        .map_or(data_dir.to_owned(), PathBuf::from)
        .join("andon.sock")
}

/// Reads `[log]`.
pub fn log(root: &Section<'_>) -> Log {
    use tracing::Level;
    let words = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    let level = root.table("log").and_then(|section| {
        let level = section.word("level", &words);
        section.finish();
        level
    });
    Log {
        level: level.unwrap_or(Level::INFO),
    }
}

/// Reads `[clock]`: how the agent learns whether the wall clock can be trusted.
pub fn clock(root: &Section<'_>) -> Synchronised {
    let marker = PathBuf::from("/run/systemd/timesync/synchronized");
    let Some(section) = root.table("clock") else {
        return Synchronised::WhileExists(marker);
    };
    let file = section.get("sync_file", marker);
    let words = [
        ("auto", Synchronised::WhileExists as fn(PathBuf) -> _),
        ("assume", |_| Synchronised::Assume),
        ("never", |_| Synchronised::Never),
    ];
    let how = section.word("synchronised", &words);
    section.finish();
    how.unwrap_or(Synchronised::WhileExists)(file)
}
