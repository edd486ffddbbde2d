//! Mails from the real program through a relay by aiosmtpd, read by Python's own parser: neither knows anything of andon.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Agent, cold_device, mill, python, text, too_hot, wait};

const PASSWORD: &str = "canary-p:w %41\"ö";

/// A machine whose name would like to be a header.
const NAME: &str = r"CNC Mill\r\nBcc: evil@example.com\r\n\r\n.\r\nöl <b>&amp; 🚨 \u202e";

/// A relay with a certificate of its own authority.
pub(crate) struct Relay {
    mode: &'static str,
    port: u16,
    heard: Arc<Mutex<Vec<Value>>>,
    folder: TempDir,
    child: Child,
}

impl Relay {
    pub(crate) fn start(mode: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        certificate(folder.path());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut child = python::script("mail_relay.py")
            .args([mode, &at("leaf.pem"), &at("leaf.key"), "andon", PASSWORD])
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
        fs::write(folder.path().join("relay.pw"), PASSWORD).expect("the password");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join("relay.pw"), private).expect("its mode");
        Self {
            mode,
            port: port.parse().expect("a port"),
            heard,
            folder,
            child,
        }
    }

    fn heard(&self) -> Vec<Value> {
        self.heard.lock().expect("no panic").clone()
    }

    pub(crate) fn mails(&self, count: usize) -> Vec<Value> {
        wait::until(&format!("{count} mails"), || {
            let heard = self.heard();
            let mails = heard.into_iter().filter(|mail| mail["from"].is_string());
            let mails: Vec<Value> = mails.collect();
            (mails.len() >= count).then_some(mails)
        })
    }

    /// A destination of this name for these recipients.
    pub(crate) fn destination(&self, name: &str, to: &str, more: &str) -> String {
        let scheme = if self.mode == "implicit" {
            "smtps"
        } else {
            "smtp"
        };
        format!(
            r#"
[[destination]]
name = "{name}"
type = "mail"
server = "{scheme}://127.0.0.1:{port}"
allow_addresses = ["127.0.0.1/32:{port}"]
ca = "{folder}/ca.pem"
user = "andon"
password = {{ file = "{folder}/relay.pw" }}
from = "andon, Plant 7 <andon@plant.example.com>"
to = [{to}]
call_every = "0s"
{more}
"#,
            port = self.port,
            folder = self.folder.path().display()
        )
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ca.pem`, and `leaf.pem` and `leaf.key` for 127.0.0.1.
fn certificate(folder: &Path) {
    fs::write(folder.join("ext"), "subjectAltName=IP:127.0.0.1\n").expect("a file");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for arguments in [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=Plant -days 90"),
        format!("req {key} -keyout leaf.key -out leaf.csr -subj /CN=relay"),
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -out leaf.pem -days 90 -extfile ext"
            .to_owned(),
    ] {
        let mut openssl = Command::new("openssl");
        let done = openssl
            .args(arguments.split(' '))
            .current_dir(folder)
            .output();
        let done = done.expect("openssl");
        assert!(done.status.success(), "{done:?}");
    }
}

fn header<'m>(mail: &'m Value, name: &str) -> Option<&'m str> {
    let headers = mail["headers"].as_array().expect("headers");
    let mut found = headers.iter().filter(|header| header[0] == name);
    let value = found.next()?[1].as_str();
    assert!(found.next().is_none(), "{name} stands there twice");
    value
}

const ROUTE: &str = "\n[[route]]\ndefault = true\nto = [\"ops\"]\n";

#[test]
fn an_alert_is_a_thread_of_mails_and_no_name_becomes_a_header() {
    for mode in ["starttls", "implicit"] {
        let (mut device, relay) = (cold_device(), Relay::start(mode));
        let plant = mill(&device).replace("CNC Mill #1", NAME);
        let to = "\"Maintenance, Hall 2 <ops@example.com>\", \"chief@example.com\"";
        let config =
            plant + &relay.destination("ops", to, "reply_to = \"desk@example.com\"") + ROUTE;
        let agent = Agent::start(&config, &too_hot(""));
        device.holding(100, 973);
        relay.mails(1);
        device.holding(100, 200);
        let mails = relay.mails(2);
        let ids: Vec<&str> = mails
            .iter()
            .filter_map(|mail| header(mail, "Message-ID"))
            .collect();
        assert_eq!(ids.len(), 2, "{mails:#?}");
        assert_ne!(ids[0], ids[1]);
        for (mail, mark) in mails.iter().zip(["[CRITICAL] ", "[OK] "]) {
            assert_eq!(mail["from"], "andon@plant.example.com");
            assert_eq!(
                mail["to"],
                serde_json::json!(["ops@example.com", "chief@example.com"])
            );
            assert_eq!(
                (&mail["tls"], text(mail, "/user")),
                (&Value::Bool(true), "andon")
            );
            assert_eq!(mail["defects"], serde_json::json!([]));
            assert!(mail["longest"].as_u64().is_some_and(|bytes| bytes <= 998));
            let headers = mail["headers"].as_array().expect("headers");
            let mut names: Vec<&str> = headers
                .iter()
                .filter_map(|header| header[0].as_str())
                .collect();
            names.retain(|name| !matches!(*name, "In-Reply-To" | "References"));
            names.sort_unstable();
            assert_eq!(
                names,
                [
                    "Auto-Submitted",
                    "Content-Type",
                    "Date",
                    "From",
                    "MIME-Version",
                    "Message-ID",
                    "Reply-To",
                    "Subject",
                    "To",
                    "X-Alert-Dedup-Key"
                ]
            );
            let subject = header(mail, "Subject").expect("a subject");
            assert_eq!(
                subject,
                format!("{mark}CNC Mill Bcc: evil@example.com . öl <b>&amp; 🚨, Plant 7 (A-1)")
            );
            let page = text(mail, "/parts/text~1html");
            assert!(page.contains("öl &lt;b&gt;&amp;amp; 🚨"), "{page}");
            assert!(!page.contains("<b>"), "{page}");
            let plain = text(mail, "/parts/text~1plain");
            assert!(plain.starts_with(&format!("{mark}Plant 7, ")), "{plain}");
            assert_eq!(header(mail, "Auto-Submitted"), Some("auto-generated"));
            assert_eq!(header(mail, "X-Alert-Dedup-Key").map(str::len), Some(64));
        }
        assert_eq!(header(&mails[0], "References"), None);
        for name in ["References", "In-Reply-To"] {
            assert_eq!(header(&mails[1], name), Some(ids[0]));
        }
        let tested = agent.verb("destinations", &["test", "ops"]);
        let said =
            String::from_utf8_lossy(&tested.stdout) + String::from_utf8_lossy(&tested.stderr);
        assert!(
            tested.status.success() && said.contains("queued as 4ZBgPq1x"),
            "{said}"
        );
        assert!(said.contains("Subject: [TEST] "), "{said}");
        assert!(!(said.into_owned() + &agent.log()).contains("canary"));
        let live = agent.verb("check", &["--live"]);
        let said = String::from_utf8_lossy(&live.stdout);
        assert!(live.status.success() && said.contains("ops"), "{said}");
    }
}

#[test]
fn what_is_refused_for_now_is_tried_again_and_what_is_refused_for_ever_is_not() {
    let (mut device, relay) = (cold_device(), Relay::start("starttls"));
    let quick = "retry = { first = \"1s\", max = \"1s\" }";
    let config = mill(&device)
        + &relay.destination("grey", "\"grey@example.com\"", quick)
        + &relay.destination("gone", "\"gone@example.com\"", quick)
        + &relay.destination("both", "\"gone@example.com\", \"ops@example.com\"", quick)
        + "\n[[route]]\ndefault = true\nto = [\"grey\", \"gone\", \"both\"]\n";
    let agent = Agent::start(&config, &too_hot(""));
    device.holding(100, 973);
    wait::until("the patient one and the other of two", || {
        let heard = relay.heard();
        let has = |to: &str| {
            heard
                .iter()
                .any(|mail| mail["to"] == serde_json::json!([to]))
        };
        (has("grey@example.com") && has("ops@example.com")).then_some(())
    });
    agent.shows("nothing that waits", |view| view["store"]["pending"] == 0);
    let gone = || {
        let heard = relay.heard();
        let refused = heard
            .iter()
            .filter(|of| of["refused"] == "gone@example.com");
        refused.count()
    };
    let once = gone();
    wait::never(Duration::from_secs(3), "nobody asks again", || {
        (gone() != once).then(|| format!("{:?}", relay.heard()))
    });
    for (name, expected) in [
        (
            "gone",
            "refused: SMTP 550: RCPT TO: gone@example.com: 5.1.1 no such user",
        ),
        (
            "both",
            "not taken for gone@example.com (550 5.1.1 no such user)",
        ),
    ] {
        let tested = agent.verb("destinations", &["test", name]);
        let said =
            String::from_utf8_lossy(&tested.stdout) + String::from_utf8_lossy(&tested.stderr);
        assert!(said.contains(expected), "{said}");
    }
    // A password that the relay does not know is waited for, as a person can mend it.
    let wrong = relay
        .destination("ops", "\"ops@example.com\"", "")
        .replace("user = \"andon\"", "user = \"nobody\"");
    let agent = Agent::start(&(mill(&device) + &wrong + ROUTE), &too_hot(""));
    let tested = agent.verb("destinations", &["test", "ops"]);
    let said = String::from_utf8_lossy(&tested.stdout) + String::from_utf8_lossy(&tested.stderr);
    assert!(
        said.contains("SMTP 535: AUTH: ") && said.contains("look at `user`"),
        "{said}"
    );
}
