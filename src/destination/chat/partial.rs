//! The JSON of an answer whose end may be missing: these services repeat the message that they were sent, and only the beginning of an
//! answer is read. What stands before the end is found all the same.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// All that can be read of it; null if it is no JSON at all.
pub(in crate::destination) fn partial(text: &str) -> Value {
    let mut value = Value::Null;
    let mut reader = serde_json::Deserializer::from_str(text);
    // What was read before a mistake is what is asked for.
    let _ = At(&mut value).deserialize(&mut reader);
    value
}

/// Reads a value to where it belongs, piece by piece, so that what was read is there whatever comes after it.
struct At<'v>(&'v mut Value);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        *self.0 = Value::Array(Vec::new());
        loop {
            let mut item = Value::Null;
            let more = items.next_element_seed(At(&mut item));
            if let (Value::Array(list), true) = (&mut *self.0, !matches!(more, Ok(None))) {
                list.push(item);
            }
            if more?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        *self.0 = Value::Object(Map::new());
        while let Some(key) = entries.next_key::<String>()? {
            let mut value = Value::Null;
            let read = entries.next_value_seed(At(&mut value));
            if let Value::Object(map) = &mut *self.0 {
                map.insert(key, value);
            }
            read?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stands_before_the_end_is_found() {
        let whole = json!({ "ok": true, "result": { "message_id": 7, "text": "a\"b", "list": [1, -2, 3.5, null] }, "ts": "1.2" });
        let text = whole.to_string();
        assert_eq!(partial(&text), whole);
        let cut = partial(&text[..text.find("a\\\"b").expect("there") + 2]);
        assert_eq!(cut["ok"], true);
        assert_eq!(cut["result"]["message_id"], 7);
        for end in 0..text.len() {
            partial(&text[..end]);
        }
        assert_eq!(partial("ok"), Value::Null);
        assert_eq!(partial(""), Value::Null);
        assert!(partial(&"[".repeat(10_000))[0][0].is_array());
    }
}
