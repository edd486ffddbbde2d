//! `[[machine]]`: things with names that people know, and `[[profile]]`: the tags that machines of one make share.
//!
//! What a tag is read from belongs to its source; here a profile is only a list of tables that sources read in place of
//! their own.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    section::{Id, Read, Section, nearest},
    tree::{Node, Value},
    values::Placed,
};
use crate::alert::plant::Machine;

/// A machine as it was configured.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineConfig {
    /// What the core needs of it.
    pub machine: Machine,
    /// Limits of its own: `spindle-overtemp.hihi` to the limit.
    pub limits: Vec<(String, Placed<Limit>)>,
}

/// A limit as it is written: one number, a pair, or for conditions on states true, false or a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// `92.0`
    One(f64),
    /// `[10, 20]`
    Pair(f64, f64),
    /// `true`
    Bool(bool),
    /// `"running"`, one of the tag's `values`.
    Label(Arc<str>),
}

impl Read for Limit {
    const EXPECTED: &'static str = "a number, or [low, high]";
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Bool(bit) => Ok(Self::Bool(*bit)),
            Value::Text(label) => Ok(Self::Label(label.as_str().into())),
            Value::Int(_) | Value::Float(_) => f64::read(node).map(Self::One),
            Value::List(items) => match items.as_slice() {
                [low, high] => Ok(Self::Pair(f64::read(low)?, f64::read(high)?)),
                _ => Err(format!(
                    "must be [low, high], not a list of {}",
                    items.len()
                )),
            },
            _ => Err(Self::mismatch(node)),
        }
    }
}

/// The id under which the agent itself raises alerts.
pub const AGENT: &str = "andon";

/// Reads all machines, in the order in which they were written.
pub fn machines(root: &Section<'_>) -> Vec<MachineConfig> {
    let (mut machines, mut classes) = (Vec::new(), BTreeSet::<Arc<str>>::new());
    for (id, section) in root.named("machine") {
        if id == AGENT {
            section.problems().error(
                Some(section.place()),
                section.path(),
                "is the agent itself; choose another id",
            );
        }
        let id: Arc<str> = id.into();
        let class: Option<Id> = section.optional("class");
        // Thousands of machines are of few classes.
        let class = class.map(|Id(class)| match classes.get(&class) {
            Some(known) => Arc::clone(known),
            None => {
                classes.insert(Arc::clone(&class));
                class
            }
        });
        let labels = section.pairs::<Arc<str>>("labels");
        let machine = Machine {
            name: section.get("name", id.clone()),
            id,
            class,
            labels: labels
                .into_iter()
                .map(|(name, value)| (Arc::from(name), value))
                .collect::<BTreeMap<_, _>>(),
            may_be_off: section.get("may_be_off", false),
            ..Machine::default()
        };
        let limits = section.pairs("limits");
        section.finish();
        machines.push(MachineConfig { machine, limits });
    }
    machines
}

/// Reports that the machine which a source names at `machine` is not configured.
pub fn check<'w>(section: &Section<'_>, machine: &str, known: impl Iterator<Item = &'w str>) {
    let known: Vec<&str> = known.collect();
    if known.contains(&machine) {
        return;
    }
    let hint =
        nearest(machine, known.into_iter()).map(|near| format!("; did you mean \"{near}\"?"));
    let message = format!(
        "there is no machine \"{machine}\"{}",
        hint.unwrap_or_default()
    );
    section.error("machine", message);
}

/// The profiles, for sources to take tags from.
#[derive(Debug)]
pub struct Profiles<'a> {
    profiles: Vec<(String, Section<'a>)>,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Profiles<'a> {
    /// Finds them; their tags are read by who uses them.
    pub fn find(root: &Section<'a>) -> Self {
        Self {
            profiles: root.named("profile").collect(),
            used: RefCell::default(),
        }
    }

    /// Each with its table.
    pub fn nodes(&self) -> Vec<(&str, &'a Node)> {
        let profiles = self.profiles.iter();
        profiles
            .map(|(id, section)| (id.as_str(), section.node()))
            .collect()
    }

    /// The tables of tags of a unit or subscription: those of its `profile`, and its own `tags`; one of its own replaces
    /// the profile's of the same name. The caller reads each of them and calls [`Section::finish`].
    pub fn tags(&self, owner: &Section<'a>) -> Vec<Section<'a>> {
        let own = if owner.raw("tags").is_some() {
            owner.list("tags")
        } else {
            Vec::new()
        };
        let name = |tag: &Section<'a>| match &tag.raw("tag")?.value {
            Value::Text(name) => Some(name.as_str()),
            _ => None,
        };
        let replaced: BTreeSet<&str> = own.iter().filter_map(name).collect();
        let mut tags = self.of_profile(owner);
        tags.retain(|tag| name(tag).is_none_or(|name| !replaced.contains(name)));
        tags.extend(own);
        tags
    }

    fn of_profile(&self, owner: &Section<'a>) -> Vec<Section<'a>> {
        let Some(wanted) = owner.optional::<String>("profile") else {
            return Vec::new();
        };
        let found = self.profiles.iter().find(|(id, _)| *id == wanted);
        let Some((_, profile)) = found else {
            let known = self.profiles.iter().map(|(id, _)| id.as_str());
            let hint = nearest(&wanted, known).map(|near| format!("; did you mean \"{near}\"?"));
            let message = format!(
                "there is no profile \"{wanted}\"{}",
                hint.unwrap_or_default()
            );
            owner.error("profile", message);
            return Vec::new();
        };
        self.used.borrow_mut().insert(wanted);
        profile.list("tags")
    }

    /// Reports keys that no profile has, and profiles that nothing uses: their tags were read by nobody.
    pub fn finish(self) {
        let used = self.used.into_inner();
        for (id, profile) in self.profiles {
            let tags = profile.raw("tags");
            if tags.is_none() {
                profile.error("tags", "is missing; it must be a list of tags");
            } else if !used.contains(&id) {
                let message = "is used by no unit and no subscription; its tags are not checked";
                profile
                    .problems()
                    .warn(Some(profile.place()), profile.path(), message);
            }
            profile.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        file::parse,
        names::{CONFIG, Names},
        section::Problems,
    };

    #[test]
    fn a_tag_of_a_units_own_replaces_the_one_of_its_profile() {
        let text = "[[profile]]\nid = 'p'\ntags = [{ tag = 'a', read = 1 }, { tag = 'b', read = 2 }]\n[unit]\nprofile = 'p'\ntags = [{ tag = 'b', read = 9 }, { tag = 'c', read = 3 }]\n";
        let problems = Problems::new();
        let tree = parse(&"a.toml".into(), text).unwrap();
        let tree = Names::new(CONFIG).split(tree, &problems).remove(0);
        let root = Section::root(&tree, &problems);
        let profiles = Profiles::find(&root);
        let unit = root.table("unit").unwrap();
        let tags = profiles.tags(&unit);
        let read: Vec<_> = tags
            .iter()
            .map(|tag| (tag.path().to_owned(), tag.required::<i64>("read").unwrap()))
            .collect();
        let expected = [
            ("profile.p.tags[0]", 1),
            ("unit.tags[0]", 9),
            ("unit.tags[1]", 3),
        ];
        assert_eq!(read, expected.map(|(path, read)| (path.to_owned(), read)));
        profiles.finish();
        unit.finish();
        assert_eq!(problems.into_sorted(), []);
    }
}
