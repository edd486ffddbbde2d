//! What Google Chat shows of an event: the sentence as a text, and below it a card with a title, the facts and buttons for links.
//!
//! Texts of cards are a little HTML and escaped as such. What makes bold or code in the text cannot be escaped, and gets neighbours that
//! nobody sees; so does what would be a mention or a link.

use serde_json::{Value as Json, json};

use super::{
    super::{
        card::Card,
        chat::{NOTHING, Room, Spot, beside, fit, length, unmarked},
    },
    mention::Mention,
};

/// The longest text; older documents say 4,096.
const TEXT: usize = 4000;
const TITLE: usize = 200;

/// The message, in as much room as there is. `key` names the thread.
pub(super) fn shown(card: &Card, mentions: &[&Mention], key: &str, room: Room) -> Json {
    let call: String = mentions.iter().map(|one| format!("{} ", one.0)).collect();
    let text = room.text.min(TEXT - length(&call));
    let title = fit(&card.title, TITLE, plain);
    let facts = beside(card).take(room.facts);
    let fact = |(name, value): (&str, &str)| {
        let value = fit(value, room.fact, html);
        let value = match name {
            "Severity" => format!("<font color=\"{}\">{value}</font>", card.tone.hex()),
            _ => value,
        };
        json!({ "decoratedText": { "topLabel": name, "text": value, "wrapText": true } })
    };
    let mut widgets: Vec<Json> = facts.map(fact).collect();
    if !card.links.is_empty() {
        let button = |(name, url): &(&str, String)| json!({ "text": name, "onClick": { "openLink": { "url": url } } });
        let buttons: Vec<Json> = card.links.iter().map(button).collect();
        widgets.push(json!({ "buttonList": { "buttons": buttons } }));
    }
    let mut shown = json!({ "header": { "title": title } });
    if !widgets.is_empty() {
        shown["sections"] = json!([{ "widgets": widgets }]);
    }
    json!({
        "text": format!("{call}{}", fit(&card.text, text, markup)),
        "fallbackText": title,
        "cardsV2": [{ "cardId": "alert", "card": shown }],
        "thread": { "threadKey": key },
    })
}

fn plain(spot: Spot, text: &mut String) {
    text.push(spot.is);
}

/// A character of a card, in which nothing is a tag.
fn html(spot: Spot, text: &mut String) {
    match spot.is {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        '>' => text.push_str("&gt;"),
        is => text.push(is),
    }
}

/// A character of a text in which nothing is bold, code, a link or a mention.
fn markup(spot: Spot, text: &mut String) {
    match spot.is {
        '<' => text.extend([spot.is, NOTHING]),
        _ => unmarked(spot, text),
    }
}
