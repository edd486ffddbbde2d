//! Topics of Sparkplug (4): who speaks, and what kind of message it is.

/// The first level of every topic.
pub(super) const NAMESPACE: &str = "spBv1.0";

/// The topic of a message from a node. Commands, and what hosts say of themselves, are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Topic<'t> {
    pub(super) group: &'t str,
    pub(super) verb: Verb,
    pub(super) node: &'t str,
    /// The device behind the node that it is about; empty where it is about the node itself.
    pub(super) device: &'t str,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verb {
    Birth,
    Data,
    Death,
}

const VERBS: [(&str, Verb, bool); 6] = [
    ("NBIRTH", Verb::Birth, false),
    ("NDATA", Verb::Data, false),
    ("NDEATH", Verb::Death, false),
    ("DBIRTH", Verb::Birth, true),
    ("DDATA", Verb::Data, true),
    ("DDEATH", Verb::Death, true),
];

impl<'t> Topic<'t> {
    /// Reads a topic; `None` for one that no node sends on.
    pub(super) fn read(topic: &'t str) -> Option<Self> {
        let mut levels = topic.split('/');
        let mut level = || levels.next();
        let (namespace, group, verb, node) = (level()?, level()?, level()?, level()?);
        let (device, more) = (level(), level());
        let (_, verb, of_device) = VERBS.iter().find(|(word, ..)| *word == verb)?;
        let named = |name: &str| !name.is_empty();
        let whole = namespace == NAMESPACE && named(group) && named(node) && more.is_none();
        (whole && device.is_some_and(named) == *of_device && device.is_some() == *of_device)
            .then_some(Self {
                group,
                verb: *verb,
                node,
                device: device.unwrap_or_default(),
            })
    }

    /// Group and node, which name a node in the whole plant.
    pub(super) fn descriptor(&self) -> String {
        format!("{}/{}", self.group, self.node)
    }
}

/// Where commands to a node are published, from what [`Topic::descriptor`] says of it.
pub(super) fn command_topic(descriptor: &str) -> String {
    let (group, node) = descriptor.split_once('/').unwrap_or((descriptor, ""));
    format!("{NAMESPACE}/{group}/NCMD/{node}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_says_who_speaks_and_what() {
        let topic = Topic::read("spBv1.0/Hall 2/DDATA/gw-7/Press").unwrap();
        assert_eq!(
            (topic.verb, topic.node, topic.device),
            (Verb::Data, "gw-7", "Press")
        );
        assert_eq!(
            command_topic(&topic.descriptor()),
            "spBv1.0/Hall 2/NCMD/gw-7"
        );
        let death = Topic::read("spBv1.0/h/NDEATH/gw-7").unwrap();
        assert_eq!((death.verb, death.device), (Verb::Death, ""));
    }

    #[test]
    fn what_no_node_sends_is_no_topic() {
        for topic in [
            "spBv1.0/h/NCMD/gw-7",
            "spBv1.0/h/DCMD/gw-7/press",
            "spBv1.0/STATE/host",
            "spBv1.0/h/NDATA/gw-7/press",
            "spBv1.0/h/DDATA/gw-7",
            "spBv1.0/h/DDATA/gw-7/press/x",
            "spBv1.0/h/DDATA/gw-7/",
            "spBv1.0/h/NDATA/",
            "spBv1.0//NDATA/gw-7",
            "spAv1.0/h/NDATA/gw-7",
            "spBv1.0/h/ndata/gw-7",
            "",
        ] {
            assert_eq!(Topic::read(topic), None, "{topic}");
        }
    }
}
