//! How we say who we are and what we send, beside apprise, which knows some of these services too: the headers of a real request of each.

use std::collections::BTreeMap;

use super::{Bench, Case, Step, cases, notice, stand_in::Seen};
use crate::support::{Receiver, python};

/// A case and the URL by which apprise sends there as the same one.
const ALSO: [(&str, &str); 13] = [
    ("discord", "discord://223704706495545344/canary-0001/"),
    ("google-chat", "gchat://AAAA/canary/canary/"),
    (
        "onesignal-basic",
        "onesignal://01234567-89ab-cdef-0123-456789abcdef@canary/@maintenance",
    ),
    ("opsgenie", "opsgenie://canary/?action=new"),
    (
        "resend",
        "resend://re_canary:andon@plant-7.example.com/ops@example.com",
    ),
    (
        "sendgrid",
        "sendgrid://SG.canary:andon@plant-7.example.com/ops@example.com",
    ),
    (
        "slack",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
    ),
    ("slack-bot", "slack://xoxb-canary/C024BE91L"),
    (
        "sns",
        "sns://AKIDEXAMPLE012345678/canary/eu-central-1/alerts",
    ),
    (
        "teams",
        "workflows://prod-07.westeurope.logic.azure.com:443/x/canary/?image=no",
    ),
    (
        "telegram",
        "tgram://123456789:AAEcanarycanarycanarycanarycanarycan/-1001234567890/",
    ),
    (
        "twilio",
        "twilio://AC0123456789abcdef0123456789abcdef:canary@+4915735980000/+491701234567",
    ),
    (
        "whatsapp",
        "whatsapp://machine_alert:canary@106540352242922/+491701234567",
    ),
];

/// By which a service knows whom it has before it, and how to read what follows.
const TELLING: [&str; 4] = ["authorization", "content-type", "x-api-key", "x-amz-date"];

#[test]
fn a_service_is_told_who_sends_and_how_it_is_written_as_apprise_does() {
    let mut told_who = 0;
    for (name, url) in ALSO {
        let case = cases().find(|case| case.name == name);
        let (ours, theirs) = (ours(case.expect("a case")), by_apprise(name, url));
        assert_eq!(ours, theirs, "{name}");
        told_who += usize::from(ours.contains_key("authorization"));
    }
    assert_eq!(told_who, 8);
}

fn ours(case: &'static Case) -> BTreeMap<&'static str, String> {
    let mut bench = Bench::new(case);
    bench.attempt(&notice(Step::Trigger), Step::Trigger);
    let seen = bench.stand_in.as_ref().expect("a stand-in").take();
    telling(&seen[0])
}

fn by_apprise(name: &str, url: &str) -> BTreeMap<&'static str, String> {
    let receiver = Receiver::start();
    let base = format!("http://127.0.0.1:{}", receiver.port());
    let done = python::script("other_senders.py")
        .args(["apprise", url, &base])
        .output();
    let done = done.expect("python runs");
    assert!(done.status.success(), "{name}: {done:?}");
    // It may look somebody up first.
    let mut requests = receiver.all().into_iter();
    let request = requests.find(|request| request.method == "POST");
    let request = request.unwrap_or_else(|| panic!("{name}: apprise sent nothing"));
    telling(&Seen {
        line: request.path,
        headers: request.headers,
        body: request.body,
    })
}

/// Without what differs from one moment to the next, and without what only says how text is encoded.
fn telling(seen: &Seen) -> BTreeMap<&'static str, String> {
    let found = TELLING.into_iter().filter_map(|name| {
        let value = seen.headers.get(name)?;
        let lasting = match name {
            "x-amz-date" => "a date",
            "authorization" if value.starts_with("AWS4-") => value.split("/20").next()?,
            _ => value.split(';').next()?,
        };
        Some((name, lasting.to_owned()))
    });
    found.collect()
}
