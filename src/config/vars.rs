//! `[vars]`: `${name}` in any text of the configuration and of the rule files, so that many sites share all files but one.
//!
//! Values are filled in once and not looked into again; a text needs `$${` for a literal `${`. Keys are never filled in.

use std::collections::BTreeMap;

use super::{
    section::{Problems, Read, nearest},
    tree::{Node, Value},
};

/// The variables of all files, the last definition of each.
#[derive(Debug, Default)]
pub struct Vars(BTreeMap<String, String>);

impl Vars {
    /// Collects the `[vars]` of the files, in the order of their layers.
    pub fn collect<'n>(files: impl Iterator<Item = &'n Node>, problems: &Problems) -> Self {
        let mut vars = BTreeMap::new();
        let tables = files.filter_map(|root| root.get("vars"));
        for table in tables {
            let Value::Table(entries) = &table.value else {
                problems.error(
                    Some(&table.place),
                    "vars",
                    format!("must be a table, `[vars]`, not {}", table.value.what()),
                );
                continue;
            };
            for (name, node) in entries {
                let path = format!("vars.{name}");
                match String::read(node) {
                    Ok(text) if text.contains("${") => problems.error(
                        Some(&node.place),
                        &path,
                        "contains `${`; variables are not filled in inside variables",
                    ),
                    Ok(text) => {
                        vars.insert(name.clone(), text);
                    }
                    Err(message) => problems.error(Some(&node.place), &path, message),
                }
            }
        }
        Self(vars)
    }

    /// Fills in every text below `root`, `[vars]` aside.
    pub fn fill(&self, root: &mut Node, problems: &Problems) {
        if let Value::Table(entries) = &mut root.value {
            for (key, node) in entries.iter_mut().filter(|(key, _)| key != "vars") {
                self.fill_node(node, key, problems);
            }
        }
    }

    fn fill_node(&self, node: &mut Node, path: &str, problems: &Problems) {
        match &mut node.value {
            Value::Text(text) if text.contains("${") => match self.filled(text) {
                Ok(filled) => *text = filled,
                Err(message) => problems.error(Some(&node.place), path, message),
            },
            Value::List(items) => {
                for (at, item) in items.iter_mut().enumerate() {
                    self.fill_node(item, &format!("{path}[{at}]"), problems);
                }
            }
            Value::Table(entries) => {
                for (key, entry) in entries {
                    self.fill_node(entry, &format!("{path}.{key}"), problems);
                }
            }
            _ => {}
        }
    }

    /// The text with its variables filled in. A message never repeats the text: it may be a secret.
    fn filled(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = after;
                continue;
            }
            out.push_str(before);
            let end = after.find('}').filter(|end| is_name(&after[..*end]));
            let end = end.ok_or(
                "has `${` without the name of a variable and `}` behind it; write `$${` for the characters themselves",
            )?;
            let name = &after[..end];
            let value = self.0.get(name).ok_or_else(|| {
                let hint = nearest(name, self.0.keys().map(String::as_str))
                    .map(|near| format!("; did you mean `${{{near}}}`?"));
                format!(
                    "uses `${{{name}}}`, which no `[vars]` defines{}",
                    hint.unwrap_or_default()
                )
            })?;
            out.push_str(value);
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_once_and_escapes_stay() {
        let vars = Vars(BTreeMap::from([
            ("site".to_owned(), "plant-7".to_owned()),
            ("odd".to_owned(), "$".to_owned()),
        ]));
        let check = |text: &str, expected: &str| {
            assert_eq!(vars.filled(text).as_deref(), Ok(expected), "{text}");
        };
        check("a ${site} b ${site}", "a plant-7 b plant-7");
        check("$${site}", "${site}");
        check("${odd}{site}", "${site}");
        check("{value} $5", "{value} $5");
        for bad in ["${", "${}", "${a b}", "${sit}"] {
            assert!(vars.filled(bad).is_err(), "{bad}");
        }
        assert!(
            vars.filled("${sit}")
                .unwrap_err()
                .ends_with("did you mean `${site}`?")
        );
    }
}
