//! The configuration of webhooks, and their payloads word for word.

use serde_json::{Value as Json, json};

use crate::{
    alert::event::EventKind,
    clock::Wall,
    config::section::{Problems, Section},
    destination::{
        Answer, Destination, Outcome, Retry,
        notice::{Attempt, GivenUp, Notice},
        testbed::{Sent, attempt, meant, node, notice, read, sent},
        text::tests::{event, site},
    },
};
use std::time::Duration;

mod theirs;

const NATIVE: &str = "type = \"webhook\"\nurl = \"https://ops.example.com/andon?token=canary\"\n";

fn haltless(more: &str) -> Destination {
    read(&format!("{NATIVE}format = \"haltless\"\n{more}")).expect("a destination")
}

fn request(destination: &Destination, notice: &Notice, attempt: &Attempt) -> Sent {
    sent(destination, notice, attempt, None).remove(0)
}

fn body(destination: &Destination, notice: &Notice, attempt: &Attempt) -> Json {
    serde_json::from_str(&request(destination, notice, attempt).body).expect("JSON")
}

#[test]
fn the_native_payload_has_exactly_the_documented_fields_in_their_order() {
    let destination = read(NATIVE).expect("a destination");
    let request = request(&destination, &notice(EventKind::Triggered), &attempt());
    let notice = notice(EventKind::Triggered);
    let expected = format!(
        concat!(
            r#"{{"event":"alert.triggered","id":"{id}","stream":"01JQSTREAM0000000000000000","sequence":42,"given_up":[],"#,
            r#""timestamp":"2026-04-04T08:30:05.120Z","late_seconds":0,"clock":"synchronised","test":false,"drill":false,"#,
            r#""durable":true,"already_resolved":false,"#,
            r#""tenant_id":"plant-7","site_name":"Plant 7","agent_id":"01JQAGENT00000000000000000","dedup_key":"{key}","#,
            r##""text":"[CRITICAL] Plant 7, CNC Mill #1: spindle 97.3 °C, limit 95.0 °C, since 10:30 CEST. Do: reduce feed. A-1042","##,
            r##""alert":{{"id":"{alert}","number":"A-1042","machine_id":"mill-1","machine_name":"CNC Mill #1","severity":"critical","##,
            r#""previous_severity":null,"state":"active","shelved":false,"level":"hihi","message":"spindle 97.3 °C, limit 95.0 °C","#,
            r#""action":"reduce feed.","metric_name":"spindle_temp","metric_value":97.3,"unit":"°C","threshold_value":95.0,"#,
            r#""rule_id":"spindle-overtemp","occurrences":1,"created_at":"2026-04-04T08:30:05.120Z","ended_at":null,"#,
            r#""labels":{{"hall":"2"}},"runbook":null,"url":null}}}}"#,
        ),
        id = notice.id,
        key = notice.dedup_key,
        alert = notice.alert.id,
    );
    assert_eq!(request.body, expected);
    assert_eq!((notice.id.len(), notice.dedup_key.len()), (26, 64));
}

#[test]
fn each_kind_of_event_changes_only_what_it_is_about() {
    let destination = read(NATIVE).expect("a destination");
    let by = |note: &str| json!({ "name": "Kim", "claimed": true, "via": "page", "note": note });
    let step = json!({ "policy_id": "critical-15", "policy_name": "Critical, 15min escalation", "wait_minutes": 15, "step": 1 });
    for (kind, state, by, step, ended) in [
        (EventKind::Triggered, "active", Json::Null, Json::Null, None),
        (EventKind::Updated, "active", Json::Null, Json::Null, None),
        (
            EventKind::Acknowledged,
            "acknowledged",
            by("on my way"),
            Json::Null,
            None,
        ),
        (EventKind::Escalated, "active", Json::Null, step, None),
        (
            EventKind::Resolved,
            "resolved",
            Json::Null,
            Json::Null,
            Some(14),
        ),
        (EventKind::Reopened, "active", Json::Null, Json::Null, None),
        (
            EventKind::Shelved,
            "active",
            by("sensor is being changed"),
            Json::Null,
            None,
        ),
        (EventKind::Unshelved, "active", Json::Null, Json::Null, None),
        (
            EventKind::Closed,
            "resolved",
            by("scrapped"),
            Json::Null,
            Some(20),
        ),
    ] {
        let notice = notice(kind);
        let body = body(&destination, &notice, &attempt());
        assert_eq!(body["event"], format!("alert.{}", kind.word()));
        assert_eq!(body["text"], notice.text);
        assert_eq!(body["alert"]["state"], state, "{kind:?}");
        assert_eq!(
            body["alert"]["shelved"],
            kind == EventKind::Shelved,
            "{kind:?}"
        );
        assert_eq!(body["by"], by, "{kind:?}");
        assert_eq!(body.get("by").is_some(), by != Json::Null, "{kind:?}");
        assert_eq!(body["escalation"], step, "{kind:?}");
        assert_eq!(
            body.get("escalation").is_some(),
            kind == EventKind::Escalated,
            "{kind:?}"
        );
        let before = if kind == EventKind::Updated {
            json!("warning")
        } else {
            Json::Null
        };
        assert_eq!(body["alert"]["previous_severity"], before, "{kind:?}");
        let ended = ended.map(|minutes| {
            (Wall::from_millis(notice.alert.created) + Duration::from_secs(minutes * 60))
                .to_string()
        });
        assert_eq!(body["alert"]["ended_at"], json!(ended), "{kind:?}");
    }
}

#[test]
fn what_belongs_to_the_attempt_is_in_its_payload() {
    let destination = read(NATIVE).expect("a destination");
    let attempt = Attempt {
        late_seconds: 7 * 3600,
        already_resolved: true,
        as_trigger: true,
        given_up: vec![GivenUp {
            from: 3,
            to: 5,
            why: "expired".to_owned(),
        }],
        ..attempt()
    };
    let mut notice = notice(EventKind::Escalated);
    (notice.test, notice.synchronised, notice.durable) = (true, false, false);
    let body = body(&destination, &notice, &attempt);
    assert_eq!(body["event"], "alert.triggered");
    assert_eq!(body.get("escalation"), None);
    assert_eq!(
        body["given_up"],
        json!([{ "from": 3, "to": 5, "why": "expired" }])
    );
    assert_eq!(
        (&body["late_seconds"], &body["clock"]),
        (&json!(25200), &json!("unsynchronised"))
    );
    assert_eq!(
        (&body["test"], &body["durable"], &body["already_resolved"]),
        (&json!(true), &json!(false), &json!(true))
    );
    let text = body["text"].as_str().expect("a text");
    assert!(
        text.starts_with("[LATE 7 h] [TEST] [CRITICAL] Plant 7"),
        "{text}"
    );
    assert!(text.ends_with("A-1042 (already resolved)"), "{text}");
}

#[test]
fn the_haltless_payload_has_the_documented_fields_and_no_other() {
    let destination = haltless("");
    let notice = notice(EventKind::Triggered);
    let alert = format!(
        concat!(
            r##""alert":{{"id":"{}","machine_id":"mill-1","machine_name":"CNC Mill #1","severity":"critical","##,
            r#""message":"spindle 97.3 °C, limit 95.0 °C","metric_name":"spindle_temp","metric_value":97.3,"#,
            r#""threshold_value":95.0,"rule_id":"spindle-overtemp","created_at":"2026-04-04T08:30:05Z"}}"#,
        ),
        notice.alert.id
    );
    assert_eq!(
        request(&destination, &notice, &attempt()).body,
        format!(
            r#"{{"event":"alert.triggered","timestamp":"2026-04-04T08:30:05Z","tenant_id":"plant-7",{alert}}}"#
        )
    );
    let escalated = Notice::of(&event(EventKind::Escalated), &site(), true);
    assert_eq!(
        request(&destination, &escalated, &attempt()).body,
        format!(
            concat!(
                r#"{{"event":"alert.escalated","timestamp":"2026-04-04T08:45:05Z","tenant_id":"plant-7",{},"#,
                r#""escalation":{{"policy_id":"critical-15","policy_name":"Critical, 15min escalation","wait_minutes":15}}}}"#,
            ),
            alert
        )
    );
    let reopened = Notice::of(&event(EventKind::Reopened), &site(), true);
    assert_eq!(
        body(&destination, &reopened, &attempt())["event"],
        "alert.triggered"
    );
    let drill = Notice {
        drill: true,
        ..notice
    };
    assert_eq!(
        body(&destination, &drill, &attempt())["alert"]["message"],
        "[DRILL] spindle 97.3 °C, limit 95.0 °C"
    );
}

#[test]
fn haltless_waits_are_whole_minutes_unless_asked_otherwise() {
    let waited = |destination: &Destination, waited_ms: u64| {
        let mut notice = notice(EventKind::Escalated);
        notice.escalation.as_mut().expect("a step").waited_ms = waited_ms;
        body(destination, &notice, &attempt())["escalation"]["wait_minutes"].clone()
    };
    let (whole, exact) = (haltless(""), haltless("minutes = \"exact\""));
    for (waited_ms, rounded, as_it_is) in [
        (900_000, json!(15), json!(15)),
        (20_000, json!(1), json!(20_000.0 / 60_000.0)),
        (90_000, json!(2), json!(1.5)),
        (149_999, json!(2), json!(149_999.0 / 60_000.0)),
        (0, json!(1), json!(0)),
    ] {
        assert_eq!(waited(&whole, waited_ms), rounded, "{waited_ms}");
        assert_eq!(waited(&exact, waited_ms), as_it_is, "{waited_ms}");
    }
}

#[test]
fn each_format_has_its_defaults() {
    let native = read(NATIVE).expect("a destination");
    assert_eq!(native.terms.retry, Retry::EXPONENTIAL);
    assert_eq!(native.terms.expire_after, Duration::from_secs(7 * 86_400));
    assert_eq!(
        native.access().expect("http").timeout,
        Duration::from_secs(10)
    );
    assert!(EventKind::ALL.into_iter().all(|kind| native.wants(kind)));
    assert!(native.abilities().notifies_again && native.can_acknowledge() && native.can_end());

    let haltless = haltless("");
    assert_eq!(
        haltless.terms.retry,
        Retry::After([30, 120, 600].map(Duration::from_secs).to_vec())
    );
    assert_eq!(
        haltless.access().expect("http").timeout,
        Duration::from_secs(5)
    );
    let wanted: Vec<EventKind> = EventKind::ALL
        .into_iter()
        .filter(|kind| haltless.wants(*kind))
        .collect();
    assert_eq!(
        wanted,
        [
            EventKind::Triggered,
            EventKind::Escalated,
            EventKind::Reopened
        ]
    );
    assert!(
        haltless.abilities().notifies_again && !haltless.can_acknowledge() && !haltless.can_end()
    );

    let hasp = read(&format!("{NATIVE}format = \"hasp\"")).expect("a destination");
    let waits = [10, 60, 300, 1800, 7200].map(Duration::from_secs);
    assert_eq!(hasp.terms.retry, Retry::After(waits.to_vec()));
    assert_eq!(hasp.terms.deactivate_after, Some(10));
    assert_eq!(hasp.terms.duplicate_window, Duration::from_secs(60));
    assert_eq!(
        hasp.access().expect("http").timeout,
        Duration::from_secs(10)
    );
    assert!(
        !hasp.abilities().ends_tests
            && native.abilities().ends_tests
            && !haltless.abilities().ends_tests
    );

    let quiet =
        read(&format!("{NATIVE}events = [\"triggered\", \"resolved\"]")).expect("a destination");
    assert!(quiet.can_end() && !quiet.abilities().notifies_again);
}

#[test]
fn a_full_configuration_is_read_and_shows_no_secret() {
    let destination = read(&format!(
        r#"{NATIVE}
        headers = {{ Authorization = "Bearer canary", X-Site = {{ env = "SITE" }} }}
        sign = {{ scheme = "standard-webhooks", secrets = ["whsec_canarycanary", {{ file = "/etc/andon/old.key" }}] }}
        ca = "/etc/andon/ca.pem"
        timeout = "3s"
        retry = ["10s", "1m"]
        expire_after = "1d"
        concurrency = 4
        give_up_on = [410, 422]
        allow_addresses = ["10.0.0.0/8:443", "[fd00::/8]:8443"]
        "#
    ))
    .expect("a destination");
    let (notice, attempt) = (notice(EventKind::Triggered), attempt());
    let errand = destination.render(&destination.told(&notice, &attempt, None));
    let shown = format!("{destination:?} {errand:?}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("https://ops.example.com"), "{shown}");
    assert_eq!(destination.terms.concurrency, 4);
}

#[test]
fn every_mistake_is_named_with_what_would_be_right() {
    for (toml, expected) in [
        (
            "type = \"webhook\"",
            "url: is missing; it must be a text, or a secret like { file = \"..\" }",
        ),
        (
            "type = \"webhook\"\nurl = \"ops.example.com\"",
            "url: is not a url (relative URL without a base); write it like https://ops.example.com/andon",
        ),
        (
            &format!("{NATIVE}format = \"nativ\""),
            "format: is \"nativ\", must be one of native, haltless, hasp, cloudevents, alertmanager, opsknight, template; did you mean \"native\"?",
        ),
        (
            &format!("{NATIVE}minutes = \"exact\""),
            "minutes: is for `format = \"haltless\"` only",
        ),
        (
            &format!("{NATIVE}format = \"hasp\"\nmode = \"binary\""),
            "mode: is for `format = \"cloudevents\"` only",
        ),
        (
            &format!("{NATIVE}body = \"x\""),
            "body: is for `format = \"template\"` only",
        ),
        (
            &format!("{NATIVE}format = \"hasp\"\nheaders = {{ user-agent = \"x\" }}"),
            "headers: holds `user-agent`, which `format` sets",
        ),
        (
            &format!("{NATIVE}format = \"cloudevents\"\nheaders = {{ Ce-Id = \"x\" }}"),
            "headers: holds `Ce-Id`, which `format` sets",
        ),
        (
            &format!("{NATIVE}format = \"template\""),
            "body: is missing; write what is sent, like '{\"text\": \"{text}\"}'",
        ),
        (
            &format!("{NATIVE}format = \"template\"\nmethod = \"GET\"\nbody = \"x\""),
            "body: is for other methods: GET sends none",
        ),
        (
            &format!("{NATIVE}format = \"template\"\nmethod = \"DELETE\"\nbody = \"1\""),
            "method: is \"DELETE\", must be one of POST, PUT, PATCH, GET",
        ),
        (
            &format!("{NATIVE}format = \"template\"\nbody = \"1\"\ncontent_type = \"json\""),
            "content_type: must be like \"application/json\" or \"text/plain; charset=utf-8\"",
        ),
        (
            &format!("{NATIVE}format = \"template\"\nbody = '\"{{txt}}\"'"),
            "body: holds `{txt}`, which is no field of the native payload; did you mean `{text}`?",
        ),
        (
            &format!("{NATIVE}format = \"template\"\nbody = '1'\nheaders = {{ X-A = \"{{text\" }}"),
            "headers: has a place that does not end: `{text`",
        ),
        (
            "type = \"webhook\"\nurl = \"https://a.{alert.machine_id}\"\nformat = \"template\"\nbody = '1'",
            "url: has a place to fill in before the end of its host; a place may stand behind it only, like https://ops.example.com/{alert.machine_id}",
        ),
        (
            &format!("{NATIVE}timout = \"3s\""),
            "timout: is not a key that exists here; did you mean `timeout`?",
        ),
        (
            &format!("{NATIVE}timeout = \"5m\""),
            "timeout: must be 1s to 1m, not 5m",
        ),
        (
            &format!("{NATIVE}events = [\"alert.triggered\"]"),
            "events: must be a list of some of triggered, updated, acknowledged, escalated, resolved, reopened, shelved, unshelved, closed",
        ),
        (
            &format!("{NATIVE}headers = {{ X-A = \"a\\r\\nX-B: b\" }}"),
            "headers: has a line break or control character in the value of `X-A`",
        ),
        (
            &format!("{NATIVE}headers = {{ \"X A\" = \"a\" }}"),
            "headers: holds \"X A\", which is no header name",
        ),
        (
            &format!("{NATIVE}headers = {{ Host = \"a\" }}"),
            "headers: holds `Host`, which andon sets itself",
        ),
        (
            &format!("{NATIVE}allow_addresses = [\"10.0.0.1\"]"),
            "allow_addresses: is \"10.0.0.1\", must be a network with a port, like \"10.0.0.0/8:443\", \"127.0.0.1/32:8080\" or \"[fd00::/8]:443\"",
        ),
        (
            &format!("{NATIVE}retry = \"linear\""),
            "retry: must be \"exponential\", { first = \"1s\", max = \"5m\" }, or a list of 1 to 20 waits like [\"30s\", \"2m\", \"10m\"], each 1s to 1d, not \"linear\"",
        ),
        (
            &format!("{NATIVE}retry = [\"100ms\"]"),
            "retry: must be \"exponential\", { first = \"1s\", max = \"5m\" }, or a list of 1 to 20 waits like [\"30s\", \"2m\", \"10m\"], each 1s to 1d",
        ),
        (
            &format!("{NATIVE}sign = {{ scheme = \"standard-webhooks\" }}"),
            "sign.secret: is missing: give either `secret`, or `secrets` with the new key and the old one",
        ),
        (
            &format!("{NATIVE}sign = {{ secret = \"x\" }}"),
            "sign.scheme: is missing; it must be one of standard-webhooks, x-signature, opshift, opsknight, header, basic, bearer, oauth2",
        ),
        (
            &format!("{NATIVE}sign = {{ scheme = \"header\" }}"),
            "sign.secret: is missing: this scheme needs one `secret`",
        ),
        (
            &format!("{NATIVE}sign = {{ scheme = \"header\", header = \"Host\", secret = \"x\" }}"),
            "sign.header: is \"Host\", which cannot carry a secret; use a name like X-Webhook-Secret",
        ),
        (
            &format!("{NATIVE}sign = {{ scheme = \"opshift\", header = \"X-A\", secret = \"x\" }}"),
            "sign.header: is for `scheme = \"x-signature\"` or `scheme = \"header\"` only",
        ),
        (
            &format!("{NATIVE}sign = {{ scheme = \"bearer\", secrets = [\"x\"] }}"),
            "sign.secrets: is for `scheme = \"standard-webhooks\"` only",
        ),
        (
            &format!(
                "{NATIVE}sign = {{ scheme = \"x-signature\", secret = \"x\", prefix = \"sha1=\" }}"
            ),
            "sign.prefix: must be \"sha256=\" or \"\"",
        ),
        (
            &format!("{NATIVE}sign = {{ scheme = \"basic\", user = \"a:b\", secret = \"x\" }}"),
            "sign.user: must be a name without a colon",
        ),
        (
            &format!(
                "{NATIVE}headers = {{ authorization = {{ env = \"A\" }} }}\nsign = {{ scheme = \"bearer\", secret = \"x\" }}"
            ),
            "headers: holds `authorization`, which `sign` sets",
        ),
        (
            &format!("{NATIVE}give_up_on = [429]"),
            "give_up_on: must list answers that refuse: 300 to 499, without 408, 425 and 429, which mean later",
        ),
    ] {
        let found = read(toml).expect_err(toml);
        assert_eq!(found, [expected], "{toml}");
    }
}

#[test]
fn a_secret_in_the_open_is_warned_about_and_still_works() {
    let tree = node(toml::Value::Table(
        format!("{NATIVE}headers = {{ Authorization = \"Bearer canary\", X-Site = \"7\" }}")
            .parse()
            .expect("TOML"),
    ));
    let problems = Problems::new();
    assert!(Destination::read("ops", Section::root(&tree, &problems)).is_some());
    let found = problems.into_sorted();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].warning);
    assert_eq!(
        found[0].message,
        "has the value of `Authorization` in the open; write `Authorization = { file = \"..\" }`"
    );
}

#[test]
fn too_many_requests_rest_the_destination_even_if_nobody_says_for_how_long() {
    let destination = read(NATIVE).expect("a destination");
    let wait = |status| match meant(
        &destination,
        EventKind::Triggered,
        &Answer {
            status,
            ..Answer::default()
        },
    )
    .0
    {
        Outcome::Failed { retry_after, .. } => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(wait(429), Some(Duration::from_secs(30)));
    assert_eq!(wait(503), None);
}

#[test]
fn an_answer_means_what_its_status_says() {
    let destination = read(&format!("{NATIVE}give_up_on = [410]")).expect("a destination");
    let outcome = |status: u16, synchronised: bool| {
        let retry_after = Some(Duration::from_secs(9));
        let answer = Answer {
            status,
            retry_after,
            body: "no\r\n\u{1b}[1m".to_owned(),
            synchronised,
            ..Answer::default()
        };
        meant(&destination, EventKind::Triggered, &answer).0
    };
    for status in [200, 201, 202, 204] {
        assert!(
            matches!(outcome(status, true), Outcome::Accepted { .. }),
            "{status}"
        );
    }
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        let Outcome::Failed { why, retry_after } = outcome(status, true) else {
            panic!("{status}")
        };
        assert_eq!(retry_after, Some(Duration::from_secs(9)));
        assert_eq!(why, format!("HTTP {status}: no [1m"));
    }
    for status in [301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422] {
        let Outcome::Refused { give_up, .. } = outcome(status, true) else {
            panic!("{status}")
        };
        assert_eq!(give_up, status == 410, "{status}");
    }
    for status in [400, 401, 403] {
        assert!(
            matches!(outcome(status, false), Outcome::Unreachable { .. }),
            "{status}"
        );
    }
    assert!(matches!(outcome(404, false), Outcome::Refused { .. }));
}

#[test]
fn an_event_of_a_kind_that_is_not_known_is_an_error_and_no_payload() {
    let notice = Notice {
        kind: "promoted".to_owned(),
        ..notice(EventKind::Triggered)
    };
    let destination = read(NATIVE).expect("a destination");
    let error = destination
        .render(&destination.told(&notice, &attempt(), None))
        .expect_err("an unknown kind");
    assert!(error.to_string().contains("\"promoted\""), "{error}");
}
