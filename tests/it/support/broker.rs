//! A real mosquitto on a port of its own, in a folder of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{port::Port, wait};

const MISSING: &str =
    "mosquitto and mosquitto_pub are needed: apt-get install mosquitto mosquitto-clients";

/// A broker; it ends with this value.
pub(crate) struct Broker {
    child: Option<Child>,
    folder: TempDir,
    port: Port,
    more: Vec<Port>,
}

impl Broker {
    /// One that keeps sessions and retained messages over an orderly restart.
    pub(crate) fn start() -> Self {
        Self::start_as("max_queued_messages 0\npersistence true\n")
    }

    /// One that forgets everything when it stops.
    pub(crate) fn start_forgetful() -> Self {
        Self::start_as("max_queued_messages 0\npersistence false\n")
    }

    /// One that has nowhere to keep anything.
    pub(crate) fn start_diskless() -> Self {
        Self::start_as(
            "max_queued_messages 0\npersistence true\nautosave_interval 1\npersistence_file no/such/folder/db\n",
        )
    }

    /// One with more listeners; `{0}` stands for the port of the first of them.
    pub(crate) fn with_listeners(listeners: &[String]) -> Self {
        let more: Vec<Port> = listeners.iter().map(|_| Port::reserve()).collect();
        let mut text =
            "max_queued_messages 0\npersistence false\n".to_owned() + &listeners.concat();
        for (number, port) in more.iter().enumerate() {
            text = text.replace(&format!("{{{number}}}"), &port.number.to_string());
        }
        let mut broker = Self::start_as(&text);
        broker.more = more;
        broker
    }

    /// The port of one of them.
    pub(crate) fn listener(&self, number: usize) -> u16 {
        self.more[number].number
    }

    /// One that is spoken to over TLS, with `broker.pem` and `broker.key` of this folder.
    pub(crate) fn start_tls(folder: &Path) -> Self {
        let at = folder.display();
        Self::start_as(&format!(
            "certfile {at}/broker.pem\nkeyfile {at}/broker.key\nmax_queued_messages 0\npersistence false\n"
        ))
    }

    /// One with these settings of its own.
    pub(crate) fn start_as(settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = Port::reserve();
        // Started by root, it would otherwise become a user that cannot read the folder.
        let text = format!(
            "user root\nper_listener_settings false\npersistence_location {}/\nlistener {} 127.0.0.1\nallow_anonymous true\n{settings}",
            folder.path().display(),
            port.number,
        );
        fs::write(folder.path().join("mosquitto.conf"), text).expect("its configuration");
        let mut broker = Self {
            child: None,
            folder,
            port,
            more: Vec::new(),
        };
        broker.resume();
        broker
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number
    }

    /// What it logs since it was started last.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Ends it as systemd does, which saves what it keeps.
    pub(crate) fn stop(&mut self) {
        let child = self.child.as_mut().expect("the broker runs");
        kill_process(Pid::from_child(child), Signal::TERM).expect("it is there");
        wait::until("mosquitto ends", || child.try_wait().expect("a child"));
        self.child = None;
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("the broker runs");
        child.kill().expect("it is there");
        child.wait().expect("a child");
    }

    /// Starts it again.
    pub(crate) fn resume(&mut self) {
        let log = fs::File::create(self.log()).expect("its log");
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("its log"))
            .stderr(log)
            .spawn()
            .expect(MISSING);
        self.child = Some(child);
        wait::until("mosquitto listens", || {
            TcpStream::connect(("127.0.0.1", self.port.number)).ok()
        });
    }

    /// Publishes with QoS 1 and waits until the broker has acknowledged it.
    pub(crate) fn publish(&self, topic: &str, payload: &str) {
        publish(self.port.number, topic, payload);
    }

    /// The same for who comes later too.
    pub(crate) fn publish_retained(&self, topic: &str, payload: &str) {
        self.send(topic, payload.as_bytes(), &["-r"]);
    }

    /// The same with a payload that is no text.
    pub(crate) fn publish_bytes(&self, topic: &str, payload: &[u8]) {
        self.send(topic, payload, &[]);
    }

    fn send(&self, topic: &str, payload: &[u8], more: &[&str]) {
        let mut child = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-q", "1", "-s"])
            .args(["-p", &self.port.number.to_string(), "-t", topic])
            .args(more)
            .stdin(Stdio::piped())
            .spawn()
            .expect(MISSING);
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(payload).expect("it listens");
        drop(stdin);
        let status = child.wait().expect("it ends");
        assert!(status.success(), "{topic} was not published");
    }

    /// Everything that is published below a topic from now on.
    pub(crate) fn subscribe(&self, topic: &str) -> Subscriber {
        let mut child = self
            .subscriber(&format!("{topic}/#"))
            .stdout(Stdio::piped())
            .spawn()
            .expect(MISSING);
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                keep.lock().expect("no panic").push(line);
            }
        });
        let subscriber = Subscriber { child, heard };
        // It does not say when the broker knows of it.
        let ready = format!("{topic}/is-there");
        wait::until("the subscriber hears", || {
            self.publish(&ready, "-");
            (!subscriber.heard().is_empty()).then_some(())
        });
        subscriber
    }

    /// What the broker keeps at a topic for who comes later.
    pub(crate) fn retained(&self, topic: &str) -> String {
        let output = self
            .subscriber(topic)
            .args(["--retained-only", "-C", "1", "-W", "20"])
            .output()
            .expect(MISSING);
        String::from_utf8(output.stdout).expect("text")
    }

    fn subscriber(&self, topic: &str) -> Command {
        let mut command = Command::new("mosquitto_sub");
        command
            .args(["-h", "127.0.0.1", "-q", "1", "-F", "%t %p"])
            .args(["-p", &self.port.number.to_string(), "-t", topic]);
        command
    }
}

/// Publishes at any broker of this machine, with QoS 1, and waits until it has acknowledged that.
pub(crate) fn publish(port: u16, topic: &str, payload: &str) {
    let output = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-q", "1"])
        .args(["-p", &port.to_string()])
        .args(["-t", topic, "-m", payload])
        .output()
        .expect(MISSING);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{topic} was not published: {said}");
}

/// A real mosquitto_sub; it ends with this value.
pub(crate) struct Subscriber {
    child: Child,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Subscriber {
    /// Topic and payload of every message, with a space between.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
