//! What Telegram shows of an event, in its HTML: a bold title, the sentence, the facts, links.
//!
//! A message may have 4,096 characters after its tags and entities were read; they are counted before, which is never fewer. A name
//! behind `@` would call somebody, so it gets a neighbour that nobody sees.

use super::{
    super::{
        card::Card,
        chat::{NOTHING, Room, Spot, beside, fit, length, roomy},
    },
    mention::Mention,
};

const MESSAGE: usize = 4096;
const TITLE: usize = 400;
/// A link that is longer is left out.
const URL: usize = 1000;

/// The text of the message.
pub(super) fn shown(card: &Card, mentions: &[&Mention]) -> String {
    roomy(
        |room| text(card, mentions, room),
        |text| length(text) <= MESSAGE,
    )
}

fn text(card: &Card, mentions: &[&Mention], room: Room) -> String {
    let mut lines = vec![format!("<b>{}</b>", fit(&card.title, TITLE, html))];
    if !mentions.is_empty() {
        let calls: Vec<String> = mentions.iter().map(|one| one.html()).collect();
        lines.push(calls.join(" "));
    }
    lines.push(fit(&card.text, room.text, html));
    lines.push(String::new());
    let facts = beside(card).take(room.facts);
    lines.extend(
        facts.map(|(name, value)| format!("<b>{name}</b>: {}", fit(value, room.fact, html))),
    );
    let links = card.links.iter().map(|(name, url)| {
        let url = url.replace('&', "&amp;").replace('"', "&quot;");
        format!("<a href=\"{url}\">{name}</a>")
    });
    let links: Vec<String> = links.filter(|link| link.len() <= URL).collect();
    lines.push(links.join(" · "));
    lines.join("\n").trim_end().to_owned()
}

/// A character that is no tag, no entity and no mention.
fn html(spot: Spot, text: &mut String) {
    match spot.is {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        '>' => text.push_str("&gt;"),
        '@' if !spot.in_word() => text.extend([spot.is, NOTHING]),
        is => text.push(is),
    }
}
