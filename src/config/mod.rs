//! What the user typed, turned into what the program needs.
//!
//! [`load`] is the way through: files are read strictly, variables filled in, named lists keyed by name, layers merged,
//! and the result read by the rooms that own it. Every mistake is reported, not only the first. Nothing here connects
//! to anything; a part that cannot be reached never refuses a configuration.

pub mod agent;
mod apart;
mod bind;
pub mod env;
mod fallback;
pub mod file;
pub mod files;
mod identity;
pub mod last_good;
pub mod layers;
pub mod limits;
pub mod machine;
pub mod names;
pub mod policy;
pub mod problem;
pub mod read;
pub mod secret;
pub mod section;
pub mod settings;
pub mod show;
#[cfg(test)]
pub(crate) mod tests;
pub mod tree;
pub mod values;
pub mod vars;
pub mod when;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use self::{
    agent::Agent,
    apart::apart,
    files::Role,
    names::{Kind, Names},
    section::{Problem, Problems, Section},
    tree::Node,
    vars::Vars,
};
pub use self::{
    env::Env,
    files::{FileSet, Paths},
    secret::Secret,
    settings::{Inventory, Settings},
};
use crate::{alert::plant::Plant, rules, source::modbus::quirks};

/// The embedded default: what holds where no file says otherwise.
pub const DEFAULT: &str = include_str!("../../config/andon.toml");
/// Its name in messages.
pub const DEFAULT_NAME: &str = "default";

/// A configuration without mistakes.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the program needs.
    pub settings: Settings,
    /// What the core watches, until that takes it.
    pub plant: Arc<Plant>,
    /// What a person should look at.
    pub warnings: Vec<Problem>,
    /// Tells it apart from others, as [`FileSet::hash`] does.
    pub hash: String,
    /// What it was read from, until that is let go.
    pub texts: Option<Texts>,
}

/// What a configuration was read from.
#[derive(Clone, Debug)]
pub struct Texts {
    /// The files.
    pub files: FileSet,
    env: Env,
    secrets: BTreeSet<String>,
}

impl Loaded {
    /// Keeps only what is needed while it runs: the texts of a large plant take more memory than all that was made of them.
    pub fn let_texts_go(&mut self) {
        self.texts = None;
    }
}

impl Texts {
    /// The merged configuration as text, with the place of each value; secrets are `***`.
    pub fn show(&self) -> String {
        self.show_of(|trees| &trees.config, names::CONFIG)
    }

    /// The same for the rules.
    pub fn show_rules(&self) -> String {
        self.show_of(|trees| &trees.rules, names::RULES)
    }

    fn show_of(&self, which: fn(&Trees) -> &Node, kinds: &[Kind]) -> String {
        let trees = Trees::read(&self.files, &self.env, &Problems::new());
        trees.map_or_else(String::new, |trees| {
            show::show(which(&trees), kinds, &self.secrets)
        })
    }
}

/// Reads the configuration at these paths.
///
/// # Errors
/// Every mistake and warning, by file and line.
pub fn load(paths: &Paths, env: &Env) -> Result<Loaded, Vec<Problem>> {
    let problems = Problems::new();
    let files = FileSet::read(paths, &problems);
    finish(files, env, problems)
}

/// Reads a set of files that is in memory: the last good one.
///
/// # Errors
/// Every mistake and warning, by file and line.
pub fn load_set(files: FileSet, env: &Env) -> Result<Loaded, Vec<Problem>> {
    finish(files, env, Problems::new())
}

/// Where the data of this configuration is kept, as far as even a refused one tells.
pub fn data_dir(paths: &Paths, env: &Env) -> PathBuf {
    let mut dirs = data_dirs(paths, env).into_iter();
    dirs.next().unwrap_or_else(|| agent::DATA_DIR.into())
}

/// Where the data of this configuration may be kept, as far as even a refused one tells, the likeliest first: the last good one
/// is looked for there. Where the files say nothing any more, systemd does.
pub fn data_dirs(paths: &Paths, env: &Env) -> Vec<PathBuf> {
    let said = peek(paths, env, "ANDON__AGENT__DATA_DIR", ["agent", "data_dir"]);
    if let Some(said) = said {
        return vec![said.into()];
    }
    // Of several directories that systemd names, joined with colons, the first is ours.
    let state = env
        .get("STATE_DIRECTORY")
        .and_then(|list| list.split(':').next());
    let state = state.filter(|directory| !directory.is_empty());
    let mut dirs: Vec<PathBuf> = state.map(PathBuf::from).into_iter().collect();
    if state != Some(agent::DATA_DIR) {
        dirs.push(agent::DATA_DIR.into());
    }
    dirs
}

/// How much is logged while the configuration is being read, and after.
pub fn log_level(paths: &Paths, env: &Env) -> tracing::Level {
    let word = peek(paths, env, "ANDON__LOG__LEVEL", ["log", "level"]);
    word.and_then(|word| word.parse().ok())
        .unwrap_or(tracing::Level::INFO)
}

/// A text of the environment or of the files, before anything is checked: the last layer that has it.
fn peek(paths: &Paths, env: &Env, variable: &str, [section, key]: [&str; 2]) -> Option<String> {
    if let Some(set) = env.get(variable) {
        return Some(set.to_owned());
    }
    let files = FileSet::read(paths, &Problems::new());
    let text = |trees: &Vec<Node>| {
        let mut trees = trees.iter().rev();
        trees.find_map(|tree| match &tree.get(section)?.get(key)?.value {
            tree::Value::Text(text) => Some(text.clone()),
            _ => None,
        })
    };
    apart(|| files.trees(), text)
}

fn finish(files: FileSet, env: &Env, problems: Problems) -> Result<Loaded, Vec<Problem>> {
    let main = files.files.first().map(files::ConfigFile::name);
    let loaded = check(files, env, &problems);
    let refused = problems.has_errors();
    let mut found = problems.into_sorted();
    // The embedded default has no mistake, so what is said about it is that something is missing in the main file.
    for problem in &mut found {
        if let (Some(place), Some(main)) = (&mut problem.place, &main)
            && &*place.file == DEFAULT_NAME
        {
            place.file = main.clone();
            place.line = 0;
        }
    }
    match loaded {
        Some(loaded) if !refused => Ok(Loaded {
            warnings: found,
            ..loaded
        }),
        _ => Err(found),
    }
}

/// Reads everything and reports every mistake; none if the files cannot be read as TOML at all.
fn check(files: FileSet, env: &Env, problems: &Problems) -> Option<Loaded> {
    let read = || {
        let found = Problems::new();
        (Trees::read(&files, env, &found), found)
    };
    let loaded = apart(read, |(trees, found)| {
        problems.add_all(found);
        trees.as_ref().map(|trees| made_of(trees, env, problems))
    });
    loaded.map(|(settings, plant)| Loaded {
        settings,
        plant: Arc::new(plant),
        warnings: Vec::new(),
        hash: files.hash(),
        texts: Some(Texts {
            files,
            env: env.clone(),
            secrets: problems.secret_paths(),
        }),
    })
}

/// What the program needs of the trees.
fn made_of(trees: &Trees, env: &Env, problems: &Problems) -> (Settings, Plant) {
    let rule_ids = rules::ids(&trees.rules);
    let read = |tree: &Node, problems: &Problems| {
        Settings::read(Section::root(tree, problems), env, &rule_ids)
    };
    let (settings, inventory) = read(&trees.config, problems);
    let off_delay = settings.alerts.off_delay;
    let read_rules =
        |tree: &Node, problems: &Problems| rules::read(Section::root(tree, problems), off_delay);
    let rules = read_rules(&trees.rules, problems);
    let plant = rules::compile(&settings, &inventory, &rules, problems);
    // A mistake counts even where a later layer hides it: the next edit may bring it to light.
    hidden(
        &trees.layers,
        names::CONFIG,
        &trees.config,
        problems,
        &|tree, problems| {
            read(tree, problems);
        },
    );
    hidden(
        &trees.rule_layers,
        names::RULES,
        &trees.rules,
        problems,
        &|tree, problems| {
            read_rules(tree, problems);
        },
    );
    (settings, plant)
}

/// All files as trees.
struct Trees {
    layers: Vec<Node>,
    /// All layers in one.
    config: Node,
    rule_layers: Vec<Node>,
    /// All of these in one.
    rules: Node,
}

impl Trees {
    fn read(files: &FileSet, env: &Env, problems: &Problems) -> Option<Self> {
        let (mut trees, mut rule_trees) = parse(files, problems)?;
        // The default, the main file, and then all others.
        Agent::only_in_the_main_file(trees.get(2..).unwrap_or_default(), problems);
        let vars = Vars::collect(trees.iter(), problems);
        for tree in trees.iter_mut().chain(&mut rule_trees) {
            vars.fill(tree, problems);
        }
        let mut layers = split(trees, names::CONFIG, problems);
        layers.extend(env::layers(env, problems));
        let config = merged(&layers, names::CONFIG, problems)?;
        let rule_layers = split(rule_trees, names::RULES, problems);
        let rules = merged(&rule_layers, names::RULES, problems)?;
        Some(Self {
            layers,
            config,
            rule_layers,
            rules,
        })
    }
}

fn parse(files: &FileSet, problems: &Problems) -> Option<(Vec<Node>, Vec<Node>)> {
    let (mut trees, mut rule_trees) = (Vec::new(), Vec::new());
    let mut add = |name, text: &str, role| match (file::parse(&name, text), role) {
        (Ok(tree), Role::Config) => trees.push(tree),
        (Ok(tree), Role::Rules) => rule_trees.push(tree),
        (Err(found), _) => problems.extend(found),
    };
    add(DEFAULT_NAME.into(), DEFAULT, Role::Config);
    for file in &files.files {
        add(file.name(), &file.text, file.role);
    }
    // What half of the files say would only cause mistakes that nobody made.
    (!problems.has_errors()).then_some((trees, rule_trees))
}

fn split(trees: Vec<Node>, kinds: &'static [Kind], problems: &Problems) -> Vec<Node> {
    let mut names = Names::new(kinds);
    trees
        .into_iter()
        .flat_map(|tree| names.split(tree, problems))
        .collect()
}

fn merged(layers: &[Node], kinds: &'static [Kind], problems: &Problems) -> Option<Node> {
    match layers::merge(layers, kinds) {
        Ok(mut tree) => {
            quirks::apply(&mut tree);
            names::drop_disabled(&mut tree, kinds, problems);
            Some(tree)
        }
        Err(error) => {
            problems.error(None, "", format!("the files cannot be merged: {error}"));
            None
        }
    }
}

/// Reports mistakes in values that a later layer replaced. Such a value is read as part of the configuration up to its own
/// layer, since alone it may be half of a thing; only mistakes about values that did not win are taken from there.
fn hidden(
    layers: &[Node],
    kinds: &'static [Kind],
    winners: &Node,
    problems: &Problems,
    read: &dyn Fn(&Node, &Problems),
) {
    for upto in 1..layers.len() {
        let lost = layers::lost(&layers[upto - 1], winners);
        if lost.is_empty() {
            continue;
        }
        let here = Problems::new();
        if let Some(tree) = merged(&layers[..upto], kinds, &here) {
            read(&tree, &here);
        }
        let of_lost = here.into_sorted().into_iter().filter(|problem| {
            let place = problem.place.clone();
            !problem.warning
                && place.is_some_and(|place| lost.contains(&(problem.path.clone(), place)))
        });
        problems.extend(of_lost);
    }
}
