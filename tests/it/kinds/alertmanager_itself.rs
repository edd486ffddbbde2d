//! Our alerts in Debian's Prometheus Alertmanager: they appear, stay while they are active, also over a restart of the agent, and end.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::support::{Agent, cold_device, mill, port::Port, text, too_hot, wait};

const PROGRAM: &str = "prometheus-alertmanager";
/// It is told again every minute.
const A_MINUTE: Duration = Duration::from_secs(120);

struct Alertmanager {
    port: Port,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("alertmanager.yml");
        // What is told without an end would be forgotten after a second.
        let text = "global: { resolve_timeout: 1s }\nroute: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";
        std::fs::write(&config, text).expect("its configuration");
        let port = Port::reserve();
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", port.number))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}; apt-get install {PROGRAM}"));
        let alertmanager = Self {
            port,
            child,
            _folder: folder,
        };
        wait::until("Alertmanager answers", || alertmanager.alerts());
        alertmanager
    }

    /// What is active there.
    fn alerts(&self) -> Option<Vec<Value>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port.number)).ok()?;
        stream.set_read_timeout(Some(wait::PATIENCE)).ok()?;
        stream
            .write_all(b"GET /api/v2/alerts HTTP/1.0\r\nhost: localhost\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.contains(" 200 ").then_some(())?;
        serde_json::from_str(body).ok()
    }

    fn ours(&self) -> Option<Value> {
        let mut all = self.alerts()?.into_iter();
        all.find(|alert| text(alert, "/labels/alertname") == "spindle-overtemp")
    }

    /// Waits until it was told again, and gives when it would end now.
    fn is_told_after(&self, ends: &str) -> String {
        wait::within(A_MINUTE, "it is told again", || {
            let now = text(&self.ours().expect("it is still active"), "/endsAt").to_owned();
            (now.as_str() > ends).then_some(now)
        })
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_alert_appears_in_alertmanager_stays_while_it_is_active_and_ends() {
    let (mut device, alertmanager) = (cold_device(), Alertmanager::start());
    let port = alertmanager.port.number;
    let config = format!(
        r#"{}
[[destination]]
name = "prometheus"
type = "alertmanager"
url = "http://127.0.0.1:{port}/"
allow_http = true
allow_addresses = ["127.0.0.1/32:{port}"]
"#,
        mill(&device)
    );
    let mut agent = Agent::start(&config, &too_hot(""));
    device.holding(100, 973);
    let found = wait::until("the alert appears", || alertmanager.ours());
    assert_eq!(text(&found, "/labels/severity"), "critical");
    assert_eq!(text(&found, "/labels/machine"), "mill-1");
    assert_eq!(text(&found, "/status/state"), "active");
    assert!(
        text(&found, "/annotations/summary").contains("97.3"),
        "{found}"
    );
    let begun = text(&found, "/startsAt").to_owned();

    let ends = alertmanager.is_told_after(text(&found, "/endsAt"));
    agent.kill();
    agent.run();
    alertmanager.is_told_after(&ends);
    let still = alertmanager.ours().expect("it is still active");
    assert_eq!(text(&still, "/startsAt"), begun);
    assert_eq!(alertmanager.alerts().map(|all| all.len()), Some(1));

    device.holding(100, 200);
    wait::until("it is over there", || {
        alertmanager.ours().is_none().then_some(())
    });
}
