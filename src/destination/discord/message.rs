//! What Discord shows of an event: the sentence, and an embed with a title, a coloured bar and the facts.
//!
//! Its limits: 2,000 characters of content, 256 of a title, 25 fields with 256 of name and 1,024 of value, and 6,000 in an embed
//! altogether. Its Markdown is escaped by backslashes; a link needs brackets that touch, so they get a neighbour that nobody sees.

use serde_json::{Value as Json, json};

use super::{
    super::{
        Told,
        card::Card,
        chat::{NOTHING, Room, Spot, beside, calls, fit, length, roomy},
    },
    mention::Mention,
};
use crate::clock::Wall;

const CONTENT: usize = 2000;
const TITLE: usize = 256;
const VALUE: usize = 1024;
const FIELDS: usize = 25;
const EMBED: usize = 6000;
/// `SUPPRESS_NOTIFICATIONS`: it is there, and rings nowhere.
const SILENT: u32 = 1 << 12;

/// The message. `mentions` are called by it, and nobody else.
pub(super) fn shown(told: &Told<'_>, card: &Card, mentions: &[&Mention]) -> Json {
    let call: String = mentions.iter().map(|one| one.text() + " ").collect();
    let room = CONTENT.saturating_sub(length(&call));
    let ids = |role: bool| -> Vec<&str> {
        let these = mentions.iter().filter(|one| one.is_role() == role);
        these.map(|one| one.id()).collect()
    };
    json!({
        "content": format!("{call}{}", fit(&card.text, room, markdown)),
        "embeds": [roomy(|room| embed(told, card, room), |embed| size(embed) <= EMBED)],
        "allowed_mentions": { "parse": [], "users": ids(false), "roles": ids(true) },
        "flags": if calls(told) { 0 } else { SILENT },
    })
}

fn embed(told: &Told<'_>, card: &Card, room: Room) -> Json {
    let facts = beside(card).take(room.facts.min(FIELDS - 1));
    let field = |(name, value): (&str, &str)| {
        let value = fit(value, room.fact.min(VALUE), markdown);
        json!({ "name": name, "inline": length(&value) <= 40, "value": value })
    };
    let mut fields: Vec<Json> = facts.map(field).collect();
    let links = card.links.iter().map(|(name, url)| {
        let url = url.replace('(', "%28").replace(')', "%29");
        format!("[{name}]({url})")
    });
    let links = links.collect::<Vec<_>>().join(" · ");
    if !links.is_empty() && length(&links) <= VALUE {
        fields.push(json!({ "name": "Links", "inline": false, "value": links }));
    }
    json!({
        "title": fit(&card.title, TITLE, markdown),
        "color": card.tone.rgb(),
        "timestamp": Wall::from_millis(told.notice.at).to_string(),
        "fields": fields,
    })
}

/// What counts for the limit of all embeds together.
fn size(embed: &Json) -> usize {
    let text = |value: &Json| value.as_str().map_or(0, length);
    let fields = embed["fields"].as_array().into_iter().flatten();
    let fields = fields.map(|field| text(&field["name"]) + text(&field["value"]));
    text(&embed["title"]) + fields.sum::<usize>()
}

/// A character in which Discord finds no Markdown and no mention of its own.
fn markdown(spot: Spot, text: &mut String) {
    match spot.is {
        '\\' | '*' | '`' | '~' | '|' | '<' => text.extend(['\\', spot.is]),
        '_' if !spot.in_word() => text.push_str("\\_"),
        // A heading, a quotation or a list, where a text begins with it.
        '#' | '>' | '+' | '-' if spot.is_first() => text.extend(['\\', spot.is]),
        '(' | '[' | ':' if spot.follows(']') => text.extend([NOTHING, spot.is]),
        '@' if !spot.in_word() => text.extend([spot.is, NOTHING]),
        is => text.push(is),
    }
}
