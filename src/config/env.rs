//! The environment of the process: a short list of variables is the last layer of the configuration.
//!
//! It is no general way in: a variable has no line, no type and no list. What can be set here is a text, and is named here.

use std::collections::BTreeMap;

use super::{
    section::{Problems, nearest},
    tree::{Node, Place, Value},
};

/// Environment variables of the process, taken once so that everything else is a function of its arguments.
#[derive(Clone, Debug, Default)]
pub struct Env(pub BTreeMap<String, String>);

impl Env {
    /// Those of this process that are Unicode.
    pub fn of_process() -> Self {
        let vars = std::env::vars_os();
        Self(
            vars.filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            })
            .collect(),
        )
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The variables that are a layer of the configuration; all are texts.
pub const VARIABLES: [(&str, [&str; 2]); 4] = [
    ("ANDON__AGENT__SITE", ["agent", "site"]),
    ("ANDON__AGENT__SITE_NAME", ["agent", "site_name"]),
    ("ANDON__AGENT__DATA_DIR", ["agent", "data_dir"]),
    ("ANDON__LOG__LEVEL", ["log", "level"]),
];

/// The layers made of environment variables, one for each. A variable that looks like ours and is not is a warning.
pub fn layers(env: &Env, problems: &Problems) -> Vec<Node> {
    let place = |name: &str| Place {
        file: name.into(),
        line: 0,
    };
    for name in env.0.keys().filter(|name| name.starts_with("ANDON__")) {
        let known = VARIABLES.map(|(name, _)| name);
        if !known.contains(&name.as_str()) {
            let hint =
                nearest(name, known.into_iter()).map(|near| format!("; did you mean {near}?"));
            let message = format!(
                "this environment variable is not one that is read{}",
                hint.unwrap_or_default()
            );
            problems.warn(Some(&place(name)), "", message);
        }
    }
    let layer = |(name, [section, key]): (&str, [&str; 2])| {
        let place = place(name);
        let node = |value| Node {
            value,
            place: place.clone(),
        };
        let text = node(Value::Text(env.get(name)?.to_owned()));
        let section_node = node(Value::Table(vec![(key.to_owned(), text)]));
        Some(node(Value::Table(vec![(section.to_owned(), section_node)])))
    };
    VARIABLES.into_iter().filter_map(layer).collect()
}
