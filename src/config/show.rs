//! The text of `andon check --show`: the merged configuration as TOML, each line with the place where it came from.
//!
//! Secrets print as `***`: every value that was read as one, and, in case a reader forgot to say so, every text under a key
//! whose name sounds like one, and the password in an address.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    names::{Kind, merges},
    tree::{Node, Value},
};

/// Writes out a merged tree. `secrets` are dotted paths.
pub fn show(root: &Node, kinds: &[Kind], secrets: &BTreeSet<String>) -> String {
    let mut printer = Printer {
        kinds,
        secrets,
        out: String::new(),
    };
    printer.table(root, &mut Vec::new());
    printer.out
}

struct Printer<'p> {
    kinds: &'p [Kind],
    secrets: &'p BTreeSet<String>,
    out: String,
}

impl Printer<'_> {
    fn table(&mut self, node: &Node, path: &mut Vec<String>) {
        let Value::Table(entries) = &node.value else {
            return;
        };
        let is_table = |node: &Node, path: &[String]| {
            matches!(node.value, Value::Table(_)) && merges(self.kinds, path)
        };
        let mut tables = Vec::new();
        for (key, entry) in entries {
            path.push(key.clone());
            if is_table(entry, path) {
                tables.push((key, entry));
            } else {
                let shown = self.value(entry, &path.join("."), key);
                self.line(&format!("{} = {shown}", bare(key)), entry);
            }
            path.pop();
        }
        for (key, entry) in tables {
            path.push(key.clone());
            self.heading(path, entry);
            self.table(entry, path);
            path.pop();
        }
    }

    fn heading(&mut self, path: &[String], node: &Node) {
        let (name, parent) = path
            .split_last()
            .map_or(("", path), |(name, parent)| (name.as_str(), parent));
        let list = self
            .kinds
            .iter()
            .find(|kind| parent.iter().eq(kind.path.iter()));
        if let Some(kind) = list {
            self.line(&format!("\n[[{}]]", parent.join(".")), node);
            if let Some(by) = kind.by {
                self.line(&format!("{by} = {}", quoted(name)), node);
            }
            return;
        }
        // The table that holds a list has no heading of its own in TOML, nor one that only holds such tables.
        let holds_lists = self
            .kinds
            .iter()
            .any(|kind| kind.path.iter().take(path.len()).eq(path.iter()));
        if !holds_lists {
            let _ = writeln!(self.out, "\n[{}]", path.join("."));
        }
    }

    fn line(&mut self, text: &str, node: &Node) {
        let (before, text) = text
            .strip_prefix('\n')
            .map_or(("", text), |text| ("\n", text));
        // Writing into a String cannot fail.
        let _ = writeln!(self.out, "{before}{text:<50} # {}", node.place);
    }

    fn value(&self, node: &Node, path: &str, key: &str) -> String {
        match &node.value {
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => toml::Value::Float(*value).to_string(),
            Value::Text(_) if self.secrets.contains(path) || sounds_secret(key) => {
                "\"***\"".to_owned()
            }
            Value::Text(text) => quoted(&without_password(text)),
            Value::List(items) => {
                let shown: Vec<String> = items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| self.value(item, &self.item_path(path, at), key))
                    .collect();
                format!("[{}]", shown.join(", "))
            }
            Value::Table(entries) => {
                // A reference to a secret is none: `{ file = ".." }`.
                let shown: Vec<String> = entries
                    .iter()
                    .map(|(name, entry)| {
                        let under = if key == "headers" { "secret" } else { name };
                        let shown = self.value(entry, &format!("{path}.{name}"), under);
                        format!("{} = {shown}", bare(name))
                    })
                    .collect();
                format!("{{ {} }}", shown.join(", "))
            }
        }
    }

    /// A list of secrets is a secret as a whole: its items have no path of their own.
    fn item_path(&self, path: &str, at: usize) -> String {
        if self.secrets.contains(path) {
            path.to_owned()
        } else {
            format!("{path}[{at}]")
        }
    }
}

fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let words = [
        "secret",
        "password",
        "passphrase",
        "psk",
        "token",
        "key",
        "pin",
        "auth",
        "authorization",
    ];
    key.split(['_', '-'])
        .any(|part| words.contains(&part.trim_end_matches('s')))
}

/// The text, without the password of an address: `mqtt://user:***@host`.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, _) = authority.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:***{}", &rest[user.len()..]))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

fn bare(key: &str) -> String {
    let is_bare = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
