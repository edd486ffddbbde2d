//! What must hold for any input whatsoever: the bodies of the fuzz targets in `fuzz/`, which the tests below run with random input.
//!
//! Nothing of the agent uses this. A promise that does not hold is a panic.

use super::{
    payload::{Format, Good, Layout, Listed, MOST_SAMPLES, MqttTag, Quality, Reader},
    topic::{Template, to_id},
};
use crate::{
    clock::Wall,
    config::section::Id,
    sample::{Bad, Labels, Reading, Value},
};

/// Reads bytes as a way of reading payloads, and as a payload.
///
/// # Panics
/// When what comes out as good is not finite, not plausible, or not of the tag's kind; or when something is malformed and nobody is
/// told why.
pub fn payload(data: &[u8]) {
    let (head, payload) = data.split_at(data.len().min(3));
    let choice = |at: usize| head.get(at).copied().map_or(0, usize::from);
    const FORMATS: [Format; 5] = [
        Format::Number,
        Format::Bool,
        Format::Text,
        Format::Json,
        Format::Senml,
    ];
    const POINTERS: [Option<&str>; 4] = [None, Some(""), Some("/a"), Some("/a/0")];
    let pointer = |which: usize| POINTERS[which % POINTERS.len()].map(str::to_owned);
    let format = FORMATS[choice(0) % FORMATS.len()];
    let layout = Layout {
        each: pointer(choice(1)),
        name: pointer(choice(1) / 4).filter(|_| choice(1) % 4 != 0),
        time: pointer(choice(1) / 16),
    };
    let tags = tags(choice(2));
    let now = Wall::from_millis(1_775_298_605_120);
    let contents = Reader::new(format, &tags, &layout).read(payload, &tags, now);
    assert!(contents.readings.len() <= MOST_SAMPLES);
    for of in &contents.readings {
        let tag = &tags[of.tag];
        match of.reading {
            Reading::Good(Value::Bool(_)) => assert!(!tag.is_text),
            Reading::Good(Value::Number(number)) if tag.is_text => {
                assert!(tag.labels.of(number).is_some());
            }
            Reading::Good(Value::Number(number)) => {
                assert!(number.is_finite());
                let valid = tag.valid;
                assert!(valid.is_none_or(|(low, high)| (low..=high).contains(&number)));
            }
            Reading::Bad(Bad::Malformed | Bad::Unlisted) => {
                let said = contents.fault.expect("a reason").say(&tags);
                assert!(!said.is_empty());
            }
            Reading::Bad(bad) => assert!(matches!(bad, Bad::SensorFault | Bad::Quality)),
        }
    }
}

fn tags(choice: usize) -> [MqttTag; 3] {
    let quality = Quality {
        path: "/q".to_owned(),
        good: match choice % 3 {
            0 => Good::Usual,
            1 => Good::OpcUa,
            _ => Good::Listed(vec![Listed::Number(1.0), Listed::Text("a".into())]),
        },
        required: choice.is_multiple_of(2),
    };
    let tag = |name: &str, path: &str| MqttTag {
        path: path.to_owned(),
        ..MqttTag::plain(name.into())
    };
    [
        MqttTag {
            quoted: choice & 8 != 0,
            valid: (choice & 16 != 0).then_some((-1.0, 1.0)),
            scale: 1e200,
            ..tag("a", "/a")
        },
        MqttTag {
            quality: Some(quality),
            ..tag("b", "/a/0/b")
        },
        MqttTag {
            is_text: true,
            labels: Labels::new(vec![(1.0, "a".into()), (2.0, "b".into())]),
            ..tag("c", "")
        },
    ]
}

/// Reads the first line of a text as a template and the rest as a topic.
///
/// # Panics
/// When a template and its filter do not match the same, or a name becomes an id that is none.
pub fn topic(text: &str) {
    let (template, topic) = text.split_once('\n').unwrap_or((text, text));
    if let Some(id) = to_id(topic) {
        assert!(Id::new(&id.0).is_some());
    }
    let Ok(template) = Template::parse(template) else {
        return;
    };
    let filter = template.filter();
    let plain = Template::parse(&filter).expect("a filter is a template without captures");
    assert_eq!(plain.filter(), filter);
    let captures = template.captures(topic);
    assert_eq!(captures.is_some(), plain.captures(topic).is_some());
    for (name, part) in captures.into_iter().flatten() {
        assert!(template.has(name) && !part.contains('/') && topic.contains(part));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_bytes_are_good_only_if_they_can_be(data in prop::collection::vec(any::<u8>(), 0..200)) {
            super::payload(&data);
        }

        #[test]
        fn anything_like_json_is_good_only_if_it_can_be(
            head in any::<[u8; 3]>(),
            text in "([\\[{}\\],:]|\"(a|b|q|n|v|t|bn|bt|bv|vs)?\"|-?[0-9]{1,9}(\\.5|e308)?|true|null){0,60}",
        ) {
            super::payload(&[&head[..], text.as_bytes()].concat());
        }

        #[test]
        fn any_json_is_good_only_if_it_can_be(
            head in any::<[u8; 3]>(),
            rows in prop::collection::vec((0_usize..6, "[abq]", "-?[0-9]{1,3}|true|null|\"[ab1]\"|\\[1\\]"), 0..20),
        ) {
            let row = |(kind, key, value): &(usize, String, String)| match kind {
                0 => value.clone(),
                1 => format!("[{value}]"),
                2 => format!("{{\"a\":[{{\"{key}\":{value}}}]}}"),
                3 => format!("{{\"bn\":\"{key}\",\"bt\":{value},\"v\":1}}"),
                4 => format!("{{\"{key}\":{value},\"q\":192,\"v\":2}}"),
                _ => format!("{{\"{key}\":{value}}}"),
            };
            let rows: Vec<String> = rows.iter().map(row).collect();
            for text in [format!("[{}]", rows.join(",")), format!("{{\"a\":[{}]}}", rows.join(","))] {
                super::payload(&[&head[..], text.as_bytes()].concat());
            }
        }

        #[test]
        fn any_topic_matches_a_template_as_it_matches_its_filter(
            text in "(\\$?[ab{}+#/]{0,12}|(a|\\{[ab]\\}|\\+)(/(a|\\{[ab]\\}|\\+|#)){0,3}|\\PC{0,20})\\n([ab$/]{0,12}|\\PC{0,20})"
        ) {
            super::topic(&text);
        }
    }
}
