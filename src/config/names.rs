//! Lists of named things (`[[machine]]`) into tables keyed by their name, so that layers can merge them.
//!
//! It also decides what may be said twice: a name comes once over all files, unless a later one says `override = true`.
//! It does not know what an entry means; it takes the name, `override` and `enabled` out of it and leaves the rest to
//! its owner.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    section::{Id, Problems, Read, nearest},
    tree::{Node, Place, Value},
};

/// A list whose entries have names, or are counted.
#[derive(Debug)]
pub struct Kind {
    /// Where the list stands: `["source", "modbus"]`.
    pub path: &'static [&'static str],
    /// The key that holds the name; without one the entries are counted over all files: `0001`, `0002`.
    pub by: Option<&'static str>,
}

/// The lists of the configuration.
pub const CONFIG: &[Kind] = &[
    Kind {
        path: &["profile"],
        by: Some("id"),
    },
    Kind {
        path: &["machine"],
        by: Some("id"),
    },
    Kind {
        path: &["source", "modbus"],
        by: Some("name"),
    },
    Kind {
        path: &["source", "mqtt"],
        by: Some("name"),
    },
    Kind {
        path: &["destination"],
        by: Some("name"),
    },
    Kind {
        path: &["policy"],
        by: Some("id"),
    },
    Kind {
        path: &["hours"],
        by: Some("id"),
    },
    Kind {
        path: &["route"],
        by: None,
    },
];

/// The lists of rule files.
pub const RULES: &[Kind] = &[Kind {
    path: &["rule"],
    by: Some("id"),
}];

/// Names seen so far, over all files.
#[derive(Debug)]
pub struct Names {
    kinds: &'static [Kind],
    seen: BTreeMap<(&'static [&'static str], String), Place>,
    counted: u32,
}

impl Names {
    /// None so far.
    pub fn new(kinds: &'static [Kind]) -> Self {
        Self {
            kinds,
            seen: BTreeMap::new(),
            counted: 0,
        }
    }

    /// Turns a file's tree into layers: one for the file, and one for each entry that overrides another of the same file.
    pub fn split(&mut self, mut root: Node, problems: &Problems) -> Vec<Node> {
        let mut repeated = Vec::new();
        for kind in self.kinds {
            let Some(list) = find(&mut root, kind.path) else {
                continue;
            };
            let path = kind.path.join(".");
            let place = list.place.clone();
            let taken = std::mem::replace(&mut list.value, Value::Table(Vec::new()));
            let Value::List(items) = taken else {
                let message = format!(
                    "must be a list of tables, `[[{path}]]`, not {}",
                    taken.what()
                );
                problems.error(Some(&place), &path, message);
                // `[machine.mill-1]` at least says which names there are.
                if let (Value::Table(mut entries), Some(list)) = (taken, find(&mut root, kind.path))
                {
                    entries.retain(|(_, entry)| matches!(entry.value, Value::Table(_)));
                    list.value = Value::Table(entries);
                }
                continue;
            };
            let mut entries: Vec<(String, Node)> = Vec::new();
            let mut known = BTreeSet::new();
            for item in items {
                let Some((name, entry)) = self.entry(kind, &path, item, problems) else {
                    continue;
                };
                if !known.insert(name.clone()) {
                    repeated.push(nested(kind.path, name, entry));
                } else {
                    entries.push((name, entry));
                }
            }
            if let Some(list) = find(&mut root, kind.path) {
                list.value = Value::Table(entries);
            }
        }
        let mut layers = vec![root];
        layers.append(&mut repeated);
        layers
    }

    fn entry(
        &mut self,
        kind: &Kind,
        path: &str,
        mut item: Node,
        problems: &Problems,
    ) -> Option<(String, Node)> {
        let Value::Table(keys) = &mut item.value else {
            let message = format!("must be a table, not {}", item.value.what());
            problems.error(Some(&item.place), path, message);
            return None;
        };
        let Some(by) = kind.by else {
            self.counted += 1;
            return Some((format!("{:04}", self.counted), item));
        };
        let Some(name) = take(keys, by) else {
            let message = format!("has no `{by}`; it must be {}", Id::EXPECTED);
            problems.error(Some(&item.place), path, message);
            return None;
        };
        let name = match (Id::read(&name), name.value) {
            (Ok(id), _) => id.0.to_string(),
            (Err(message), value) => {
                problems.error(Some(&name.place), &format!("{path}.{by}"), message);
                // Others may refer to it by this name, and need not be told that it does not exist.
                let Value::Text(text) = value else {
                    return None;
                };
                text
            }
        };
        let here = format!("{path}.{name}");
        let overrides = take(keys, "override").is_some_and(|node| {
            bool::read(&node).unwrap_or_else(|message| {
                problems.error(Some(&node.place), &format!("{here}.override"), message);
                true
            })
        });
        let key = (kind.path, name.clone());
        match self.seen.get(&key) {
            Some(first) if !overrides => {
                let message = format!(
                    "is defined twice, first at {first}; write `override = true` here if it is to change that one"
                );
                problems.error(Some(&item.place), &here, message);
                return None;
            }
            None if overrides => {
                let known = self.seen.keys().filter(|(path, _)| *path == kind.path);
                let hint = nearest(&name, known.map(|(_, name)| name.as_str()))
                    .map(|near| format!("; did you mean \"{near}\"?"));
                let message = format!(
                    "has `override = true`, but nothing before it has this name{}",
                    hint.unwrap_or_default()
                );
                problems.error(Some(&item.place), &here, message);
                return None;
            }
            Some(_) => {}
            None => {
                self.seen.insert(key, item.place.clone());
            }
        }
        Some((name, item))
    }
}

/// Removes the entries with `enabled = false`, and the key from the others.
pub fn drop_disabled(root: &mut Node, kinds: &[Kind], problems: &Problems) {
    for kind in kinds {
        let Some(Value::Table(entries)) = find(root, kind.path).map(|node| &mut node.value) else {
            continue;
        };
        entries.retain_mut(|(name, entry)| {
            let Value::Table(keys) = &mut entry.value else {
                return true;
            };
            let Some(enabled) = take(keys, "enabled") else {
                return true;
            };
            let path = format!("{}.{name}", kind.path.join("."));
            let stays = bool::read(&enabled).unwrap_or_else(|message| {
                let path = format!("{path}.enabled");
                problems.error(Some(&enabled.place), &path, message);
                true
            });
            if !stays {
                problems.switches_off(path, &enabled.place);
            }
            stays
        });
    }
}

/// Whether the table at this path merges key by key with those of other layers: sections, and named things. Everything
/// below is the value of a key, and a later layer replaces it as a whole, so that `{ env = ".." }` over `{ file = ".." }`
/// is not both.
pub fn merges(kinds: &[Kind], path: &[String]) -> bool {
    let inside = |kind: &&Kind| {
        let same = path.iter().zip(kind.path).all(|(a, b)| a == b);
        same && path.len() <= kind.path.len() + 1
    };
    path.len() <= 1 || kinds.iter().any(|kind| inside(&kind))
}

fn take(keys: &mut Vec<(String, Node)>, key: &str) -> Option<Node> {
    let at = keys.iter().position(|(name, _)| name == key)?;
    Some(keys.remove(at).1)
}

fn find<'n>(root: &'n mut Node, path: &[&str]) -> Option<&'n mut Node> {
    path.iter()
        .try_fold(root, |node, key| match &mut node.value {
            Value::Table(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node),
            _ => None,
        })
}

fn nested(path: &[&str], name: String, entry: Node) -> Node {
    let place = entry.place.clone();
    let wrap = |inner: Node, key: String| Node {
        value: Value::Table(vec![(key, inner)]),
        place: place.clone(),
    };
    let named = wrap(entry, name);
    path.iter()
        .rev()
        .fold(named, |inner, key| wrap(inner, (*key).to_owned()))
}
