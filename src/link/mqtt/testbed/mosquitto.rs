//! A real broker on a free port, with a configuration of its own in a temporary directory.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::PATIENCE;
use crate::port::Port;

/// A running mosquitto; it ends with this value.
pub(crate) struct Mosquitto {
    child: Child,
    dir: TempDir,
    pub(crate) port: u16,
    /// A port for a second listener, if its configuration has one.
    pub(crate) second: u16,
    _held: [Port; 2],
}

impl Mosquitto {
    /// Starts one that lets everybody in. `{dir}` in `extra` is its directory, `{second}` a port for a second listener.
    pub(crate) async fn start(extra: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), extra).await
    }

    pub(crate) async fn start_in(dir: TempDir, extra: &str) -> Self {
        let held = [Port::reserve(), Port::reserve()];
        let [port, second] = [held[0].number, held[1].number];
        let access = if extra.contains("password_file") {
            "allow_anonymous false"
        } else {
            "allow_anonymous true"
        };
        let path = dir.path().display().to_string();
        let extra = extra.replace("{dir}", &path);
        let extra = extra.replace("{second}", &second.to_string());
        // Started by root, it would otherwise become a user that cannot read the directory.
        let text = format!("user root\nlistener {port} 127.0.0.1\n{access}\n{extra}\n");
        fs::write(dir.path().join("mosquitto.conf"), text).unwrap();
        let child = spawn(dir.path());
        let mosquitto = Self {
            child,
            dir,
            port,
            second,
            _held: held,
        };
        mosquitto.answers().await;
        mosquitto
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Ends it as an orderly stop does, which saves sessions if it is configured to; then starts it again.
    pub(crate) async fn restart(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let ended = timeout(PATIENCE, async {
            while self.child.try_wait().unwrap().is_none() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        ended.await.expect("mosquitto ends");
        self.child = spawn(self.dir.path());
        self.answers().await;
    }

    async fn answers(&self) {
        let answers = timeout(PATIENCE, async {
            while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        answers.await.expect("mosquitto answers");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a CA (`{name}-ca.pem`) and a certificate for `localhost` that it signed (`{name}.pem`, `{name}.key`).
pub(crate) fn certificates(dir: &Path, name: &str) {
    let openssl = |arguments: &str| {
        let arguments = arguments.replace("{name}", name);
        let mut command = Command::new("openssl");
        command.current_dir(dir).args(arguments.split(' '));
        let output = command.output();
        let output =
            output.expect("openssl must be installed for this test: apt-get install openssl");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout {{name}}-ca.key -out {{name}}-ca.pem -days 2 -subj /CN={{name}}-ca"
    ));
    openssl(&format!(
        "req {key} -keyout {{name}}.key -out {{name}}.csr -subj /CN=localhost"
    ));
    let extensions = dir.join("extensions");
    fs::write(extensions, "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        "x509 -req -in {name}.csr -CA {name}-ca.pem -CAkey {name}-ca.key -CAcreateserial -days 2 \
         -extfile extensions -out {name}.pem",
    );
}

/// Writes a file with one user for `password_file`.
pub(crate) fn password_file(path: &Path, user: &str, password: &str) {
    let mut command = Command::new("mosquitto_passwd");
    command.arg("-b").arg("-c").arg(path).args([user, password]);
    let output = command.output().expect(MISSING);
    assert!(output.status.success());
}

const MISSING: &str =
    "mosquitto must be installed for this test: apt-get install mosquitto (2.0 or newer)";

fn spawn(dir: &Path) -> Child {
    // Debian puts it where only root's path leads.
    let binary = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
    let found = binary.into_iter().find(|path| Path::new(path).exists());
    let mut command = Command::new(found.unwrap_or("mosquitto"));
    command.arg("-c").arg(dir.join("mosquitto.conf"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect(MISSING)
}
