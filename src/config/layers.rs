//! Layers over each other: which file's value wins, decided by the `config` crate.
//!
//! Only the choice is left to it. It would read `5.9` as port 6 and has no line numbers, so every tree was read strictly
//! before, and what the crate sees of a value is a number: its place in the list of all values that are to choose from. Tables
//! that only one layer has are such values too, so that ten thousand machines in one file are one.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
    let mut choice = Choice {
        kinds,
        values: Vec::new(),
        tables: BTreeMap::new(),
    };
    let roots: Vec<Entry<'_>> = (0..).zip(layers).map(Entry::of_layer).collect();
    let mut builder = ::config::Config::builder();
    for value in choice.offer(&roots, &mut Vec::new()) {
        builder = builder.add_source(Layer(value));
    }
    let ValueKind::Table(mut built) = builder.build()?.cache.kind else {
        return Err(ConfigError::Message(
            "the merged layers are no table".to_owned(),
        ));
    };
    let root = built.remove(ROOT).unwrap_or_default();
    Ok(choice.made(root, &mut Vec::new()).1)
}

/// The dotted path and the place of everything in a layer that did not win, as messages name it.
pub fn lost(layer: &Node, winners: &Node) -> BTreeSet<(String, Place)> {
    fn walk(node: &Node, winner: Option<&Node>, path: &str, out: &mut BTreeSet<(String, Place)>) {
        if winner.is_none_or(|winner| winner.place != node.place) {
            out.insert((path.to_owned(), node.place.clone()));
        }
        match &node.value {
            Value::Table(entries) => {
                let winners: HashMap<&str, &Node> = match winner.map(|winner| &winner.value) {
                    Some(Value::Table(won)) => {
                        won.iter().map(|(key, node)| (key.as_str(), node)).collect()
                    }
                    _ => HashMap::new(),
                };
                for (key, entry) in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    let winner = winners.get(key.as_str()).copied();
                    walk(entry, winner, &format!("{path}{dot}{key}"), out);
                }
            }
            Value::List(items) => {
                let winners = match winner.map(|winner| &winner.value) {
                    Some(Value::List(won)) => won.as_slice(),
                    _ => &[],
                };
                for (at, item) in items.iter().enumerate() {
                    walk(item, winners.get(at), &format!("{path}[{at}]"), out);
                }
            }
            _ => {}
        }
    }
    let mut out = BTreeSet::new();
    walk(layer, Some(winners), "", &mut out);
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

/// The layer of a value, and where it stands in its table there: the order in which people wrote.
type Rank = (usize, usize);

/// A value of one layer.
#[derive(Clone, Copy, Debug)]
struct Entry<'l> {
    rank: Rank,
    node: &'l Node,
}

impl<'l> Entry<'l> {
    fn of_layer((layer, node): (usize, &'l Node)) -> Self {
        let rank = (layer, 0);
        Self { rank, node }
    }

    fn table(&self) -> Option<&'l [(String, Node)]> {
        match &self.node.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }
}

/// What there is to choose from.
struct Choice<'l> {
    kinds: &'static [Kind],
    values: Vec<Entry<'l>>,
    /// Where a table that several layers have was written first, and its rank.
    tables: BTreeMap<Vec<String>, (Rank, Place)>,
}

impl<'l> Choice<'l> {
    /// What the layers have at a path, in the crate's values.
    fn offer(&mut self, entries: &[Entry<'l>], path: &mut Vec<String>) -> Vec<Layered> {
        // What comes before a value that is no table is replaced by that, and a single table is a value like any other.
        let merging = merges(self.kinds, path);
        let merged = |entry: &&Entry<'_>| merging && entry.table().is_some();
        let merged = entries.iter().rev().take_while(merged).count();
        let whole = entries.len() - if merged > 1 { merged } else { 0 };
        let (whole, merged) = entries.split_at(whole);
        let mut offered: Vec<_> = whole.iter().map(|entry| self.whole(*entry)).collect();
        offered.extend(self.merged(merged, path));
        offered
    }

    fn whole(&mut self, entry: Entry<'l>) -> Layered {
        self.values.push(entry);
        // There are far fewer values than the largest number.
        Layered::new(None, ValueKind::I64(self.values.len() as i64 - 1))
    }

    fn merged(&mut self, entries: &[Entry<'l>], path: &mut Vec<String>) -> Vec<Layered> {
        let Some(first) = entries.first() else {
            return Vec::new();
        };
        // Nobody can mend the embedded default: a table is where a person wrote it first.
        let mut by_person = entries.iter().map(|entry| &entry.node.place);
        let by_person = by_person.find(|place| &*place.file != super::DEFAULT_NAME);
        let place = by_person.unwrap_or(&first.node.place).clone();
        self.tables.insert(path.clone(), (first.rank, place));
        let mut keys: BTreeMap<&str, Vec<(usize, Entry<'l>)>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            for (index, (key, node)) in entry.table().unwrap_or_default().iter().enumerate() {
                let rank = (entry.rank.0, index);
                let entry = (at, Entry { rank, node });
                keys.entry(key).or_default().push(entry);
            }
        }
        let mut maps = vec![HashMap::new(); entries.len()];
        for (key, values) in keys {
            path.push(key.to_owned());
            let (at, values): (Vec<usize>, Vec<Entry<'l>>) = values.into_iter().unzip();
            for (at, offered) in at.into_iter().zip(self.offer(&values, path)) {
                maps[at].insert(key.to_owned(), offered);
            }
            path.pop();
        }
        let table = |map| Layered::new(None, ValueKind::Table(map));
        maps.into_iter().map(table).collect()
    }

    /// What was chosen.
    fn made(&self, value: Layered, path: &mut Vec<String>) -> (Rank, Node) {
        match value.kind {
            ValueKind::I64(at) => {
                let value = usize::try_from(at).ok().and_then(|at| self.values.get(at));
                value.map_or_else(nothing, |entry| (entry.rank, entry.node.clone()))
            }
            ValueKind::Table(map) => {
                let mut entries = Vec::new();
                for (key, entry) in map {
                    path.push(key.clone());
                    let (rank, node) = self.made(entry, path);
                    path.pop();
                    entries.push((rank, key, node));
                }
                // The crate's maps have no order; the ranks bring back the one in which people wrote.
                entries.sort_by_key(|(rank, _, _)| *rank);
                let entries = entries.into_iter().map(|(_, key, node)| (key, node));
                let value = Value::Table(entries.collect());
                let (rank, Node { place, .. }) = nothing();
                let (rank, place) = self.tables.get(path).cloned().unwrap_or((rank, place));
                (rank, Node { value, place })
            }
            // Nothing else was offered.
            _ => nothing(),
        }
    }
}

/// An empty table that nobody wrote.
fn nothing() -> (Rank, Node) {
    let place = Place {
        file: Arc::from(""),
        line: 0,
    };
    let value = Value::Table(Vec::new());
    ((0, 0), Node { value, place })
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
        // The same where every table is in two layers.
        let other = parse(&"b.toml".into(), "z = 2\n[Agent]\nport = 6\nmore = 1\n").unwrap();
        let both = merge(&[other, one.clone()], CONFIG).unwrap();
        assert_eq!(both.get("z"), one.get("z"));
        let of = |root: &Node, key| root.get("Agent").unwrap().get(key).cloned();
        for key in ["port", "int", "text", "yes", "list", "a.b[0]", "empty"] {
            assert!(of(&both, key).is_some(), "{key}");
            assert_eq!(of(&both, key), of(&one, key), "{key}");
        }
        assert_eq!(of(&both, "more").unwrap().place.to_string(), "b.toml:4");
        let root = merged(&[("a", text), ("b", "[Agent]\nyes = false\nmore = 1\n[x]\n")]);
        let Value::Table(entries) = &root.get("Agent").unwrap().value else {
            panic!("still a table")
        };
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        let order = [
            "port", "int", "text", "list", "a.b[0]", "empty", "yes", "more",
        ];
        assert_eq!(keys, order, "a value stands where its layer wrote it");
    }

    #[test]
    fn a_table_replaces_what_is_none_and_merges_with_those_after_that() {
        let root = merged(&[
            ("a", "[agent]\nsite = 'a'\ncontact = 'a'"),
            ("b", "agent = 5"),
            ("c", "[agent]\nsite = 'c'\nsite_name = 'c'"),
            ("d", "[agent]\nsite = 'd'"),
        ]);
        let agent = root.get("agent").unwrap();
        let of = |key: &str| agent.get(key).map(|node| node.place.to_string());
        assert_eq!(of("site").as_deref(), Some("d:2"));
        assert_eq!(of("site_name").as_deref(), Some("c:3"));
        assert_eq!(of("contact"), None);
        let root = merged(&[("a", "[agent]\nsite = 'a'"), ("b", "agent = 5")]);
        assert_eq!(root.get("agent").unwrap().value, Value::Int(5));
    }

    #[test]
    fn what_did_not_win_is_known_by_path_and_place() {
        let texts = [
            "x = [1, { y = 2 }]\n[t]\na = 1\nb = 2",
            "[t]\nb = 3",
            "x = 7",
        ];
        let layers: Vec<Node> = ["a", "b", "c"]
            .iter()
            .zip(texts)
            .map(|(file, text)| parse(&Arc::from(*file), text).unwrap())
            .collect();
        let winners = merge(&layers, CONFIG).unwrap();
        let lost: Vec<Vec<String>> = layers
            .iter()
            .map(|layer| {
                let lost = lost(layer, &winners).into_iter();
                lost.map(|(path, place)| format!("{path}@{place}"))
                    .filter(|lost| !lost.starts_with('@') && !lost.starts_with("t@"))
                    .collect()
            })
            .collect();
        let of_a = ["t.b@a:4", "x@a:1", "x[0]@a:1", "x[1]@a:1", "x[1].y@a:1"];
        assert_eq!(lost, [of_a.map(str::to_owned).to_vec(), vec![], vec![]]);
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
