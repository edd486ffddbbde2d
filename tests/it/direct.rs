//! Services that reach people beside other senders: apprise sends the same, and botocore signs the same.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Agent, Receiver, cold_device, mill, python, too_hot};

/// What we send as it stands in `tests/formats`, the URL by which apprise sends there, and what both have to say. Their values are what the
/// reference of a service gives for them; a path that begins so is of a version that both choose.
const BOTH: [(&str, &str, &[&str]); 6] = [
    (
        "twilio",
        "twilio://AC0123456789abcdef0123456789abcdef:0123456789abcdef0123456789abcdef@+4915735980000/+491701234567",
        &["Body", "From=+4915735980000", "To=+491701234567"],
    ),
    (
        "sns-phone",
        "sns://AKIDEXAMPLE012345678/canary/eu-central-1/+491701234567",
        &[
            "Action=Publish",
            "Message",
            "PhoneNumber=+491701234567",
            "Version=2010-03-31",
        ],
    ),
    (
        "sendgrid",
        "sendgrid://SG.canary:andon@plant-7.example.com/maintenance@example.com",
        &[
            "/personalizations/0/to/0/email=maintenance@example.com",
            "/from/email=andon@plant-7.example.com",
            "/subject",
            "/content/0/type",
            "/content/0/value",
        ],
    ),
    (
        "resend",
        "resend://re_canary:andon@plant-7.example.com/maintenance@example.com",
        &["/from", "/to", "/subject", "/html"],
    ),
    (
        "onesignal",
        "onesignal://01234567-89ab-cdef-0123-456789abcdef@canary/@maintenance",
        &[
            "/app_id=01234567-89ab-cdef-0123-456789abcdef",
            "/contents/en",
            "/headings/en",
        ],
    ),
    (
        "whatsapp",
        "whatsapp://machine_alert:canary@106540352242922/+491701234567",
        &[
            "/messaging_product=whatsapp",
            "/recipient_type=individual",
            "/to",
            "/type=template",
            "/template/name=machine_alert",
            "/template/language/code=en_US",
        ],
    ),
];

/// One request, as far as two senders can be compared.
struct Sent {
    method: String,
    path: String,
    kind: String,
    body: String,
}

impl Sent {
    /// The first of the requests in a file of `tests/formats`.
    fn ours(name: &str) -> Self {
        let file = format!("tests/formats/{name}.txt");
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        let text = text.expect("the file");
        let (head, rest) = text.split_once("\n\n").expect("a head");
        let mut lines = head.lines().skip(1);
        let (method, url) = lines
            .next()
            .expect("a line")
            .split_once(' ')
            .expect("a URL");
        let kind = lines.find_map(|line| line.strip_prefix("content-type: "));
        let path = url.split('/').skip(3).collect::<Vec<_>>().join("/");
        Self {
            method: method.to_owned(),
            path: format!("/{path}"),
            kind: kind.expect("a type").to_owned(),
            body: rest.lines().next().expect("a body").to_owned(),
        }
    }

    fn others(url: &str) -> Self {
        let receiver = Receiver::start();
        let base = format!("http://127.0.0.1:{}", receiver.port());
        let done = python::script("other_senders.py")
            .args(["apprise", url, &base])
            .output();
        let done = done.expect("python runs");
        assert!(done.status.success(), "{done:?}");
        let request = receiver.all().into_iter().next().expect("a request");
        Self {
            method: request.method.clone(),
            path: request.path.clone(),
            kind: request.headers["content-type"].clone(),
            body: request.body,
        }
    }

    /// The value of a field, by its name in a form or its pointer in JSON.
    fn field(&self, name: &str) -> Option<String> {
        if !name.starts_with('/') {
            let mut form = url::form_urlencoded::parse(self.body.as_bytes());
            return form
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.into_owned());
        }
        let body: Value = serde_json::from_str(&self.body).expect("JSON");
        body.pointer(name).map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
    }
}

/// Without the version of an API, and what only says how text is encoded.
fn plain(text: &str) -> String {
    let parts = text.split(';').next().unwrap_or_default().split('/');
    let version = |part: &&str| {
        !part
            .strip_prefix('v')
            .is_some_and(|part| part.contains('.'))
    };
    parts.filter(version).collect::<Vec<_>>().join("/")
}

#[test]
fn what_is_sent_to_a_service_is_what_apprise_sends_there() {
    for (name, url, fields) in BOTH {
        let (ours, theirs) = (Sent::ours(name), Sent::others(url));
        assert_eq!(ours.method, theirs.method, "{name}");
        assert_eq!(plain(&ours.path), plain(&theirs.path), "{name}");
        assert_eq!(plain(&ours.kind), plain(&theirs.kind), "{name}");
        for field in fields {
            let (field, value) = field
                .split_once('=')
                .map_or((*field, None), |(field, value)| (field, Some(value)));
            for sent in [&ours, &theirs] {
                let found = sent.field(field);
                let found = found.unwrap_or_else(|| panic!("{name}: no {field} in {}", sent.body));
                assert!(
                    value.is_none_or(|value| value == found),
                    "{name}: {field} is {found}"
                );
            }
        }
    }
}

#[test]
fn the_signature_of_a_real_request_is_that_of_botocore() {
    for token in [None, Some("canary/+token==")] {
        let (device, receiver) = (cold_device(), Receiver::start());
        let port = receiver.port();
        let session =
            token.map_or_else(String::new, |token| format!("session_token = \"{token}\""));
        let config = format!(
            r#"{}
[[destination]]
name = "ops"
type = "sns"
url = "http://127.0.0.1:{port}/"
allow_http = true
allow_addresses = ["127.0.0.1/32:{port}"]
topic = "arn:aws:sns:eu-central-1:123456789012:alerts"
access_key_id = "AKIDEXAMPLE012345678"
secret_access_key = "canary/secret+key"
{session}
[[route]]
default = true
to = ["ops"]
"#,
            mill(&device)
        );
        let agent = Agent::start(&config, &too_hot(""));
        let tested = agent.verb("destinations", &["test", "ops"]);
        let said =
            String::from_utf8_lossy(&tested.stdout) + String::from_utf8_lossy(&tested.stderr);
        assert!(tested.status.success(), "{said}");
        assert!(!(said.into_owned() + &agent.log()).contains("canary"));
        let request = receiver.all().into_iter().next().expect("a request");
        let told = json!({
            "url": format!("http://127.0.0.1:{port}/"), "headers": request.headers, "body": request.body,
            "key": "AKIDEXAMPLE012345678", "secret": "canary/secret+key", "token": token, "region": "eu-central-1",
        });
        assert_eq!(request.headers["authorization"], botocore(&told));
        assert_eq!(
            request
                .headers
                .get("x-amz-security-token")
                .map(String::as_str),
            token
        );
    }
}

fn botocore(told: &Value) -> String {
    let mut child: Command = python::script("other_senders.py");
    let child = child
        .arg("botocore")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("python runs");
    let mut stdin = child.stdin.take().expect("its input");
    stdin
        .write_all(told.to_string().as_bytes())
        .expect("it listens");
    drop(stdin);
    let done = child.wait_with_output().expect("python ends");
    let said: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    said["authorization"].as_str().expect("a header").to_owned()
}
