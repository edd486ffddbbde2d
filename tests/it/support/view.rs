//! What an agent's view says of one machine, or of one of its tags.

use serde_json::Value;

use super::text;

/// The machine with this id; null where there is none.
pub(crate) fn machine<'v>(view: &'v Value, id: &str) -> &'v Value {
    named(&view["machines"], "id", id)
}

/// A tag by both names, `press/temp`; null where there is none.
pub(crate) fn tag<'v>(view: &'v Value, name: &str) -> &'v Value {
    let (of, tag) = name.split_once('/').expect("a name");
    named(&machine(view, of)["tags"], "tag", tag)
}

/// Its value as it is shown, empty where there is none.
pub(crate) fn value<'v>(view: &'v Value, name: &str) -> &'v str {
    text(tag(view, name), "/value")
}

fn named<'v>(list: &'v Value, key: &str, name: &str) -> &'v Value {
    let mut all = list.as_array().into_iter().flatten();
    all.find(|one| one[key] == name).unwrap_or(&Value::Null)
}
