//! Several samples in one payload: arrays of documents, arrays of values with names, SenML.

use super::*;

/// Which tag, its value, its time in milliseconds.
type Expected = (usize, f64, Option<i64>);

/// The shapes in which gateways send several samples at once.
#[test]
fn arrays_are_read_element_by_element_with_their_own_times() {
    let named = [called("temp", "/v"), called("load", "/v")];
    let plain = [called("-", "/temp"), called("-", "/load")];
    let columns = [called("-", "/1"), called("-", "/2")];
    let deep = [called("-", "/values/temp"), called("-", "/values/load")];
    let cases: [(&[MqttTag], Layout, &str, &[Expected]); 13] = [
        // Values with names, at the root, some with a time of their own.
        (
            &named,
            layout("", "/n", "/t"),
            r#"[{"n": "temp", "v": 1, "t": 1775298600}, {"n": "load", "v": 2}, {"n": "other", "v": 3}]"#,
            &[(0, 1.0, Some(1_775_298_600_000)), (1, 2.0, None)],
        ),
        // In an object that has the time of all of them, after the array.
        (
            &named,
            layout("/values", "/n", "/ts"),
            r#"{"values": [{"v": 1, "n": "temp"}, {"n": "temp", "v": 2}], "ts": 1775298600}"#,
            &[
                (0, 1.0, Some(1_775_298_600_000)),
                (0, 2.0, Some(1_775_298_600_000)),
            ],
        ),
        // A buffered series, the oldest first,
        (
            &plain,
            layout("", "-", "/ts"),
            r#"[{"ts": 1775298600, "temp": 1, "load": 5}, {"ts": 1775298601, "temp": 2}]"#,
            &[
                (0, 1.0, Some(1_775_298_600_000)),
                (1, 5.0, Some(1_775_298_600_000)),
                (0, 2.0, Some(1_775_298_601_000)),
            ],
        ),
        // or the newest first.
        (
            &plain,
            layout("", "-", "/ts"),
            r#"[{"ts": 1775298602, "temp": 3}, {"ts": 1775298600, "temp": 1}, {"ts": 1775298601, "temp": 2}]"#,
            &[
                (0, 1.0, Some(1_775_298_600_000)),
                (0, 2.0, Some(1_775_298_601_000)),
                (0, 3.0, Some(1_775_298_602_000)),
            ],
        ),
        // Without times on all of them they stay as they were sent.
        (
            &plain,
            layout("/d", "-", "/ts"),
            r#"{"d": [{"ts": 1775298602, "temp": 3}, {"temp": 1}]}"#,
            &[(0, 3.0, Some(1_775_298_602_000)), (0, 1.0, None)],
        ),
        // ThingsBoard.
        (
            &deep,
            layout("", "-", "/ts"),
            r#"[{"ts": 1775298600000, "values": {"temp": 1, "load": 2}}]"#,
            &[
                (0, 1.0, Some(1_775_298_600_000)),
                (1, 2.0, Some(1_775_298_600_000)),
            ],
        ),
        // One sample without the array around it.
        (
            &deep,
            layout("", "-", "/ts"),
            r#"{"ts": 1775298600000, "values": {"temp": 1}}"#,
            &[(0, 1.0, Some(1_775_298_600_000))],
        ),
        // Rows and columns.
        (
            &columns,
            layout("/series/0/values", "-", "/0"),
            r#"{"series": [{"values": [[1775298600, 1, 2], [1775298601, 3]]}, {"values": [[0, 9]]}]}"#,
            &[
                (0, 1.0, Some(1_775_298_600_000)),
                (1, 2.0, Some(1_775_298_600_000)),
                (0, 3.0, Some(1_775_298_601_000)),
            ],
        ),
        // Nothing in it, nothing there, null.
        (&plain, layout("/d", "-", "-"), r#"{"d": []}"#, &[]),
        (&plain, layout("/d", "-", "-"), "{}", &[]),
        (&plain, layout("/d", "-", "-"), r#"{"d": null}"#, &[]),
        (&named, layout("", "/n", "-"), "[]", &[]),
        // What is no array, in the middle of one.
        (
            &plain,
            layout("/d", "-", "-"),
            r#"{"d": [{"temp": 1}, 5, [], {"load": 2}]}"#,
            &[(0, 1.0, None), (1, 2.0, None)],
        ),
    ];
    for (tags, layout, payload, expected) in cases {
        let reader = Reader::new(Format::Json, tags, &layout);
        let expected: Vec<_> = expected
            .iter()
            .map(|(tag, value, time)| (*tag, number(*value), *time))
            .collect();
        assert_eq!(readings(&reader, payload, tags), expected, "{payload}");
    }
}

#[test]
fn what_is_wrong_in_an_array_is_told_and_costs_only_itself() {
    let tags = [called("temp", "/v"), called("load", "/v")];
    let reader = Reader::new(Format::Json, &tags, &layout("/d", "/n", "/t"));
    for (payload, expected, why) in [
        (
            r#"{"d": [{"v": 1}, {"n": "load", "v": 2}]}"#,
            vec![(1, number(2.0), None)],
            "no name",
        ),
        (r#"{"d": [{"n": 7, "v": 1}]}"#, vec![], "no name"),
        (
            r#"{"d": [{"n": "temp", "v": "x"}, {"n": "load", "v": 2}]}"#,
            vec![(0, MALFORMED, None), (1, number(2.0), None)],
            "the value of t is a text",
        ),
        (
            r#"{"d": [{"n": "temp", "v": 1, "t": "?"}]}"#,
            vec![(0, number(1.0), None)],
            "its time is neither",
        ),
        (
            r#"{"d": 5}"#,
            vec![(0, MALFORMED, None), (1, MALFORMED, None)],
            "no array",
        ),
        (
            r#"{"d": [{"n": "temp", "v": 1}, {"n": "#,
            vec![(0, MALFORMED, None), (1, MALFORMED, None)],
            "not JSON",
        ),
    ] {
        assert_eq!(readings(&reader, payload, &tags), expected, "{payload}");
        let fault = reader.read(payload.as_bytes(), &tags, NOW).fault.unwrap();
        assert!(fault.say(&tags).contains(why), "{payload}: {fault:?}");
    }
}

#[test]
fn an_array_that_is_too_long_is_malformed_as_a_whole() {
    for (format, element) in [
        (Format::Json, r#"{"n": "temp", "v": 1}"#),
        (Format::Senml, r#"{"n": "temp", "v": 1}"#),
    ] {
        let tags = [called("temp", "/v")];
        let reader = Reader::new(format, &tags, &layout("", "/n", "-"));
        let of = |count: usize| format!("[{}]", vec![element; count].join(","));
        assert_eq!(
            readings(&reader, &of(MOST_SAMPLES), &tags).len(),
            MOST_SAMPLES
        );
        let too_long = readings(&reader, &of(MOST_SAMPLES + 1), &tags);
        assert_eq!(too_long, [(0, MALFORMED, None)]);
    }
}

/// After the examples of RFC 8428, section 5.
#[test]
fn senml_shares_what_base_fields_say() {
    let now = NOW.as_millis();
    let tags = [
        called("urn:dev:ow:10e2073a01080063:temp", ""),
        called("hum", ""),
        called("state", ""),
    ];
    let reader = Reader::new(Format::Senml, &tags, &Layout::default());
    for (payload, expected) in [
        (
            r#"[{"n": "urn:dev:ow:10e2073a01080063:temp", "u": "Cel", "v": 23.1}]"#,
            vec![(0, number(23.1), None)],
        ),
        // A base name, and times from a base time on.
        (
            r#"[{"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1.276020076e9, "bu": "Cel", "bver": 5, "n": "temp", "v": 20.1},
                {"n": "temp", "t": 5, "v": 20.3}, {"n": "hum", "t": -5, "u": "%RH", "v": 67}]"#,
            vec![
                (1, number(67.0), Some(1_276_020_071_000)),
                (0, number(20.1), Some(1_276_020_076_000)),
                (0, number(20.3), Some(1_276_020_081_000)),
            ],
        ),
        // Times so and so long ago; the last is of now.
        (
            r#"[{"bn": "x", "n": "hum", "t": -5, "v": 1}, {"n": "hum", "t": -4, "v": 2}, {"n": "hum", "v": 3}]"#,
            vec![
                (1, number(1.0), Some(now - 5000)),
                (1, number(2.0), Some(now - 4000)),
                (1, number(3.0), Some(now)),
            ],
        ),
        // A base value, a boolean, a record without a value, one without a name.
        (
            r#"[{"n": "hum", "bv": 20, "v": 1.5}, {"n": "state", "vb": true}, {"n": "hum", "s": 5}, {"v": 3}]"#,
            vec![
                (1, number(21.5), None),
                (2, Reading::Good(Value::Bool(true)), None),
            ],
        ),
        (r#"[{"n": "hum", "vs": "wet"}]"#, vec![(1, MALFORMED, None)]),
        ("[]", vec![]),
        (
            "7",
            vec![
                (0, MALFORMED, None),
                (1, MALFORMED, None),
                (2, MALFORMED, None),
            ],
        ),
    ] {
        assert_eq!(readings(&reader, payload, &tags), expected, "{payload}");
    }
}
