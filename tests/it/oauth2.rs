//! Tokens by client credentials, from an issuer by Authlib, which knows nothing of andon.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use crate::support::{Agent, cold_device, mill, python, text, too_hot, wait};

const SECRET: &str = "canary:s e+cret%41";

/// The issuer and the receiver behind it.
struct Issuer {
    port: u16,
    heard: Arc<Mutex<Vec<Value>>>,
    child: Child,
}

impl Issuer {
    fn start(method: &str) -> Self {
        let mut child = python::script("issuer.py")
            .args(["plant-7", SECRET, method])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python runs");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let port = lines.next().expect("a line").expect("text");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let value = serde_json::from_str(&line).expect("JSON");
                keep.lock().expect("no panic").push(value);
            }
        });
        Self {
            port: port.parse().expect("a port"),
            heard,
            child,
        }
    }

    /// `/hook alert.triggered 204`
    fn story(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("no panic");
        let line = |said: &Value| {
            let event = text(said, "/event");
            let space = if event.is_empty() { "" } else { " " };
            format!("{}{space}{event} {}", text(said, "/path"), said["status"])
        };
        heard.iter().map(line).collect()
    }

    fn tells(&self, what: &str, story: &[&str]) {
        wait::until(what, || (self.story() == story).then_some(()));
    }

    fn revoke(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the issuer");
        let request = "POST /revoke HTTP/1.1\r\nhost: issuer\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it listens");
        let _ = stream.read_to_end(&mut Vec::new());
    }

    fn destination(&self, auth: &str) -> String {
        format!(
            r#"
[[destination]]
name = "ops"
type = "webhook"
url = "http://127.0.0.1:{port}/hook"
allow_http = true
allow_addresses = ["127.0.0.1/32:{port}"]
call_every = "0s"
events = ["triggered", "resolved"]
sign = {{ scheme = "oauth2", token_url = "http://127.0.0.1:{port}/token", client_id = "plant-7", client_secret = {{ env = "ANDON_TEST_CLIENT" }}, scope = "alerts", auth = "{auth}", allow_http = true, allow_addresses = ["127.0.0.1/32:{port}"] }}

[[route]]
default = true
to = ["ops"]
"#,
            port = self.port
        )
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_token_is_fetched_once_and_anew_after_the_receiver_has_forgotten_it() {
    for (auth, method) in [
        ("basic", "client_secret_basic"),
        ("body", "client_secret_post"),
    ] {
        let (mut device, issuer) = (cold_device(), Issuer::start(method));
        let config = mill(&device) + &issuer.destination(auth);
        let mut agent = Agent::new(&config, &too_hot(""));
        agent.set("ANDON_TEST_CLIENT", SECRET);
        agent.run();
        device.holding(100, 973);
        let first = ["/token 200", "/hook alert.triggered 204"];
        issuer.tells("the trigger", &first);
        issuer.revoke();
        device.holding(100, 200);
        let mut story = first.to_vec();
        story.extend([
            "/revoke 204",
            "/hook alert.resolved 401",
            "/token 200",
            "/hook alert.resolved 204",
        ]);
        issuer.tells("the end, in the same attempt as the refusal", &story);
        let shown = agent.verb("outbox", &["--json"]);
        assert!(shown.status.success(), "{shown:?}");
        assert!(!agent.log().contains("canary"), "{}", agent.log());
    }
}

#[test]
fn without_a_token_nothing_is_sent_and_no_attempt_is_used() {
    let (mut device, issuer) = (cold_device(), Issuer::start("client_secret_basic"));
    let config = mill(&device) + &issuer.destination("basic");
    let mut agent = Agent::new(&config, &too_hot(""));
    agent.set("ANDON_TEST_CLIENT", "canary-wrong");
    agent.run();
    device.holding(100, 973);
    wait::until("a refusal of the issuer", || {
        issuer
            .story()
            .contains(&"/token 401".to_owned())
            .then_some(())
    });
    agent.shows("why", |view| {
        let trouble = text(view, "/destinations/0/why");
        trouble.contains("no token from") && trouble.contains("invalid_client")
    });
    let view = agent.status();
    assert!(!view.to_string().contains("canary"), "{view:#}");
    assert!(!issuer.story().iter().any(|line| line.starts_with("/hook")));
}
