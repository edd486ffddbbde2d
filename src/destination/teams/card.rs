//! An Adaptive Card 1.4 with an event on it, as Teams shows it: title, sentence, facts, buttons for links.
//!
//! Its texts are a subset of Markdown. What makes bold, italics and code gets a backslash; a link needs brackets that touch, so they get a
//! neighbour that nobody sees, and so does what would look like a mention.

use serde_json::{Value as Json, json};

use super::{
    super::{
        card::{Card, Tone},
        chat::{NOTHING, Room, Spot, beside, fit},
    },
    mention::Mention,
};

/// The longest title.
const TITLE: usize = 400;

/// The card in as much room as there is.
pub(super) fn adaptive(card: &Card, mentions: &[&Mention], room: Room) -> Json {
    let colour = match card.tone {
        Tone::Critical | Tone::Error => "Attention",
        Tone::Warning => "Warning",
        Tone::Info => "Accent",
        Tone::Good => "Good",
    };
    let title = json!({
        "type": "TextBlock", "text": fit(&card.title, TITLE, markdown), "weight": "Bolder", "size": "Medium", "wrap": true, "color": colour,
    });
    let line = |text: String| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let mut body = vec![title];
    if !mentions.is_empty() {
        let calls: Vec<String> = mentions.iter().map(|one| one.text()).collect();
        body.push(line(calls.join(" ")));
    }
    body.push(line(fit(&card.text, room.text, markdown)));
    let facts = beside(card).take(room.facts);
    let facts = facts
        .map(|(name, value)| json!({ "title": name, "value": fit(value, room.fact, markdown) }));
    let facts: Vec<Json> = facts.collect();
    if !facts.is_empty() {
        body.push(json!({ "type": "FactSet", "facts": facts }));
    }
    let entities: Vec<Json> = mentions.iter().map(|one| one.entity()).collect();
    let mut shown = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "body": body,
    });
    if !entities.is_empty() {
        shown["msteams"]["entities"] = entities.into();
    }
    if !card.links.is_empty() {
        let open = |(name, url): &(&str, String)| json!({ "type": "Action.OpenUrl", "title": name, "url": url });
        shown["actions"] = card.links.iter().map(open).collect();
    }
    shown
}

/// A character in which Teams finds no Markdown and no mention of its own.
pub(super) fn markdown(spot: Spot, text: &mut String) {
    match spot.is {
        '\\' | '*' | '`' | '~' => text.extend(['\\', spot.is]),
        '_' if !spot.in_word() => text.push_str("\\_"),
        // A heading, a quotation or a list, where a text begins with it.
        '#' | '>' | '+' | '-' if spot.is_first() => text.extend(['\\', spot.is]),
        '(' | '[' | ':' if spot.follows(']') => text.extend([NOTHING, spot.is]),
        // `<at>`, and every other tag or link in angles.
        '<' => text.extend([spot.is, NOTHING]),
        is => text.push(is),
    }
}
