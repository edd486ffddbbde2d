//! Ids as the tables keep them: the bytes of a ULID (16) or of a `dedup_key` (32), any other text as it is.
//!
//! They are most of what a small row holds, and as bytes they take half of the room. Whoever looks in reads them with `hex(id)`.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlResult, ToSqlOutput, Value, ValueRef},
};
use ulid::Ulid;

/// An id on its way into a row or a condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Id<'a>(pub(crate) &'a str);

/// An id out of a row, as text again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdText(pub(crate) String);

impl Id<'_> {
    /// As a value of its own.
    pub(crate) fn value(self) -> Value {
        packed(self.0).map_or_else(|| Value::Text(self.0.to_owned()), Value::Blob)
    }
}

impl ToSql for Id<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(self.value()))
    }
}

impl FromSql for IdText {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let ValueRef::Blob(bytes) = value else {
            return value.as_str().map(|text| Self(text.to_owned()));
        };
        Ok(Self(match <[u8; 16]>::try_from(bytes) {
            Ok(ulid) => Ulid::from_bytes(ulid).to_string(),
            Err(_) => hex(bytes),
        }))
    }
}

/// The bytes, only if the same text comes back from them.
fn packed(text: &str) -> Option<Vec<u8>> {
    match text.len() {
        26 => {
            let ulid = Ulid::from_string(text).ok()?;
            (ulid.to_string() == text).then(|| ulid.to_bytes().to_vec())
        }
        64 => {
            let digit = |byte: u8| match byte {
                b'0'..=b'9' => Some(byte - b'0'),
                b'a'..=b'f' => Some(byte - b'a' + 10),
                _ => None,
            };
            let pairs = text.as_bytes().chunks_exact(2);
            pairs
                .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
                .collect()
        }
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was_and_only_ids_are_bytes() {
        let hash = "0f".repeat(32);
        let upper = "0F".repeat(32);
        let table = [
            ("01KN33X5G0A2X02FC34SAMS3GX", Some(16)),
            ("01kn33x5g0a2x02fc34sams3gx", None),
            ("ZZZZZZZZZZZZZZZZZZZZZZZZZZ", None),
            (hash.as_str(), Some(32)),
            (upper.as_str(), None),
            ("alert-1", None),
            ("", None),
        ];
        let db = rusqlite::Connection::open_in_memory().expect("a database");
        for (text, bytes) in table {
            assert_eq!(packed(text).map(|bytes| bytes.len()), bytes, "{text}");
            let back: IdText = db
                .query_row("SELECT ?1", [Id(text)], |row| row.get(0))
                .expect("an id");
            assert_eq!(back.0, text);
        }
    }
}
