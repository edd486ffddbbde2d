//! What a template makes of values, and what it refuses to be.

use serde_json::json;

use super::{escape::header_value, *};

fn parse(text: &str, escape: Escape) -> Result<Template, String> {
    Template::parse(text, escape, &example::fields())
}

/// Filled with an alert whose every text is as bad as can be.
fn filled(text: &str, escape: Escape) -> String {
    let values = json!({
        "event": "alert.triggered",
        "timestamp": "2026-04-04T08:30:05.120Z",
        "text": "a \"b\" \\ <c> & {text} °\u{1f6a8}",
        "late_seconds": 7,
        "test": true,
        "alert": {
            "machine_id": "..",
            "severity": "critical",
            "metric_value": 97.3,
            "unit": "\r\n",
            "level": null,
            "labels": { "Hall 2": "ä/b?c=d&e" },
        },
    });
    parse(text, escape)
        .expect("a template")
        .fill(&values, &Reader::default())
}

#[test]
fn values_are_escaped_for_where_they_stand() {
    for (escape, text, expected) in [
        (
            Escape::Json,
            r#"{"a": "<{text}>", "b": {text}}"#,
            r#"{"a": "<a \"b\" \\ <c> & {text} °🚨>", "b": "a \"b\" \\ <c> & {text} °🚨"}"#,
        ),
        (
            Escape::Json,
            r#"{"v": {alert.metric_value}, "n": {alert.level}, "t": {test}, "u": "{alert.unit}", "s": "{late_seconds} s", "l": {alert.labels}}"#,
            r#"{"v": 97.3, "n": null, "t": true, "u": "\r\n", "s": "7 s", "l": {"Hall 2":"ä/b?c=d&e"}}"#,
        ),
        (
            Escape::Json,
            r#"{"quoted \" {event}": {"x": "{alert.labels.Hall 2}", "y": "{alert.labels.none}"}}"#,
            r#"{"quoted \" alert.triggered": {"x": "ä/b?c=d&e", "y": ""}}"#,
        ),
        (
            Escape::Url,
            "https://a.example/{alert.machine_id}/x?hall={alert.labels.Hall 2}",
            "https://a.example/_/x?hall=%C3%A4%2Fb%3Fc%3Dd%26e",
        ),
        (
            Escape::Url,
            "text={text|max=4}&to=1",
            "text=a%20%22%E2%80%A6&to=1",
        ),
        (
            Escape::Xml,
            "<t>{text}</t>",
            "<t>a &quot;b&quot; \\ &lt;c&gt; &amp; {text} °🚨</t>",
        ),
        (
            Escape::Raw,
            "{alert.severity|upper}: {event|lower}",
            "CRITICAL: alert.triggered",
        ),
        (Escape::Line, "a{alert.unit}b", "a  b"),
    ] {
        assert_eq!(filled(text, escape), expected, "{text}");
    }
}

#[test]
fn filters_change_a_value_before_it_is_escaped() {
    for (text, expected) in [
        ("{text|max=3}", "a …"),
        ("{alert.level|or=no level}", "no level"),
        ("{alert.severity|or=none}", "critical"),
        ("{alert.severity|map=warning:3,critical:5}", "5"),
        ("{alert.severity|map=warning:3,*:1}", "1"),
        ("{alert.severity|map=warning:3}", ""),
        ("{timestamp|unix}", "1775291405"),
        ("{event|unix}", ""),
        ("{text|max=4|url}", "a%20%22%E2%80%A6"),
        ("{text|max=4|json}", "\"a \\\"…\""),
        ("{text|max=4|xml}", "a &quot;…"),
    ] {
        assert_eq!(filled(text, Escape::Raw), expected, "{text}");
    }
    let priority = r#"{"a": {alert.severity|map=critical:5,*:x}, "b": {event|map=critical:5,*:x}}"#;
    assert_eq!(filled(priority, Escape::Json), r#"{"a": 5, "b": "x"}"#);
}

#[test]
fn what_is_no_place_stays_as_it_is() {
    for text in [
        "{",
        "}",
        "{}",
        "{ }",
        "{\"a\": {\"b\": 1}}",
        "{0} {-x}",
        "{{",
        "${",
    ] {
        assert_eq!(filled(text, Escape::Raw), text);
    }
}

#[test]
fn a_body_that_raw_would_break_goes_out_escaped() {
    let text = r#"{"a": "{text|raw}", "b": {alert.metric_value|raw}}"#;
    let out = filled(text, Escape::Json);
    let body: Json = serde_json::from_str(&out).expect("JSON");
    assert_eq!(body["b"], 97.3);
    assert!(body["a"].as_str().expect("a text").starts_with("a \"b\""));
    // And where it breaks nothing, it is taken at its word.
    let out = filled(r#"{"a": "{event|raw}"}"#, Escape::Json);
    assert_eq!(out, r#"{"a": "alert.triggered"}"#);
}

#[test]
fn every_mistake_is_explained() {
    let many = "{text}".repeat(101);
    let long = "x".repeat(16 * 1024 + 1);
    for (text, expected) in [
        (
            "{alert.machin_id}",
            "holds `{alert.machin_id}`, which is no field of the native payload; did you mean `{alert.machine_id}`?",
        ),
        (
            "{ {{text}} }",
            "holds `{{text`: a place has one brace on each side, like `{text}`",
        ),
        (
            "{{ alert.severity }}",
            "holds `{{alert.severity `: a place has one brace on each side, like `{text}`",
        ),
        ("a {text", "has a place that does not end: `{text`"),
        (
            "{text|short}",
            "has the filter `short`; there are max=160, upper, lower, or=text, map=critical:1,*:2, unix, time, number, number=1, raw, json, url, xml, in `{text|short}`",
        ),
        (
            "{text|max=0}",
            "has `max=0`, which must be 1 to 1000, in `{text|max=0}`",
        ),
        (
            "{text|raw|max=3}",
            "holds `{text|raw|max=3}`, where something follows raw, json, url or xml, which must be the last",
        ),
        (
            "{event|map=a}",
            "has `map` with \"a\", which is no pair; write it like map=critical:1,*:2, in `{event|map=a}`",
        ),
        (&many, "has more than 100 places to fill in"),
        (&long, "is longer than 16 KiB"),
    ] {
        assert_eq!(parse(text, Escape::Json).expect_err(text), expected);
    }
}

#[test]
fn a_body_that_is_no_json_is_found_when_it_is_read() {
    let wrong = |text| parse(text, Escape::Json).expect("a template").check();
    assert_eq!(
        wrong(r#"{"a": "{text}", "b": {by}, "c": {escalation.step}}"#),
        Ok(())
    );
    let why = wrong(r#"{"a": "{text}",}"#).expect_err("a comma too much");
    assert!(
        why.starts_with("is no JSON once it is filled in (key must be a string at line 1 column"),
        "{why}"
    );
    let why = wrong(r#"{"a": {text|raw}}"#).expect_err("no quotes");
    assert!(why.contains("[CRITICAL] Plant 7"), "{why}");
    assert!(parse("{text", Escape::Raw).is_err());
    assert_eq!(
        parse("{ no json", Escape::Raw).expect("a template").check(),
        Ok(())
    );
}

#[test]
fn a_header_carries_any_text_as_ascii() {
    assert_eq!(header_value(" plain \r\n text "), "plain    text");
    assert_eq!(header_value("97 °C"), "=?UTF-8?B?OTcgwrBD?=");
    let long = header_value(&"ä".repeat(60));
    assert!(long.is_ascii());
    assert!(
        long.split(' ').count() == 3 && long.split(' ').all(|word| word.len() <= 75),
        "{long}"
    );
}

#[test]
fn the_content_type_says_how_values_are_escaped() {
    for (content_type, expected) in [
        ("application/json", Escape::Json),
        ("Application/JSON; charset=utf-8", Escape::Json),
        ("application/vnd.x+json", Escape::Json),
        ("application/x-www-form-urlencoded", Escape::Url),
        ("text/xml", Escape::Xml),
        ("application/soap+xml", Escape::Xml),
        ("text/html; charset=utf-8", Escape::Xml),
        ("text/plain", Escape::Raw),
    ] {
        assert_eq!(Escape::of_content_type(content_type), expected);
    }
}

proptest::proptest! {
    #[test]
    fn no_value_breaks_a_json_body(text in "\\PC{0,40}|[\"\\\\{}\\n\\u{0}]{0,10}") {
        let template = parse(r#"{"a": "x{text}y", "b": {text}, "c": {"d": "{text|max=5}"}, "e": "{text|raw}", "f": "{text|xml}", "g": "{text|url}", "h": "{text|json}"}"#, Escape::Json).expect("a template");
        let body: Json = serde_json::from_str(&template.fill(&json!({ "text": text }), &Reader::default())).expect("JSON");
        proptest::prop_assert_eq!(&body["b"], &json!(text));
        proptest::prop_assert_eq!(&body["h"], &json!(text));
        let joined = format!("x{text}y");
        proptest::prop_assert_eq!(&body["a"], &json!(joined));
    }

    #[test]
    fn no_value_leaves_its_place_in_a_url(text in "\\PC{0,20}|[./?#@:\\\\%\\r\\n]{0,6}") {
        let template = parse("https://a.example/x/{text}/y?q={text}", Escape::Url).expect("a template");
        let url = url::Url::parse(&template.fill(&json!({ "text": text }), &Reader::default())).expect("a URL");
        proptest::prop_assert_eq!(url.host_str(), Some("a.example"));
        proptest::prop_assert_eq!(url.path_segments().expect("a path").count(), 3);
        proptest::prop_assert!(url.path().starts_with("/x/") && url.path().ends_with("/y"));
        let query: Vec<_> = url.query_pairs().collect();
        proptest::prop_assert_eq!(query.len(), 1);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z{}|=.:,\"\\\\ °*]{0,30}") {
        for escape in [Escape::Json, Escape::Url, Escape::Raw] {
            if let Ok(template) = parse(&text, escape) {
                let _ = (template.check(), template.fill(&json!({}), &Reader::default()));
            }
        }
    }
}
