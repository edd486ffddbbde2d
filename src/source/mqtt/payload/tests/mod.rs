//! What payloads mean, as tables: bytes and a layout go in, readings come out.

mod arrays;

use proptest::prelude::*;

use super::*;
use crate::sample::Value;

const MALFORMED: Reading = Reading::Bad(Bad::Malformed);
const FAULT: Reading = Reading::Bad(Bad::SensorFault);
const QUALITY: Reading = Reading::Bad(Bad::Quality);
/// A steady clock, at some instant.
const NOW: Wall = Wall::from_millis(1_775_298_605_120);

fn tag(path: &str) -> MqttTag {
    MqttTag {
        path: path.into(),
        valid: Some((-40.0, 150.0)),
        invalid: vec![0.5],
        ..MqttTag::plain("t".into())
    }
}

fn called(name: &str, path: &str) -> MqttTag {
    MqttTag {
        name: name.into(),
        valid: None,
        invalid: Vec::new(),
        ..tag(path)
    }
}

fn number(number: f64) -> Reading {
    Reading::Good(Value::Number(number))
}

/// Reads a payload into what is evaluated, with times in milliseconds.
fn readings(
    reader: &Reader,
    payload: &str,
    tags: &[MqttTag],
) -> Vec<(usize, Reading, Option<i64>)> {
    let contents = reader.read(payload.as_bytes(), tags, NOW);
    let malformed = |of: &TagReading| of.reading == MALFORMED;
    if contents.readings.iter().any(malformed) {
        assert!(contents.fault.is_some(), "{payload}: nobody is told why");
    }
    let readings = contents.readings.iter();
    readings
        .map(|of| (of.tag, of.reading, of.stamp.map(Wall::as_millis)))
        .collect()
}

fn check(format: Format, payload: &[u8], expected: &[Reading]) {
    let tags = [tag("/a"), tag("/b/0")];
    let contents = Reader::new(format, &tags, &Layout::default()).read(payload, &tags, NOW);
    let readings: Vec<Reading> = contents.readings.iter().map(|of| of.reading).collect();
    assert_eq!(readings, expected, "{:?}", String::from_utf8_lossy(payload));
    assert_eq!(contents.fault.is_some(), readings.contains(&MALFORMED));
}

fn layout(each: &str, name: &str, time: &str) -> Layout {
    let given = |pointer: &str| (pointer != "-").then(|| pointer.to_owned());
    Layout {
        each: given(each),
        name: given(name),
        time: given(time),
    }
}

#[test]
fn texts_are_numbers_or_booleans_or_malformed() {
    for (text, reading) in [
        ("97.3", number(97.3)),
        (" -1e1\n", number(-10.0)),
        ("151", FAULT),
        ("0.5", FAULT),
    ] {
        check(Format::Number, text.as_bytes(), &[reading, reading]);
    }
    for text in ["", "NaN", "inf", "1e999", "1,5", "0x10", "97.3 C", "null"] {
        check(Format::Number, text.as_bytes(), &[MALFORMED, MALFORMED]);
    }
    let on = Reading::Good(Value::Bool(true));
    check(Format::Bool, b"ON", &[on, on]);
    for format in [Format::Bool, Format::Json, Format::Senml, Format::Number] {
        check(format, b"yes", &[MALFORMED, MALFORMED]);
        check(format, b"\xff", &[MALFORMED, MALFORMED]);
    }
}

#[test]
fn a_text_is_one_of_its_words_or_unlisted() {
    let labels = crate::sample::Labels::new(vec![(1.0, "RUN".into()), (2.0, "STOP".into())]);
    let tags = [MqttTag {
        labels,
        is_text: true,
        ..called("t", "")
    }];
    let unlisted = Reading::Bad(Bad::Unlisted);
    for (payload, expected) in [
        ("RUN", number(1.0)),
        (" STOP\r\n", number(2.0)),
        ("run", unlisted),
    ] {
        let reader = Reader::new(Format::Text, &tags, &Layout::default());
        assert_eq!(readings(&reader, payload, &tags), [(0, expected, None)]);
        let json = Reader::new(Format::Json, &tags, &Layout::default());
        let quoted = serde_json::to_string(payload).unwrap();
        assert_eq!(readings(&json, &quoted, &tags), [(0, expected, None)]);
    }
}

#[test]
fn json_values_are_taken_where_they_are_and_only_as_what_they_are() {
    let json = |text: &str, expected: &[Reading]| {
        check(Format::Json, text.as_bytes(), expected);
    };
    json(r#"{"a": 1, "b": [2]}"#, &[number(1.0), number(2.0)]);
    json(
        r#"{"b": [2, {"x": [3]}], "z": {"a": 9}, "a": 1}"#,
        &[number(1.0), number(2.0)],
    );
    json(r#"{"a": true}"#, &[Reading::Good(Value::Bool(true))]);
    json(r#"{"a": "1", "b": [null]}"#, &[MALFORMED, MALFORMED]);
    json(r#"{"a": 1, "a": 2}"#, &[number(2.0)]);
    json(r#"{"b": [1], "b": []}"#, &[]);
    json(r#"{"b": {"0": 7}}"#, &[number(7.0)]);
    json(r#"{"other": 1, "a\u0020": 3}"#, &[]);
    json(r#"{"\u0061": 3}"#, &[number(3.0)]);
    json("5", &[]);
    for broken in [
        "",
        "{",
        "NaN",
        r#"{"a": NaN}"#,
        r#"{"a": 1e999}"#,
        "{} x",
        r#"{"c": "\x"}"#,
    ] {
        json(broken, &[MALFORMED, MALFORMED]);
    }
}

#[test]
fn nesting_is_limited_and_brackets_in_texts_do_not_count() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    check(Format::Json, deep(32).as_bytes(), &[]);
    check(Format::Json, deep(33).as_bytes(), &[MALFORMED, MALFORMED]);
    let open = "[".repeat(100_000);
    check(Format::Json, open.as_bytes(), &[MALFORMED, MALFORMED]);
    let text = format!(r#"{{"a": 3, "t": "\"{}"}}"#, "[".repeat(99));
    check(Format::Json, text.as_bytes(), &[number(3.0)]);
    let wide = format!(r#"{{"c": [{}1], "a": 3}}"#, "[],".repeat(99));
    check(Format::Json, wide.as_bytes(), &[number(3.0)]);
}

#[test]
fn a_document_has_one_time_and_one_that_is_none_is_told_and_counts_as_now() {
    let tags = [called("t", "/a")];
    let reader = Reader::new(Format::Json, &tags, &layout("-", "-", "/ts"));
    let stamped = readings(&reader, r#"{"a": 1, "ts": 1775298605}"#, &tags);
    assert_eq!(stamped, [(0, number(1.0), Some(1_775_298_605_000))]);
    assert_eq!(
        readings(&reader, r#"{"a": 1}"#, &tags),
        [(0, number(1.0), None)]
    );
    let strange = reader.read(br#"{"a": 1, "ts": "yesterday"}"#, &tags, NOW);
    assert_eq!(strange.readings[0].stamp, None);
    assert!(
        strange
            .fault
            .unwrap()
            .say(&tags)
            .contains("its time is neither")
    );
}

#[test]
fn a_fault_names_the_tag_that_it_is_about() {
    let tags = [
        tag("/b"),
        MqttTag {
            tag: "load".into(),
            ..tag("/a")
        },
    ];
    let reader = Reader::new(Format::Json, &tags, &Layout::default());
    let fault = reader.read(br#"{"a": null}"#, &tags, NOW).fault.unwrap();
    assert_eq!(fault.say(&tags), "the value of load is null");
    let fault = reader.read(b"{", &tags, NOW).fault.unwrap();
    assert_eq!(fault.say(&tags), "it is not JSON");
}

#[test]
fn a_bad_quality_is_bad_whatever_the_value_is_and_no_fault() {
    let quality = Quality {
        path: "/q".into(),
        good: Good::Usual,
        required: true,
    };
    let tags = [MqttTag {
        quality: Some(quality),
        ..called("t", "/v")
    }];
    let reader = Reader::new(Format::Json, &tags, &Layout::default());
    for (payload, expected) in [
        (r#"{"v": 1, "q": 192}"#, Some(number(1.0))),
        (r#"{"q": "Good", "v": 1}"#, Some(number(1.0))),
        (r#"{"v": 1, "q": 0}"#, Some(QUALITY)),
        (r#"{"v": null, "q": "bad"}"#, Some(QUALITY)),
        (r#"{"q": false}"#, Some(QUALITY)),
        (r#"{"v": 1}"#, Some(QUALITY)),
        (r#"{"v": null, "q": true}"#, Some(MALFORMED)),
        (r#"{"q": true}"#, None),
        ("{}", None),
    ] {
        let expected: Vec<_> = expected
            .map(|reading| (0, reading, None))
            .into_iter()
            .collect();
        assert_eq!(readings(&reader, payload, &tags), expected, "{payload}");
    }
}

proptest! {
    #[test]
    fn every_finite_json_number_is_read_as_it_is(sent in any::<f64>()) {
        prop_assume!(sent.is_finite());
        let tags = [called("t", "/a")];
        let text = format!("{{\"a\": {sent:?}}}");
        let reader = Reader::new(Format::Json, &tags, &Layout::default());
        prop_assert_eq!(readings(&reader, &text, &tags), [(0, number(sent), None)]);
    }

    /// A second opinion: the same pointer in a tree of the whole document.
    #[test]
    fn a_pointer_finds_what_a_tree_of_the_document_has_there(
        document in any_json(), pointer in "(/(a|b|0|1|~0|~1|)){0,3}",
    ) {
        let text = document.to_string();
        let tags = [called("t", &pointer)];
        let reader = Reader::new(Format::Json, &tags, &Layout::default());
        let expected = document.pointer(&pointer).map(|value| match value {
            serde_json::Value::Number(it) => number(it.as_f64().unwrap()),
            serde_json::Value::Bool(bit) => Reading::Good(Value::Bool(*bit)),
            _ => MALFORMED,
        });
        let expected: Vec<_> = expected.map(|reading| (0, reading, None)).into_iter().collect();
        prop_assert_eq!(readings(&reader, &text, &tags), expected);
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value as Json;
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[a\"\\\\/é]{0,3}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let key = prop_oneof![
            Just("a"),
            Just("b"),
            Just("0"),
            Just("1"),
            Just("~"),
            Just("/"),
            Just(""),
            Just("é")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((key, inner), 0..4).prop_map(|pairs| {
                let pairs = pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value));
                Json::Object(pairs.collect())
            }),
        ]
    })
}
