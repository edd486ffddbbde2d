//! A real mosquitto on a port of its own.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::port::Port;

/// What it is set to beside `max_inflight_messages`. Messages are never dropped because many wait, and leave at once.
const SETTINGS: [&str; 4] = [
    "max_queued_messages 0",
    "queue_qos0_messages true",
    "set_tcp_nodelay true",
    "persistence false",
];

/// A broker; it ends with this value.
pub struct Broker {
    child: Child,
    port: Port,
    _dir: TempDir,
}

impl Broker {
    /// `inflight` messages at QoS 1 may wait for their acknowledgement by one client.
    pub fn start(inflight: u16) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let port = Port::reserve();
        let settings = SETTINGS.join("\n");
        // Started by root, it would otherwise become a user that cannot read the folder.
        let text = format!(
            "user root\nlistener {} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages {inflight}\n{settings}\n",
            port.number
        );
        let file = dir.path().join("mosquitto.conf");
        fs::write(&file, text).expect("a file");
        let child = Command::new(program())
            .arg("-c")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is needed: apt-get install mosquitto mosquitto-clients");
        let broker = Self {
            child,
            port,
            _dir: dir,
        };
        for _ in 0..500 {
            if TcpStream::connect(broker.port.address()).is_ok() {
                return broker;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("mosquitto does not listen");
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its version and settings.
pub fn describe() -> String {
    let said = Command::new(program()).arg("-h").output();
    let said = said.map_or_else(|_| Vec::new(), |output| output.stdout);
    let said = String::from_utf8_lossy(&said);
    let version = said.lines().next().unwrap_or("no mosquitto").to_owned();
    format!("{version} with {}", SETTINGS.join(", "))
}

/// Debian puts it where only root's path leads.
fn program() -> &'static str {
    let places = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
    let found = places.into_iter().find(|place| Path::new(place).exists());
    found.unwrap_or("mosquitto")
}
