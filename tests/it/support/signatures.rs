//! Signatures as the reference libraries of Standard Webhooks judge them, those for Python and for JavaScript.

use super::{KEY, Received, javascript, outside, python};

/// Asserts that both libraries accept each of these requests with the key of all receivers here, and refuse it with its body changed.
pub(crate) fn verify(requests: &[Received]) {
    verify_with(KEY, requests);
}

/// The same with another key.
pub(crate) fn verify_with(key: &str, requests: &[Received]) {
    for (library, verdicts) in judged(key, requests) {
        for (verdict, request) in verdicts.iter().zip(requests) {
            assert_eq!(verdict, "ok", "{library}: {request:?}");
        }
    }
}

/// Asserts that neither takes any of these requests for one that was signed with this key.
pub(crate) fn refuse_with(key: &str, requests: &[Received]) {
    for (library, verdicts) in judged(key, requests) {
        for verdict in verdicts {
            assert!(verdict.starts_with("refused: "), "{library}: {verdict}");
        }
    }
}

fn judged(key: &str, requests: &[Received]) -> Vec<(&'static str, Vec<String>)> {
    assert!(!requests.is_empty(), "there is nothing to verify");
    let libraries = [
        ("standard_webhooks.py", python::script as fn(&str) -> _),
        ("standard_webhooks.js", javascript::script),
    ];
    let judged = libraries.into_iter().map(|(name, script)| {
        let mut script = script(name);
        script.arg(key);
        let answers = outside::ask(script, requests).into_iter();
        let verdict = |answer: serde_json::Value| answer["verdict"].to_string();
        let verdicts = answers
            .map(verdict)
            .map(|it| it.trim_matches('"').to_owned());
        (name, verdicts.collect())
    });
    judged.collect()
}
