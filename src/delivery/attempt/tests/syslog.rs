//! Against Debian's rsyslog: over TCP with both framings, over TLS with our certificate, and after it was restarted.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use tokio::time::{sleep, timeout};

use super::*;
use crate::{link::http::testbed::Authority, port::Port};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that writes what it hears to `heard`, a message a line: what it understood of it, and then all of it.
struct Rsyslog {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    _held: Port,
}

impl Rsyslog {
    async fn start(input: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let held = Port::reserve();
        let port = held.number;
        let at = folder.path().display();
        let config = format!(
            r#"global(workDirectory="{at}" maxMessageSize="16k")
{input}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="heard")
template(name="all" type="string" string="%syslogfacility-text%.%syslogseverity-text%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\n")
ruleset(name="heard") {{ action(type="omfile" file="{at}/heard" template="all" asyncWriting="off" flushOnTXEnd="on") }}
"#
        );
        fs::write(folder.path().join("rsyslog.conf"), config).expect("its configuration");
        let child = Self::spawn(folder.path());
        let server = Self {
            child,
            folder,
            port,
            _held: held,
        };
        server.answers().await;
        server
    }

    fn spawn(folder: &Path) -> Child {
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command.args(["-n", "-C", "-i", "NONE", "-f"]);
        command.arg(folder.join("rsyslog.conf"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let missing =
            "rsyslog must be installed for this test: apt-get install rsyslog rsyslog-gnutls";
        command.spawn().expect(missing)
    }

    async fn answers(&self) {
        until("rsyslog answers", || {
            TcpStream::connect(("127.0.0.1", self.port))
                .is_ok()
                .then_some(())
        })
        .await;
    }

    fn stop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("its end");
    }

    async fn start_again(&mut self) {
        self.child = Self::spawn(self.folder.path());
        self.answers().await;
    }

    /// What it has written, when there are so many lines.
    async fn heard(&self, lines: usize) -> Vec<String> {
        until("it has heard them", || {
            let text = fs::read_to_string(self.folder.path().join("heard")).unwrap_or_default();
            let found: Vec<String> = text.lines().map(str::to_owned).collect();
            (text.ends_with('\n') && found.len() >= lines).then_some(found)
        })
        .await
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let waited = timeout(PATIENCE, async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"))
}

fn logs(scheme: &str, port: u16, more: &str) -> (Destination, Contact) {
    let logs = read(&format!(
        "type = \"syslog\"\nurl = \"{scheme}://127.0.0.1:{port}\"\nallow_addresses = [\"127.0.0.1/32:{port}\"]\n{more}"
    ));
    let logs = logs.expect("a destination");
    let contact = Contact::new(&logs, None).expect("a contact");
    (logs, contact)
}

fn bad_notice() -> Notice {
    let mut bad = notice();
    bad.site = "plant-7".to_owned();
    bad.text = "12 °C, \"too\" cold\n3".to_owned();
    bad.alert.severity = "critical".to_owned();
    bad.alert.machine_name = "mill \"1\" ] \\".to_owned();
    bad
}

fn accepted(exchange: &Exchange) -> &str {
    match &exchange.outcome {
        Outcome::Accepted { detail, .. } => detail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rsyslog_reads_what_was_meant_over_tcp_with_both_framings() {
    let server = Rsyslog::start("module(load=\"imtcp\")").await;
    for (number, framing) in ["octets", "line"].into_iter().enumerate() {
        let (logs, contact) = logs("tcp", server.port, &format!("framing = \"{framing}\""));
        let done = tell(&logs, &contact, &bad_notice(), now()).await;
        let honest = "handed to the connection; syslog does not confirm";
        assert_eq!(accepted(&done), honest);
        let heard = server.heard(number + 1).await;
        let line = &heard[number];
        assert!(
            line.starts_with("local0.crit|plant-7|andon|triggered|[timeQuality "),
            "{line}"
        );
        assert!(line.contains(r#"machineName="mill \"1\" \] \\""#), "{line}");
        assert!(line.trim_end().ends_with("12 °C, \"too\" cold 3"), "{line}");
    }
}

#[tokio::test]
async fn rsyslog_is_told_over_tls_and_only_by_who_has_a_certificate() {
    let plant = Authority::new();
    plant.issue("server", "IP:127.0.0.1", "-days 2");
    plant.issue("andon", "DNS:andon", "-days 2");
    let at = plant.folder().display();
    let server = Rsyslog::start(&format!(
        r#"global(defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{at}/ca.pem" defaultNetstreamDriverCertFile="{at}/server.pem" defaultNetstreamDriverKeyFile="{at}/server.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")"#
    ))
    .await;
    let known = format!(
        "ca = \"{at}/ca.pem\"\nclient_cert = \"{at}/andon.pem\"\nclient_key = {{ file = \"{at}/andon.key\" }}"
    );
    let (good, contact) = logs("tls", server.port, &known);
    accepted(&tell(&good, &contact, &bad_notice(), now()).await);
    accepted(&tell(&good, &contact, &bad_notice(), now()).await);
    assert_eq!(server.heard(2).await.len(), 2);

    let other = Authority::new();
    let foreign = format!("ca = \"{}/ca.pem\"", other.folder().display());
    for (more, part) in [
        (foreign, "certificate not trusted"),
        (format!("ca = \"{at}/ca.pem\""), ""),
    ] {
        let (bad, contact) = logs("tls", server.port, &more);
        let outcome = tell(&bad, &contact, &bad_notice(), now()).await.outcome;
        let (Outcome::Unreachable { why } | Outcome::Failed { why, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(why.contains(part), "{why}");
    }
    assert_eq!(server.heard(2).await.len(), 2);
}

#[tokio::test]
async fn a_server_that_went_away_is_noticed_before_it_is_written_to() {
    let mut server = Rsyslog::start("module(load=\"imtcp\")").await;
    let (logs, contact) = logs("tcp", server.port, "");
    accepted(&tell(&logs, &contact, &bad_notice(), now()).await);
    server.heard(1).await;
    server.stop();
    let outcome = tell(&logs, &contact, &bad_notice(), now()).await.outcome;
    let Outcome::Unreachable { why } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("connection refused"), "{why}");
    server.start_again().await;
    accepted(&tell(&logs, &contact, &bad_notice(), now()).await);
    assert_eq!(server.heard(2).await.len(), 2);
}

#[tokio::test]
async fn what_is_not_allowed_is_not_dialled() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    let logs = read(&format!(
        "type = \"syslog\"\nurl = \"tcp://localhost:{port}\""
    ));
    let logs = logs.expect("a destination");
    let contact = Contact::new(&logs, None).expect("a contact");
    let outcome = tell(&logs, &contact, &notice(), now()).await.outcome;
    let Outcome::Unreachable { why } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("allow_addresses = ["), "{why}");
}
