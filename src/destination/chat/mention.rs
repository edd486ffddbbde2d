//! Who is mentioned in a chat, so that it calls them: `mention`. Only what the configuration says mentions anybody; texts never do.

use super::calls;
use crate::{
    alert::event::EventKind,
    config::{
        section::{Read, Section},
        tree::{Node, Value},
    },
    destination::Told,
};

/// The most mentions of one list, and of one message.
const MOST: usize = 20;
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// Who is mentioned when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::destination) struct Mentions<M> {
    severities: [Vec<M>; 4],
    escalated: Vec<M>,
}

impl<M> Default for Mentions<M> {
    fn default() -> Self {
        Self {
            severities: [const { Vec::new() }; 4],
            escalated: Vec::new(),
        }
    }
}

impl<M: Read + PartialEq> Mentions<M> {
    /// Reads `mention`: a list for each severity, and one for escalations.
    pub(in crate::destination) fn read(section: &Section<'_>) -> Self {
        let Some(table) = section.table("mention") else {
            return Self::default();
        };
        let list = |key| {
            table
                .optional::<Few<M>>(key)
                .map_or_else(Vec::new, |few| few.0)
        };
        let mentions = Self {
            severities: SEVERITIES.map(list),
            escalated: list("escalated"),
        };
        table.finish();
        mentions
    }

    /// Whom this calls, each once, those of an escalation first: nobody where it calls nobody.
    pub(in crate::destination) fn of(&self, told: &Told<'_>) -> Vec<&M> {
        if !calls(told) {
            return Vec::new();
        }
        let severity = SEVERITIES.iter().zip(&self.severities);
        let severity = severity.filter(|(word, _)| told.notice.alert.severity == **word);
        let escalated = self.escalated.iter();
        let escalated = escalated.filter(|_| told.is(EventKind::Escalated));
        let mut all: Vec<&M> = Vec::new();
        for mention in escalated.chain(severity.flat_map(|(_, list)| list)) {
            if !all.contains(&mention) {
                all.push(mention);
            }
        }
        all.truncate(MOST);
        all
    }
}

/// A list that a message has room for.
struct Few<M>(Vec<M>);

impl<M: Read> Read for Few<M> {
    const EXPECTED: &'static str = "a list";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::List(items) = &node.value else {
            return Err(Self::mismatch(node));
        };
        if items.len() > MOST {
            return Err(format!(
                "has {} entries, at most {MOST} can be mentioned",
                items.len()
            ));
        }
        items
            .iter()
            .map(M::read)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
