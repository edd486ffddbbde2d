//! The keys of a subscription, of its tags and of profiles that say what payloads mean.

use std::sync::Arc;

use super::{Format, Good, Layout, Listed, MqttTag, Quality, Reader};
use crate::{
    config::{
        machine::Profiles,
        section::{Id, Section},
        tree::{Node, Value},
    },
    sample::Labels,
    source::values,
};

/// What the payloads of a subscription mean.
#[derive(Debug)]
pub(in super::super) struct Means {
    pub(in super::super) tags: Vec<MqttTag>,
    pub(in super::super) reader: Reader,
}

/// Reads what the payloads of a subscription mean. Mistakes are reported.
pub(in super::super) fn read_means<'s>(
    section: &Section<'s>,
    format: Option<Format>,
    profiles: &Profiles<'s>,
) -> Option<Means> {
    let layout = Layout {
        each: pointer(section, "each"),
        name: pointer(section, "name"),
        time: pointer(section, "time"),
    };
    let all = Shared {
        value: pointer(section, "value"),
        quality: read_quality(section),
        format,
        named: layout.name.is_some() || format == Some(Format::Senml),
    };
    check_layout(section, format);
    let tags = match format {
        Some(Format::Number | Format::Bool | Format::Text) => {
            read_tag(section, &all).into_iter().collect()
        }
        Some(Format::Json | Format::Senml) => {
            let before = section.problems().errors();
            let entries = profiles.tags(section);
            // A profile that there is not, or tags that are no list, were reported.
            if entries.is_empty() && section.problems().errors() == before {
                let example = match all.named {
                    true => "tags = [{ tag = .., name = .. }]",
                    false => "tags = [{ tag = .., path = .. }]",
                };
                section.error("tags", format!("are missing: {example} or profile"));
            }
            let tags = entries.into_iter();
            tags.filter_map(|section| read_json_tag(section, &all))
                .collect()
        }
        None => {
            // Which keys exist here depends on the format, so none is called unknown.
            for key in ["tag", "tags", "profile", "unit", "decimals", "valid"] {
                section.raw(key);
            }
            for key in ["invalid", "scale", "offset", "values"] {
                section.raw(key);
            }
            Vec::new()
        }
    };
    let reader = Reader::new(format?, &tags, &layout);
    Some(Means { tags, reader })
}

/// What the tags of a subscription share.
struct Shared {
    value: Option<String>,
    quality: Option<Quality>,
    format: Option<Format>,
    /// Its payloads say by a name whose value they have.
    named: bool,
}

/// Reports keys that say where something stands in payloads that have no such place.
fn check_layout(section: &Section<'_>, format: Option<Format>) {
    let given = |key: &'static str| section.raw(key).is_some();
    match format {
        None => {}
        Some(Format::Json) => {
            if given("name") && !given("each") {
                section.error("name", "needs `each`: the array whose elements have names");
            }
            if given("value") && !given("name") {
                section.error(
                    "value",
                    "needs `name`; where a tag's value stands says its `path`",
                );
            }
        }
        Some(_) => {
            for key in ["each", "name", "value", "time", "quality"] {
                if given(key) {
                    section.error(key, "needs payload = \"json\"");
                }
            }
        }
    }
}

/// Reads one of `tags = [{ tag, path, .. }]`, of a profile or of a subscription's own.
fn read_json_tag(section: Section<'_>, all: &Shared) -> Option<MqttTag> {
    let path = pointer(&section, "path");
    let own = read_quality(&section);
    let name = section.optional::<Arc<str>>("name");
    match all.format {
        Some(Format::Senml) => {
            for key in ["path", "quality"] {
                if section.raw(key).is_some() {
                    section.error(key, "is not used with senml, where a record has a `name`");
                }
            }
        }
        _ if section.raw("path").is_none() && all.value.is_none() => match all.named {
            true => section.error(
                "path",
                "is missing; it says where the value stands in an element, as `value` of the subscription does for all tags",
            ),
            false => section.error("path", format!("is missing; it {NO_POINTER}")),
        },
        _ => {}
    }
    if name.is_some() && !all.named {
        section.error(
            "name",
            "is for arrays of values with names: `each` and `name` of the subscription, or senml",
        );
    }
    let quoted = section.get("quoted", false);
    let texts = |tag: &MqttTag| tag.is_text && quoted;
    let tag = read_tag(&section, all).map(|tag| MqttTag {
        path: path.or_else(|| all.value.clone()).unwrap_or_default(),
        name: name.unwrap_or_else(|| tag.tag.clone()),
        quality: own.or_else(|| all.quality.clone()),
        quoted,
        ..tag
    });
    if tag.as_ref().is_some_and(texts) {
        section.error("quoted", NOT_FOR_TEXTS);
    }
    section.finish();
    tag
}

/// The keys that a tag has in every format.
fn read_tag(section: &Section<'_>, all: &Shared) -> Option<MqttTag> {
    let tag = section.required::<Id>("tag").map(|id| id.0);
    let (labels, is_text) = read_values(section, all.format);
    check_values(section, is_text, !labels.is_empty());
    let scale = section.get("scale", 1.0);
    if scale == 0.0 {
        section.error("scale", "must not be 0: every value would be the same");
    }
    let usual = i64::from(labels.is_empty());
    Some(MqttTag {
        unit: section.get("unit", "".into()),
        decimals: u8::try_from(section.ranged("decimals", usual, 0..=9)).unwrap_or(1),
        valid: read_valid(section),
        invalid: section.get("invalid", Vec::new()),
        scale,
        offset: section.get("offset", 0.0),
        labels,
        is_text,
        ..MqttTag::plain(tag?)
    })
}

/// `values` names numbers, or gives texts their numbers: which of both is told by what stands on the right.
fn read_values(section: &Section<'_>, format: Option<Format>) -> (Labels, bool) {
    let texts = section.raw("values").and_then(|node| match &node.value {
        Value::Table(entries) => entries
            .first()
            .map(|(_, node)| matches!(node.value, Value::Int(_))),
        _ => None,
    });
    let expected = match format {
        Some(Format::Text) => Some(true),
        Some(Format::Number | Format::Bool) => Some(false),
        _ => None,
    };
    if expected == Some(true) && texts.is_none() {
        section.error("values", NO_VALUES);
    }
    if let (Some(expected), Some(texts)) = (expected, texts)
        && expected != texts
    {
        let message = match expected {
            true => {
                "names numbers, and this payload is a text: values = { \"RUN\" = 1, \"STOP\" = 2 }"
            }
            false => {
                "gives texts their numbers, and this payload is none: values = { 1 = \"running\", 2 = \"stopped\" }, or payload = \"text\""
            }
        };
        section.error("values", message);
    }
    match texts {
        Some(true) => (values::read_texts(section), true),
        _ => (values::read_numbers(section), false),
    }
}

/// Reports keys that mean nothing beside `values`.
fn check_values(section: &Section<'_>, is_text: bool, has_names: bool) {
    let refuse = |keys: &[&'static str], why: &str| {
        for key in keys.iter().filter(|key| section.raw(key).is_some()) {
            section.error(key, why);
        }
    };
    if is_text {
        refuse(
            &["scale", "offset", "valid", "invalid", "decimals"],
            NOT_FOR_TEXTS,
        );
    } else if has_names {
        refuse(
            &["scale", "offset"],
            "stands beside `values`, which names the numbers as they are sent",
        );
    }
}

fn read_valid(section: &Section<'_>) -> Option<(f64, f64)> {
    let valid = section.optional::<Vec<f64>>("valid")?;
    match valid[..] {
        [low, high] if low < high => Some((low, high)),
        _ => {
            section.error("valid", "must be two numbers, the lower first: [-40, 150]");
            None
        }
    }
}

/// `quality = { path = "/q", good = ["good", 192], required = false }`
fn read_quality(section: &Section<'_>) -> Option<Quality> {
    let section = section.table("quality")?;
    let path = section.required::<String>("path").is_some();
    let path = path.then(|| pointer(&section, "path"));
    let good = match section.raw("good") {
        None => Good::Usual,
        Some(node) => read_good(node).unwrap_or_else(|| {
            section.error(
                "good",
                "must list what is good, [\"good\", 192, true], or be \"opc_ua\" for its status codes",
            );
            Good::Usual
        }),
    };
    let required = section.get("required", true);
    section.finish();
    Some(Quality {
        path: path??,
        good,
        required,
    })
}

fn read_good(node: &Node) -> Option<Good> {
    let listed = |node: &Node| match &node.value {
        Value::Bool(bit) => Some(Listed::Bool(*bit)),
        Value::Int(number) => Some(Listed::Number(*number as f64)),
        Value::Float(number) => Some(Listed::Number(*number)),
        Value::Text(text) => Some(Listed::Text(text.as_str().into())),
        _ => None,
    };
    match &node.value {
        Value::Text(word) if word == "opc_ua" => Some(Good::OpcUa),
        Value::List(items) if !items.is_empty() => {
            let items: Option<Vec<Listed>> = items.iter().map(listed).collect();
            items.map(Good::Listed)
        }
        _ => None,
    }
}

const NOT_FOR_TEXTS: &str =
    "is for numbers, this tag is a text; `values` says which texts it may be";
const NO_POINTER: &str = "must be a JSON pointer like \"/temperature\" or \"/motor/0/load\"";
const NO_VALUES: &str =
    "is missing; it says which number each text is: values = { \"RUN\" = 1, \"STOP\" = 2 }";

/// A JSON pointer; what is none is reported.
fn pointer(section: &Section<'_>, key: &'static str) -> Option<String> {
    let path = section.optional::<String>(key)?;
    if path.is_empty() || path.starts_with('/') {
        return Some(path);
    }
    section.error(key, NO_POINTER);
    None
}
