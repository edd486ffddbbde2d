//! What is told of certificates and secrets, and when.

use std::fs;

use super::*;
use crate::{
    clock::{Clock, Synchronised},
    destination::testbed::read,
    link::http::testbed::Authority,
};

fn destination(authority: &Authority, more: &str) -> Arc<Vec<Credential>> {
    let at = authority.folder().display();
    let destination = read(&format!(
        "type = \"webhook\"\nurl = \"https://ops.example.com/\"\nca = \"{at}/ca.pem\"\nclient_cert = \"{at}/andon.pem\"\nclient_key = {{ file = \"{at}/andon.key\" }}\n{more}"
    ));
    let destination = destination.expect("a destination");
    Arc::new(vec![Credential {
        subject: destination_peer("ops"),
        name: "destination ops".to_owned(),
        needs: Needs::Destination(destination),
    }])
}

fn now() -> Now {
    Clock::system(Synchronised::Assume).now()
}

/// Rule, subject and severity of what is raised.
fn raised(signals: &[Signal]) -> Vec<(&str, &str, Severity)> {
    let raised = signals.iter();
    raised
        .filter_map(|signal| Some((&*signal.rule, &*signal.subject, signal.severity?)))
        .collect()
}

#[test]
fn a_certificate_is_worse_the_nearer_its_end_and_worst_after_it() {
    let now = now().wall;
    let days = |days: u64| now + DAY.saturating_mul(u32::try_from(days).expect("few"));
    for (end, expected) in [
        (days(31), None),
        (days(30), Some(Severity::Info)),
        (days(8), Some(Severity::Info)),
        (days(7), Some(Severity::Warning)),
        (days(2), Some(Severity::Warning)),
        (days(1), Some(Severity::Error)),
        (now, Some(Severity::Error)),
        (now - DAY, Some(Severity::Error)),
    ] {
        assert_eq!(severity(end, now), expected, "{end}");
    }
}

#[test]
fn our_own_files_are_judged_while_the_clock_is_right_and_until_they_are_replaced() {
    let authority = Authority::new();
    authority.issue("andon", "DNS:andon", "-days 5");
    let (all, seen) = (destination(&authority, ""), Seen::default());
    let found = look(&all, &seen, now());
    assert_eq!(
        raised(&found),
        [
            // The authority of these tests lives for two days.
            (CERTIFICATE_RULE, "destination.ops.ca", Severity::Warning),
            (
                CERTIFICATE_RULE,
                "destination.ops.client_cert",
                Severity::Warning
            ),
        ]
    );
    let message = &*found[2].face.message;
    assert!(
        message.starts_with("our certificate for destination ops in "),
        "{message}"
    );
    assert!(
        message.contains("andon.pem (CN=andon) ends on 20") && message.ends_with(" UTC"),
        "{message}"
    );

    let wrong = Now {
        synchronised: false,
        ..now()
    };
    assert_eq!(
        look(&all, &seen, wrong).len(),
        1,
        "only the secret is looked at"
    );
    authority.issue("andon", "DNS:andon", "-days 100");
    let found = look(&all, &seen, now());
    assert_eq!(raised(&found).len(), 1);
    assert_eq!(
        found[2],
        Signal::gone(CERTIFICATE_RULE, "destination.ops.client_cert")
    );
    authority.issue(
        "andon",
        "DNS:andon",
        "-startdate 20000101000000Z -enddate 20010101000000Z",
    );
    let found = look(&all, &seen, now());
    assert!(
        found[2]
            .face
            .message
            .contains(" has ended on 2001-01-01, 00:00 UTC"),
        "{found:?}"
    );
}

#[test]
fn a_new_authority_beside_the_old_one_is_enough_but_one_dead_certificate_breaks_our_chain() {
    let authority = Authority::new();
    authority.issue(
        "old",
        "DNS:old",
        "-startdate 20000101000000Z -enddate 20010101000000Z",
    );
    authority.issue("new", "DNS:new", "-days 100");
    let text = |name: &str| fs::read_to_string(authority.path(name)).expect("a file");
    let both = authority.path("both.pem");
    fs::write(&both, text("old.pem") + &text("new.pem")).expect("a file");
    let ends = End::in_file(&both);
    assert_eq!(ends.len(), 2);
    assert_eq!(last(ends.clone()).expect("one").subject, "CN=new");
    assert_eq!(first(ends).expect("one").subject, "CN=old");
    assert!(End::in_file(&authority.path("none.pem")).is_empty());
    assert!(End::of(b"nonsense").is_none());
}

#[test]
fn a_secret_that_cannot_be_used_is_told_until_it_can() {
    let authority = Authority::new();
    authority.issue("andon", "DNS:andon", "-days 100");
    let key = authority.path("ops.key");
    let sign = format!(
        "sign = {{ scheme = \"bearer\", secret = {{ file = \"{}\" }} }}",
        key.display()
    );
    let all = destination(&authority, &sign);
    let look = || look(&all, &Seen::default(), now());
    let found = look();
    assert_eq!(found[0].severity, Some(Severity::Error));
    let message = &*found[0].face.message;
    assert!(
        message.starts_with("destination ops is off: ") && message.contains("ops.key"),
        "{message}"
    );
    fs::copy(authority.path("andon.key"), &key).expect("a file that nobody else can read");
    assert_eq!(look()[0], Signal::gone(SECRET_RULE, "destination.ops"));
    fs::remove_file(authority.path("andon.pem")).expect("the certificate");
    assert!(look()[0].face.message.contains("andon.pem cannot be used"));
}
