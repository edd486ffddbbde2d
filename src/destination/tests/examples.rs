//! The examples that are shipped: one of each kind, format and scheme.

use std::collections::BTreeSet;

use crate::{
    config::section::{Problems, Section},
    destination::{Destination, testbed::node},
};

#[test]
fn there_is_an_example_of_every_kind_format_and_scheme() {
    let text = include_str!("../../../config/destinations.toml");
    let table = text.parse::<toml::Table>().expect("TOML");
    let examples = table["destination"].as_array().expect("a list");
    for example in examples {
        let mut example = example.as_table().expect("a table").clone();
        let name = example.remove("name").expect("a name");
        let (tree, problems) = (node(example.into()), Problems::new());
        let section = Section::root(&tree, &problems);
        assert!(Destination::read("ops", section).is_some(), "{name}");
        for problem in problems.into_sorted() {
            // The files with the secrets are for whoever copies it to make.
            let missing = problem.message.starts_with("cannot be used");
            // Some are only for those who still have them.
            let leaving = ["is retired", "ends: "];
            let leaving = leaving.iter().any(|of| problem.message.starts_with(of));
            assert!(problem.warning && (missing || leaving), "{name}: {problem}");
        }
    }
    let shown = |keys: &[&str]| -> BTreeSet<&str> {
        let values = examples.iter().filter_map(|example| {
            let value = keys.iter().try_fold(example, |value, key| value.get(key));
            value.and_then(toml::Value::as_str)
        });
        values.collect()
    };
    let kinds = crate::destination::KINDS.iter().map(|(word, _)| *word);
    assert_eq!(shown(&["type"]), kinds.collect());
    let formats = crate::destination::webhook::format::WORDS.map(|(word, ..)| word);
    let plain = formats.into_iter().filter(|word| *word != "native");
    assert_eq!(shown(&["format"]), plain.collect());
    let schemes = crate::destination::sign::SCHEMES.map(|(word, ..)| word);
    assert_eq!(shown(&["sign", "scheme"]), schemes.into());
}
