//! Whom an alert at Opsgenie or Jira Service Management is for: `responders = ["team:maintenance"]`.

use serde_json::{Value as Json, json};

use crate::config::section::Section;

const KINDS: [&str; 4] = ["team", "user", "escalation", "schedule"];
/// The most of them.
const MOST: usize = 50;

/// Reads `responders`; `by_id` where they are named by their ids and by nothing else.
pub(super) fn read(section: &Section<'_>, by_id: bool) -> Vec<Json> {
    let written: Vec<String> = section.get("responders", Vec::new());
    let read = written.iter().map(|text| responder(text, by_id));
    let found: Option<Vec<Json>> = read.collect();
    match found {
        Some(found) if found.len() <= MOST => found,
        _ => {
            let name = if by_id { "ID" } else { "NAME" };
            section.error(
                "responders",
                format!(
                    "must be at most 50 texts like \"team:{name}\", of {}",
                    KINDS.join(", ")
                ),
            );
            Vec::new()
        }
    }
}

fn responder(text: &str, by_id: bool) -> Option<Json> {
    let (kind, name) = text.split_once(':')?;
    if !KINDS.contains(&kind) || name.trim().is_empty() {
        return None;
    }
    let field = match (by_id, kind) {
        (true, _) => "id",
        (false, "user") => "username",
        (false, _) => "name",
    };
    Some(json!({ "type": kind, field: name.trim() }))
}
