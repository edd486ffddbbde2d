//! What Slack shows of an event: a header and the sentence, and beside a coloured bar the facts, where it comes from, and buttons for links.
//!
//! Its limits: 150 characters of header, 3,000 of a section's text, 2,000 of a field and ten of those, ten elements of a context, 75 and
//! 3,000 of a button's text and url. `&`, `<` and `>` are escaped, and without `<` nobody is mentioned; what makes bold or code cannot be
//! escaped, so it gets neighbours that nobody sees. Headers are plain text.

use serde_json::{Value as Json, json};

use super::super::{
    card::Card,
    chat::{NOTHING, Spot, beside, fit},
    text::shorten,
};

const HEADER: usize = 150;
const TEXT: usize = 3000;
const FIELDS: usize = 10;
const FIELD: usize = 2000;
const BUTTON: usize = 75;
const URL: usize = 3000;
/// Room for the name of a field, and for mentions before a text.
const NAME: usize = 50;
/// What is told below the facts, small.
const ORIGIN: [&str; 3] = ["Machine", "Rule", "Clock"];

/// The parts of a message that show a card. `calls` is what mentions people, ready to be sent, or empty.
pub(super) fn shown(card: &Card, calls: &str) -> Json {
    let call = match calls {
        "" => String::new(),
        calls => format!("{calls} "),
    };
    let sentence = |limit: usize| {
        let room = limit.saturating_sub(call.len());
        format!("{call}{}", fit(&card.text, room, mrkdwn))
    };
    let header =
        json!({ "type": "plain_text", "text": shorten(&card.title, HEADER - 1), "emoji": false });
    json!({
        // What a notification shows.
        "text": sentence(TEXT),
        "blocks": [
            { "type": "header", "text": header },
            { "type": "section", "text": text(sentence(TEXT)) },
        ],
        "attachments": [{ "color": card.tone.hex(), "blocks": beside_bar(card) }],
    })
}

fn beside_bar(card: &Card) -> Vec<Json> {
    let facts = beside(card).filter(|(name, _)| !ORIGIN.contains(name));
    let field = |(name, value): (&str, &str)| {
        text(format!("*{name}*\n{}", fit(value, FIELD - NAME, mrkdwn)))
    };
    let fields: Vec<Json> = facts.take(FIELDS).map(field).collect();
    let origin = beside(card).filter(|(name, _)| ORIGIN.contains(name));
    let small = |(name, value): (&str, &str)| {
        let plain = shorten(&format!("{name}: {value}"), FIELD / 2);
        json!({ "type": "plain_text", "text": plain, "emoji": false })
    };
    let origin: Vec<Json> = origin.map(small).collect();
    let links = card.links.iter().filter(|(_, url)| url.len() <= URL);
    let button = |(name, url): &(&str, String)| {
        let text = json!({ "type": "plain_text", "text": shorten(name, BUTTON) });
        json!({ "type": "button", "text": text, "url": url, "action_id": name.to_lowercase() })
    };
    let buttons: Vec<Json> = links.map(button).collect();
    let blocks = [
        ("section", "fields", fields),
        ("context", "elements", origin),
        ("actions", "elements", buttons),
    ];
    let some = blocks.into_iter().filter(|(_, _, parts)| !parts.is_empty());
    some.map(|(kind, key, parts)| json!({ "type": kind, key: parts }))
        .collect()
}

/// A text with markup that is ours; Slack looks for nothing else in it.
fn text(mrkdwn: String) -> Json {
    json!({ "type": "mrkdwn", "text": mrkdwn, "verbatim": true })
}

/// A character in which Slack finds no markup of its own.
fn mrkdwn(spot: Spot, text: &mut String) {
    match spot.is {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        '>' => text.push_str("&gt;"),
        '*' | '_' | '~' | '`' if !spot.in_word() => text.extend([NOTHING, spot.is, NOTHING]),
        is => text.push(is),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup_and_none_is_cut_inside_an_entity() {
        let shown = |text: &str, limit| fit(text, limit, mrkdwn).replace(NOTHING, "|");
        assert_eq!(
            shown("a<b & spindle_temp *c* `d`", 99),
            "a&lt;b &amp; spindle_temp |*|c|*| |`|d|`|"
        );
        assert_eq!(shown("<!channel>", 6), "&lt;!…");
        assert_eq!(shown("&&", 9), "&amp;…");
    }
}
