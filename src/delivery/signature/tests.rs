//! Signatures beside those of other implementations, and secrets that are read when they are used.

use super::*;
use crate::{
    clock::{Clock, Synchronised},
    config::{
        section::Read,
        tree::{Node, Place, Value},
    },
};

const FIRST: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECOND: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn secret(text: &str) -> Secret {
    let place = Place {
        file: "a.toml".into(),
        line: 1,
    };
    Secret::read(&Node {
        value: Value::Text(text.to_owned()),
        place,
    })
    .expect("a secret")
}

fn request(sign: Option<Signing>, body: &str) -> HttpRequest {
    HttpRequest {
        method: "POST",
        url: "https://ops.example.com/".into(),
        headers: Vec::new(),
        body: body.into(),
        sign,
    }
}

fn header<'c>(call: &'c Call, name: &str) -> &'c str {
    let found = call.headers.iter().find(|(have, _)| have == name);
    found.map(|(_, value)| value.as_str()).expect("the header")
}

#[test]
fn the_signatures_are_those_of_other_implementations() {
    for (secret, id, seconds, body, expected) in [
        (
            FIRST,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            SECOND,
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ] {
        let keys = [signing_key(secret).expect("a key")];
        assert_eq!(standard_webhooks(&keys, id, seconds, body), expected);
    }
}

#[test]
fn each_of_two_keys_verifies_in_the_reference_library() {
    let now = Clock::system(Synchronised::Assume).now().wall.as_seconds();
    let sign = Signing::StandardWebhooks(vec![secret(FIRST), secret(SECOND)]);
    let body = "{\"text\":\"97.3 °C\"}";
    let call = seal(&request(Some(sign), body), "01JQ", now, None).expect("sealed");
    let mut headers = axum::http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, header(&call, name).parse().expect("a value"));
    }
    for key in [FIRST, SECOND] {
        let verifier = standardwebhooks::Webhook::new(key).expect("a key");
        assert!(
            verifier.verify(call.body.as_bytes(), &headers).is_ok(),
            "{key}"
        );
    }
    let stranger =
        standardwebhooks::Webhook::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").expect("a key");
    assert!(stranger.verify(call.body.as_bytes(), &headers).is_err());
}

#[test]
fn every_attempt_has_the_same_id_and_its_own_time_and_signature() {
    let request = request(Some(Signing::StandardWebhooks(vec![secret(FIRST)])), "{}");
    let (first, second) = (
        seal(&request, "01JQ", 100, None).unwrap(),
        seal(&request, "01JQ", 200, None).unwrap(),
    );
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    assert_eq!(header(&second, "webhook-timestamp"), "200");
    assert_ne!(
        header(&first, "webhook-signature"),
        header(&second, "webhook-signature")
    );
}

#[test]
fn a_shared_secret_is_sent_in_its_header_and_read_at_each_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let place = Place {
        file: "a.toml".into(),
        line: 1,
    };
    let node = |value| Node {
        value,
        place: place.clone(),
    };
    let table = Value::Table(vec![(
        "file".to_owned(),
        node(Value::Text(path.display().to_string())),
    )]);
    let secret = Secret::read(&node(table)).expect("a secret");
    let request = request(
        Some(Signing::Header("X-Webhook-Secret".to_owned(), secret)),
        "{}",
    );
    let missing = seal(&request, "01JQ", 1, None).unwrap_err();
    assert!(matches!(missing, SealError::Secret(_)));
    for text in ["one", "two"] {
        std::fs::write(&path, format!("{text}\n")).unwrap();
        private(&path);
        assert_eq!(
            header(
                &seal(&request, "01JQ", 1, None).unwrap(),
                "X-Webhook-Secret"
            ),
            text
        );
    }
    assert!(!format!("{request:?}").contains("two"));
}

#[test]
fn every_scheme_reads_its_secret_at_each_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let place = Place {
        file: "a.toml".into(),
        line: 1,
    };
    let node = |value| Node {
        value,
        place: place.clone(),
    };
    let file = Value::Text(path.display().to_string());
    let table = Value::Table(vec![("file".to_owned(), node(file))]);
    let kept = Secret::read(&node(table)).expect("a secret");
    for sign in [
        Signing::StandardWebhooks(vec![kept.clone()]),
        Signing::Body {
            header: "X-Signature".to_owned(),
            prefix: "sha256=",
            secret: kept.clone(),
        },
        Signing::OpsKnight(kept.clone()),
        Signing::Header("X-Webhook-Secret".to_owned(), kept.clone()),
        Signing::Basic {
            user: "andon".to_owned(),
            secret: kept.clone(),
        },
        Signing::Bearer(kept),
    ] {
        let request = request(Some(sign), "{}");
        let missing = seal(&request, "01JQ", 1, None).unwrap_err();
        assert!(matches!(missing, SealError::Secret(_)));
        let sent = ["b25lb25lb25l", "dHdvdHdvdHdv"].map(|text| {
            std::fs::write(&path, format!("{text}\n")).unwrap();
            private(&path);
            seal(&request, "01JQ", 1, None).unwrap().headers
        });
        assert_ne!(sent[0], sent[1], "{:?}", request.sign);
        assert_eq!(sent[1], seal(&request, "01JQ", 1, None).unwrap().headers);
        std::fs::remove_file(&path).unwrap();
    }
}

fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn signatures_over_the_body_alone_are_those_that_others_compute() {
    // From the documentation of GitHub and the tests of Slack, Stripe and Grafana, or made with openssl; what they sign beside a body stands
    // before it.
    for (key, body, expected) in [
        (
            "test-team-secret",
            r#"{"title":"Deploy failed: api-gateway","description":"Migration step exited with code 137","severity":"sev1","metadata":{"commit":"a1b2c3","environment":"production"},"group_key":"deploy:api-gateway"}"#,
            "b463b6ceddabbc426c3029c40eaffb1a6ed2e7f2a927a70dd3a8ea9abf8a7acb",
        ),
        (
            "8f742231b10e8888abcd99yyyzzz85a5",
            "v0:1531420618:token=xyzz0WbapA4vBCDEFa0cx6M1&team_id=T1DC2JH3J",
            "d0a47d43fc036963e1ca2ec1084e188eefd1fac4e65d35d530e70b7beac44d32",
        ),
        (
            "whsec_test",
            r#"1700000000.{"a":1}"#,
            "38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789",
        ),
        (
            "secret",
            "test message",
            "3bcebf43c85d20bba6e3b6ba278af1d2ba3ab0d57de271b0ad30b833e851c5a6",
        ),
        (
            "secret",
            "0:test message",
            "ac18a483a582b60a883e974541afe25aa1026136163e94665649743324183ef1",
        ),
        (
            "secret",
            r#"{"a":1}"#,
            "aa9e2e3575f5d7098b6caccd790888c36d5fdb63342a73bada2d6a51747a8494",
        ),
        (
            "It's a Secret to Everybody",
            "Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        (
            "test-secret",
            r#"{"a":1}"#,
            "179bf20a8b9040a32368814a68b0dc270823b5968498e0a73796c4202708ed8d",
        ),
    ] {
        assert_eq!(over_body(key.as_bytes(), body), expected);
    }
}

#[test]
fn every_scheme_sets_the_headers_that_it_says_and_no_other() {
    let password = || secret("pass:word");
    for (sign, expected) in [
        (
            Signing::Body {
                header: "X-Signature".to_owned(),
                prefix: "sha256=",
                secret: secret("test-secret"),
            },
            "sha256=179bf20a8b9040a32368814a68b0dc270823b5968498e0a73796c4202708ed8d",
        ),
        (
            Signing::Body {
                header: "X-Webhook-Signature".to_owned(),
                prefix: "",
                secret: secret("test-secret"),
            },
            "179bf20a8b9040a32368814a68b0dc270823b5968498e0a73796c4202708ed8d",
        ),
        (
            Signing::Header("X-Token".to_owned(), password()),
            "pass:word",
        ),
        (
            Signing::Basic {
                user: "andon".to_owned(),
                secret: password(),
            },
            "Basic YW5kb246cGFzczp3b3Jk",
        ),
        (Signing::Bearer(password()), "Bearer pass:word"),
    ] {
        let says = sign.headers().join(" ");
        let call = seal(&request(Some(sign), r#"{"a":1}"#), "01JQ", 1, None).expect("sealed");
        let [(name, value)] = &call.headers[..] else {
            panic!("{:?}", call.headers)
        };
        assert!(name.eq_ignore_ascii_case(&says), "{name} {says}");
        assert_eq!(value, expected);
    }
}

#[test]
fn a_signature_of_opsknight_is_over_milliseconds_and_body() {
    let sign = Signing::OpsKnight(secret("secret"));
    let says = sign.headers().join(" ");
    let request = request(Some(sign), r#"{"a":1}"#);
    let call = seal(&request, "01JQ", 1_700_000_000, None).expect("sealed");
    // Computed with another tool.
    let expected = [
        ("X-OpsKnight-Timestamp", "1700000000000"),
        (
            "X-OpsKnight-Signature",
            "sha256=4ef2732b0d632a6897af3a6d02a6de287f60d6c5f15dabdb0ceb045a34e3c5a7",
        ),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(call.headers, expected);
    assert_eq!(says, "X-OpsKnight-Timestamp X-OpsKnight-Signature");
}

#[test]
fn keys_are_standard_base64_with_or_without_prefix_and_padding() {
    assert_eq!(signing_key("whsec_AQI=").as_deref(), Some(&[1, 2][..]));
    assert_eq!(signing_key("AQI").as_deref(), Some(&[1, 2][..]));
    for bad in ["", "whsec_", "whsec_!!!!", "not base64"] {
        assert_eq!(signing_key(bad), None, "{bad}");
    }
}
