//! TOML text into a [`Node`], each value with its file and line and exactly the type that was written.
//!
//! It knows TOML and nothing of what the keys mean. A file with a syntax error yields no tree at all: what a parser
//! recovers from half a file would only cause mistakes that the user did not make.

use std::sync::Arc;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    section::Problem,
    tree::{Node, Place, Value},
};

/// Reads a document.
///
/// # Errors
/// Every syntax error, and every value that a configuration cannot hold: dates, and numbers beyond 64 bits.
pub fn parse(file: &Arc<str>, text: &str) -> Result<Node, Vec<Problem>> {
    let mut reader = Reader {
        file: file.clone(),
        line_starts: line_starts(text),
        problems: Vec::new(),
    };
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        reader.problem(at, error.message().to_owned());
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let place = reader.place(0);
    let value = reader.table(root.get_ref());
    if reader.problems.is_empty() {
        Ok(Node { value, place })
    } else {
        Err(reader.problems)
    }
}

struct Reader {
    file: Arc<str>,
    line_starts: Vec<usize>,
    problems: Vec<Problem>,
}

impl Reader {
    fn table(&mut self, table: &DeTable<'_>) -> Value {
        // The map is sorted by key; people expect the order in which they wrote.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let read = entries.into_iter().map(|(key, value)| {
            let node = self.node(value, key.span().start);
            (key.get_ref().clone().into_owned(), node)
        });
        Value::Table(read.collect())
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, at: usize) -> Node {
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Value::Int(number),
                    Err(_) => self.refuse(at, format!("{number} is too large for a number here")),
                }
            }
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(parsed) if parsed.is_finite() || number.as_str().contains(['n', 'N']) => {
                    Value::Float(parsed)
                }
                _ => self.refuse(at, format!("{number} is too large for a number here")),
            },
            DeValue::Datetime(date) => self.refuse(
                at,
                format!("{date} is a date, which nothing here takes; put a text in quotes"),
            ),
            DeValue::Array(items) => {
                let read = |item: &Spanned<DeValue<'_>>| self.node(item, item.span().start);
                Value::List(items.iter().map(read).collect())
            }
            DeValue::Table(table) => self.table(table),
        };
        Node {
            value,
            place: self.place(at),
        }
    }

    fn refuse(&mut self, at: usize, message: String) -> Value {
        self.problem(at, message);
        Value::Bool(false)
    }

    fn problem(&mut self, at: usize, message: String) {
        self.problems.push(Problem {
            place: Some(self.place(at)),
            path: String::new(),
            message,
            warning: false,
        });
    }

    fn place(&self, at: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= at);
        Place {
            file: self.file.clone(),
            line: u32::try_from(line.max(1)).unwrap_or(u32::MAX),
        }
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0)
        .chain(after_breaks.map(|(at, _)| at + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Vec<String>> {
        parse(&"a.toml".into(), text)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_keep_their_types_order_and_lines() {
        let root =
            read("z = 1\n[b]\nport = 5.9\n\n[[m]]\nid = 'x'\n[[m]]\n\nid = \"00123\"\n").unwrap();
        let Value::Table(entries) = &root.value else {
            panic!("a document is a table")
        };
        let keys: Vec<_> = entries
            .iter()
            .map(|(key, node)| (key.as_str(), node.place.line))
            .collect();
        assert_eq!(keys, [("z", 1), ("b", 2), ("m", 5)]);
        assert_eq!(entries[0].1.value, Value::Int(1));
        assert_eq!(entries[1].1.get("port").unwrap().value, Value::Float(5.9));
        let Value::List(machines) = &entries[2].1.value else {
            panic!("an array of tables is a list")
        };
        let lines: Vec<_> = machines.iter().map(|node| node.place.line).collect();
        assert_eq!(lines, [5, 7]);
        let id = machines[1].get("id").unwrap();
        assert_eq!(
            (&id.value, id.place.line),
            (&Value::Text("00123".into()), 9)
        );
    }

    #[test]
    fn whole_numbers_are_read_in_every_notation() {
        let root = read("a = 0xff\nb = 1_000\nc = -0\nd = 1e3\n").unwrap();
        let value = |key| root.get(key).unwrap().value.clone();
        assert_eq!(value("a"), Value::Int(255));
        assert_eq!(value("b"), Value::Int(1000));
        assert_eq!(value("c"), Value::Int(0));
        assert_eq!(value("d"), Value::Float(1000.0));
    }

    #[test]
    fn dates_and_huge_numbers_are_mistakes_with_their_line() {
        let errors = read("a = 1\nb = 2026-01-01\nc = 99999999999999999999\n").unwrap_err();
        assert_eq!(errors.len(), 2);
        assert!(
            errors[0].starts_with("a.toml:2: 2026-01-01 is a date"),
            "{errors:?}"
        );
        assert!(
            errors[1].starts_with("a.toml:3: 99999999999999999999"),
            "{errors:?}"
        );
    }
}
