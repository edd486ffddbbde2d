//! A request as a person may see it: everything but secrets.
//!
//! What only receivers need to know is masked: the path of the URL, which is the whole credential of some services, what `sign` adds, and
//! free headers whose names say that they hold a secret, or whose values are kept elsewhere.

use crate::destination::{
    Errand, HttpRequest, MailRequest, Publish, Request, Run, Signing, access, may_be_secret,
};

/// The most lines of a body.
const MOST_LINES: usize = 200;
const MASK: &str = "***";

/// All requests, an empty line between two. `id` and `seconds` are those of the attempt.
pub(super) fn errand(errand: &Errand, id: &str, seconds: i64) -> Vec<String> {
    let shown = |request: &Request| match request {
        Request::Http(request) => http(request, id, seconds),
        Request::Mail(mail) => letter(mail),
        Request::Line(line) => body(line),
        Request::Publish(publish) => published(publish),
        Request::Run(run) => program(run),
    };
    let each: Vec<Vec<String>> = errand.requests.iter().map(shown).collect();
    each.join(&String::new())
}

/// The topic, an empty line, the payload.
fn published(publish: &Publish) -> Vec<String> {
    let how = if publish.retain { " (retained)" } else { "" };
    let first = format!("PUBLISH {}{how}", publish.topic);
    [first, String::new()]
        .into_iter()
        .chain(body(&publish.payload))
        .collect()
}

/// The environment, an empty line, the standard input.
fn program(run: &Run) -> Vec<String> {
    let environment = run.environment.iter();
    let environment = environment.map(|(name, value)| format!("{name}={value}"));
    let input = body(&run.input);
    environment.chain([String::new()]).chain(input).collect()
}

/// Method and host, headers, an empty line, the body.
fn http(request: &HttpRequest, id: &str, seconds: i64) -> Vec<String> {
    let origin = match request.url.reveal() {
        Ok(url) => access::origin(&url),
        Err(_) => MASK.to_owned(),
    };
    let mut lines = vec![format!("{} {origin}/{MASK}", request.method)];
    for (name, value) in &request.headers {
        let shown = if may_be_secret(name) {
            MASK.to_owned()
        } else {
            value.shown()
        };
        lines.push(format!("{name}: {shown}"));
    }
    for name in request.sign.iter().flat_map(Signing::headers) {
        lines.push(match name {
            "webhook-id" => format!("{name}: {id}"),
            "webhook-timestamp" => format!("{name}: {seconds}"),
            _ => format!("{name}: {MASK}"),
        });
    }
    let text = request.body.shown();
    if !text.is_empty() {
        lines.push(String::new());
        lines.extend(body(&text));
    }
    lines
}

/// Headers, an empty line, the text; the page says the same.
fn letter(mail: &MailRequest) -> Vec<String> {
    let headers = mail.shown().into_iter();
    let mut lines: Vec<String> = headers
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.push(format!("Subject: {}", mail.subject));
    lines.push(String::new());
    lines.extend(body(&mail.text));
    lines
}

/// The lines of a body; JSON on as many as make it readable.
pub(super) fn body(text: &str) -> Vec<String> {
    let json = serde_json::from_str::<serde_json::Value>(text);
    let pretty = json.and_then(|json| serde_json::to_string_pretty(&json));
    let text = pretty.as_deref().unwrap_or(text);
    let mut lines: Vec<String> = text.lines().take(MOST_LINES).map(str::to_owned).collect();
    if text.lines().nth(MOST_LINES).is_some() {
        lines.push("…".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{
        notice::{Attempt, Notice},
        testbed::read,
    };

    fn shown(more: &str) -> Vec<String> {
        let url = "url = \"https://ops.example.com/canary?canary\"";
        let destination = read(&format!("type = \"webhook\"\n{url}\n{more}")).expect("one");
        let notice = Notice {
            kind: "triggered".to_owned(),
            ..Notice::default()
        };
        let attempt = Attempt::default();
        let rendered = destination.render(&destination.told(&notice, &attempt, None));
        errand(&rendered.expect("an errand"), "01JQ", 7)
    }

    #[test]
    fn what_is_no_secret_is_shown_and_what_is_one_is_not() {
        let lines = shown(
            "headers = { X-Hall = \"2\", X-Api-Key = \"canary\", X-Kept = { env = \"canary\" } }\nformat = \"template\"\n\
             body = '{\"a\": [1, \"{event}\"]}'\nsign = { scheme = \"standard-webhooks\", secret = \"whsec_canarycanary\" }",
        );
        assert_eq!(
            lines,
            [
                "POST https://ops.example.com/***",
                "content-type: application/json",
                "X-Api-Key: ***",
                "X-Hall: 2",
                "X-Kept: ***",
                "webhook-id: 01JQ",
                "webhook-timestamp: 7",
                "webhook-signature: ***",
                "",
                "{",
                "  \"a\": [",
                "    1,",
                "    \"alert.triggered\"",
                "  ]",
                "}",
            ]
        );
        for sign in [
            "{ scheme = \"bearer\", secret = \"canary\" }",
            "{ scheme = \"basic\", user = \"a\", secret = \"canary\" }",
            "{ scheme = \"header\", header = \"X-A\", secret = \"canary\" }",
            "{ scheme = \"opshift\", secret = \"canary\" }",
        ] {
            let lines = shown(&format!("sign = {sign}")).join("\n");
            assert!(!lines.contains("canary"), "{lines}");
            assert!(lines.contains(": ***"), "{lines}");
        }
    }

    #[test]
    fn a_long_body_is_cut_and_a_text_stays_as_it_is() {
        assert_eq!(body("a\n b"), ["a", " b"]);
        let lines = body(&"x\n".repeat(201));
        assert_eq!((lines.len(), lines[200].as_str()), (201, "…"));
    }
}
