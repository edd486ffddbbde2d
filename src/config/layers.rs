//! Layers over each other: which file's value wins, decided by the `config` crate.
//!
//! Only the choice is left to it. It would read `5.9` as port 6 and has no line numbers, so every tree was read strictly
//! before, values go through it untouched as its own kinds, and what comes out is a [`Node`] again with the place of the
//! layer that won.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    sync::Arc,
};

use ::config::{ConfigError, Source, Value as Layered, ValueKind};

use super::{
    names::{Kind, merges},
    tree::{Node, Place, Value},
};

/// Merges trees, the last one wins.
///
/// # Errors
/// None is known: the trees are in memory and hold only what the crate can hold.
pub fn merge(layers: &[Node], kinds: &'static [Kind]) -> Result<Node, ConfigError> {
    let mut tables = BTreeMap::new();
    let mut rank = 0;
    let mut builder = ::config::Config::builder();
    for root in layers {
        let mut encoder = Encoder {
            kinds,
            tables: &mut tables,
            rank: &mut rank,
        };
        let value = encoder.merging(root, &mut Vec::new());
        builder = builder.add_source(Layer(value));
    }
    let ValueKind::Table(mut built) = builder.build()?.cache.kind else {
        return Err(ConfigError::Message(
            "the merged layers are no table".to_owned(),
        ));
    };
    let root = built.remove(ROOT).unwrap_or_default();
    Ok(decode_merging(root, &mut Vec::new(), &tables).1)
}

/// Every value with its dotted path, as messages name it: to tell which values of a layer did not win.
pub fn paths(root: &Node) -> BTreeSet<(String, Place)> {
    fn walk(node: &Node, path: &str, out: &mut BTreeSet<(String, Place)>) {
        out.insert((path.to_owned(), node.place.clone()));
        match &node.value {
            Value::Table(entries) => {
                for (key, entry) in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    walk(entry, &format!("{path}{dot}{key}"), out);
                }
            }
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}[{at}]"), out);
                }
            }
            _ => {}
        }
    }
    let mut out = BTreeSet::new();
    walk(root, "", &mut out);
    out
}

/// All of a layer lies below this key: keys at the top are taken for path expressions by the crate, deeper ones are not.
const ROOT: &str = "root";

#[derive(Clone, Debug)]
struct Layer(Layered);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<HashMap<String, Layered>, ConfigError> {
        Ok(HashMap::from([(ROOT.to_owned(), self.0.clone())]))
    }
}

/// Where a table that merges was written first, and its rank in the order of all values.
type Tables = BTreeMap<Vec<String>, (u64, Place)>;

/// Turns a tree into the crate's values. The crate carries one text along with a value, its origin: rank and place are in it.
struct Encoder<'e> {
    kinds: &'static [Kind],
    tables: &'e mut Tables,
    rank: &'e mut u64,
}

impl Encoder<'_> {
    /// Values are wrapped in a list of one, which the crate replaces as a whole where it would merge a table.
    fn merging(&mut self, node: &Node, path: &mut Vec<String>) -> Layered {
        let Value::Table(entries) = &node.value else {
            return Layered::new(None, vec![self.whole(node)]);
        };
        if !merges(self.kinds, path) {
            return Layered::new(None, vec![self.whole(node)]);
        }
        *self.rank += 1;
        let first = (*self.rank, node.place.clone());
        let known = self.tables.entry(path.clone()).or_insert(first);
        // Nobody can mend the embedded default: a table is where a person wrote it first.
        if &*known.1.file == super::DEFAULT_NAME {
            known.1 = node.place.clone();
        }
        let mut map = HashMap::new();
        for (key, entry) in entries {
            path.push(key.clone());
            map.insert(key.clone(), self.merging(entry, path));
            path.pop();
        }
        Layered::new(None, ValueKind::Table(map))
    }

    fn whole(&mut self, node: &Node) -> Layered {
        *self.rank += 1;
        let mut origin = String::new();
        // Writing into a String cannot fail.
        let _ = write!(
            origin,
            "{} {} {}",
            self.rank, node.place.line, node.place.file
        );
        let kind = match &node.value {
            Value::Bool(value) => ValueKind::Boolean(*value),
            Value::Int(value) => ValueKind::I64(*value),
            Value::Float(value) => ValueKind::Float(*value),
            Value::Text(text) => ValueKind::String(text.clone()),
            Value::List(items) => {
                ValueKind::Array(items.iter().map(|item| self.whole(item)).collect())
            }
            Value::Table(entries) => {
                let pairs = entries
                    .iter()
                    .map(|(key, entry)| (key.clone(), self.whole(entry)));
                ValueKind::Table(pairs.collect())
            }
        };
        Layered::new(Some(&origin), kind)
    }
}

fn decode_merging(value: Layered, path: &mut Vec<String>, tables: &Tables) -> (u64, Node) {
    match value.kind {
        ValueKind::Table(map) => {
            let (rank, place) = tables.get(path).cloned().unwrap_or((0, nowhere()));
            let mut entries = Vec::new();
            for (key, entry) in map {
                path.push(key.clone());
                let (rank, node) = decode_merging(entry, path, tables);
                path.pop();
                entries.push((rank, key, node));
            }
            (rank, table(entries, place))
        }
        ValueKind::Array(mut items) => decode_whole(items.pop().unwrap_or_default()),
        _ => decode_whole(value),
    }
}

fn decode_whole(value: Layered) -> (u64, Node) {
    let origin = value.origin().unwrap_or_default();
    let mut parts = origin.splitn(3, ' ');
    let rank = parts.next().and_then(|rank| rank.parse().ok()).unwrap_or(0);
    let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(0);
    let place = Place {
        file: Arc::from(parts.next().unwrap_or_default()),
        line,
    };
    let value = match value.kind {
        ValueKind::Boolean(value) => Value::Bool(value),
        ValueKind::I64(value) => Value::Int(value),
        ValueKind::Float(value) => Value::Float(value),
        ValueKind::String(text) => Value::Text(text),
        ValueKind::Array(items) => {
            Value::List(items.into_iter().map(|item| decode_whole(item).1).collect())
        }
        ValueKind::Table(map) => {
            let entries = map.into_iter().map(|(key, entry)| {
                let (rank, node) = decode_whole(entry);
                (rank, key, node)
            });
            return (rank, table(entries.collect(), place));
        }
        // The encoder makes no other kind.
        ValueKind::Nil | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            Value::Table(Vec::new())
        }
    };
    (rank, Node { value, place })
}

/// The crate's maps have no order; the ranks bring back the one in which people wrote.
fn table(mut entries: Vec<(u64, String, Node)>, place: Place) -> Node {
    entries.sort_by_key(|(rank, _, _)| *rank);
    let entries = entries.into_iter().map(|(_, key, node)| (key, node));
    Node {
        value: Value::Table(entries.collect()),
        place,
    }
}

fn nowhere() -> Place {
    Place {
        file: "".into(),
        line: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{file::parse, names::CONFIG};

    fn merged(files: &[(&str, &str)]) -> Node {
        let trees: Vec<Node> = files
            .iter()
            .map(|(file, text)| parse(&Arc::from(*file), text).unwrap())
            .collect();
        merge(&trees, CONFIG).unwrap()
    }

    #[test]
    fn types_order_case_and_places_survive_the_config_crate() {
        let text = "z = 1\n[Agent]\nport = 5.9\nint = 50\ntext = \"50\"\nyes = true\nlist = [1, 2.0, \"3\", { b = 1, A = 2 }]\n\"a.b[0]\" = 2\nempty = {}\n";
        let one = parse(&"a b.toml".into(), text).unwrap();
        assert_eq!(merge(std::slice::from_ref(&one), CONFIG).unwrap(), one);
    }

    #[test]
    fn the_last_layer_wins_key_by_key_and_is_named_as_the_place() {
        let root = merged(&[
            (
                "a",
                "[agent]\nsite = 'x'\ncontact = 'y'\n[log]\nlevel = 'info'",
            ),
            ("b", "\n\n[agent]\nsite = 'z'"),
        ]);
        let agent = root.get("agent").unwrap();
        let site = agent.get("site").unwrap();
        assert_eq!(site.value, Value::Text("z".into()));
        assert_eq!(site.place.to_string(), "b:4");
        assert_eq!(agent.get("contact").unwrap().place.to_string(), "a:3");
        assert!(root.get("log").is_some());
    }

    #[test]
    fn the_value_of_a_key_is_replaced_as_a_whole_even_if_it_is_a_table_or_a_list() {
        let root = merged(&[
            ("a", "[x]\npassword = { file = 'f' }\nlist = [1, 2, 3]"),
            ("b", "[x]\npassword = { env = 'E' }\nlist = [4]"),
        ]);
        let x = root.get("x").unwrap();
        assert!(x.get("password").unwrap().get("file").is_none());
        let Value::List(list) = &x.get("list").unwrap().value else {
            panic!("still a list")
        };
        assert_eq!(list.len(), 1);
    }
}
