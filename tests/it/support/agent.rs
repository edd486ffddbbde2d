//! The real program in a folder of its own: started, asked through its socket, stopped, killed and started again.
//!
//! How the program is called stands here and nowhere else: `run` and `check` take `--config`, verbs about a running agent
//! take `--socket`, and the socket lies beside the data directory.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{Read as _, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixDatagram, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{KEY, wait};

/// An agent; the process ends with this value.
pub(crate) struct Agent {
    folder: TempDir,
    child: Option<Child>,
    environment: Vec<(String, String)>,
    /// Where its data lies, if not in its folder.
    data: Option<PathBuf>,
    /// What `run` is told beyond its configuration.
    more: Vec<String>,
    /// A command in front of the program when it runs, which must become it in the same process.
    wrapper: Vec<String>,
}

impl Agent {
    /// Writes a configuration: `config` is added to what every agent here has. Nothing is started.
    pub(crate) fn new(config: &str, rules: &str) -> Self {
        Self::made(None, config, rules)
    }

    /// The same with its data in a folder that is there.
    pub(crate) fn with_data_in(data: &Path, config: &str, rules: &str) -> Self {
        Self::made(Some(data.to_owned()), config, rules)
    }

    fn made(data: Option<PathBuf>, config: &str, rules: &str) -> Self {
        let agent = Self {
            data,
            folder: tempfile::Builder::new()
                .prefix(&format!("andon-it-{}-", std::process::id()))
                .tempdir()
                .expect("a folder"),
            child: None,
            environment: Vec::new(),
            more: Vec::new(),
            wrapper: Vec::new(),
        };
        fs::create_dir(agent.path("rules")).expect("a folder for rules");
        fs::create_dir_all(agent.data()).expect("a folder for data");
        fs::write(agent.path("ops.key"), KEY).expect("the key");
        fs::set_permissions(agent.path("ops.key"), Permissions::from_mode(0o600))
            .expect("its mode");
        agent.configure(config);
        agent.rules(rules);
        agent
    }

    /// Writes and starts.
    pub(crate) fn start(config: &str, rules: &str) -> Self {
        let mut agent = Self::new(config, rules);
        agent.run();
        agent
    }

    /// Replaces the configuration on disk.
    pub(crate) fn configure(&self, config: &str) {
        let base = format!(
            r#"
[agent]
site = "plant-7"
site_name = "Plant 7"
data_dir = "{data}"
# Beside the data, whose file system may be full, read-only or gone.
socket = "{socket}"

[clock]
synchronised = "assume"

[alerts]
blind_after = "2s"
{config}"#,
            data = self.data().display(),
            socket = self.socket().display()
        );
        fs::write(self.config_file(), base).expect("the configuration");
    }

    /// Replaces the rules on disk.
    pub(crate) fn rules(&self, rules: &str) {
        fs::write(self.path("rules/test.toml"), rules).expect("the rules");
    }

    /// A variable for the processes that are started from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// What `run` is told from now on beyond its configuration.
    pub(crate) fn tell(&mut self, more: &[&str]) {
        self.more = more.iter().map(ToString::to_string).collect();
    }

    /// What stands in front of the program from now on when it is run, such as `strace -D`; nothing for nothing.
    pub(crate) fn wrap(&mut self, wrapper: Vec<String>) {
        self.wrapper = wrapper;
    }

    /// KiB of its memory, by a key of the kernel's: `VmRSS` are resident now, `VmHWM` were at most.
    pub(crate) fn memory(&self, key: &str) -> u64 {
        let pid = self.pid().expect("it runs").as_raw_nonzero();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.and_then(|number| number.parse().ok()).expect(key)
    }

    /// The process, while it runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        self.child.as_ref().map(Pid::from_child)
    }

    /// Starts the process and waits until it watches.
    pub(crate) fn run(&mut self) {
        self.spawn();
        self.is_ready();
    }

    /// Starts the process with nowhere to log to, as on a full disk, and waits until it watches.
    pub(crate) fn run_without_a_log(&mut self) {
        let full = || fs::File::create("/dev/full").expect("a full device");
        let mut command = self.command("run");
        let command = command.stdin(Stdio::null()).stdout(full()).stderr(full());
        self.child = Some(command.spawn().expect("the agent starts"));
        self.is_ready();
    }

    /// Starts the process.
    pub(crate) fn spawn(&mut self) {
        assert!(self.child.is_none(), "the agent runs already");
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.log_file())
            .expect("its log");
        let child = self
            .command("run")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("its log"))
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        self.child = Some(child);
    }

    /// Waits until the agent answers on its socket.
    pub(crate) fn is_ready(&mut self) {
        let socket = self.socket();
        let child = self.child.as_mut().expect("the agent was started");
        let ready = || {
            if let Some(status) = child.try_wait().expect("a child") {
                panic!("the agent ended with {status}");
            }
            get(&socket, "/v1/status").filter(|(status, _)| *status == 200)
        };
        wait::until("the agent answers GET /v1/status on its socket", ready);
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child");
            child.wait().expect("a child");
        }
    }

    /// Ends it as systemd would.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let child = self.child.as_ref().expect("the agent runs");
        kill_process(Pid::from_child(child), Signal::TERM).expect("it is there");
        self.ends()
    }

    /// Asks it to read its configuration again, as daemons have always been asked.
    pub(crate) fn hang_up(&self) {
        let child = self.child.as_ref().expect("the agent runs");
        kill_process(Pid::from_child(child), Signal::HUP).expect("it is there");
    }

    /// Waits for its end.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        // It stays ours until it has ended, so that one that does not is killed with the test.
        let child = self.child.as_mut().expect("the agent runs");
        let status = wait::until("the agent ends", || child.try_wait().expect("a child"));
        self.child = None;
        status
    }

    /// Whether the process that was started is still there.
    pub(crate) fn is_running(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| child.try_wait().expect("a child").is_none())
    }

    /// Its state, as the operator page sees it.
    pub(crate) fn status(&self) -> Value {
        let answer = get(&self.socket(), "/v1/status");
        let (status, body) = answer.unwrap_or_else(|| panic!("the agent does not answer"));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// Its state, if it answers.
    pub(crate) fn try_status(&self) -> Option<Value> {
        let (_, body) = get(&self.socket(), "/v1/status").filter(|(status, _)| *status == 200)?;
        serde_json::from_str(&body).ok()
    }

    /// Posts to its socket and gives the status of the answer, if there is one.
    pub(crate) fn post(&self, path: &str, body: &str) -> Option<u16> {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        ask(&self.socket(), &head).map(|(status, _)| status)
    }

    /// Waits until its state is as wanted, and gives it.
    pub(crate) fn shows(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let begin = wait::now();
        while begin.elapsed() < wait::PATIENCE {
            last = self.status();
            if wanted(&last) {
                return last;
            }
            wait::pause(Duration::from_millis(50));
        }
        panic!("the state never shows {what}: {last:#}");
    }

    /// Runs a verb to its end.
    pub(crate) fn verb(&self, verb: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(verb);
        let output = command.args(arguments).stdin(Stdio::null()).output();
        output.expect("the program runs")
    }

    /// Starts a verb that takes its time.
    pub(crate) fn begin(&self, verb: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(verb);
        let command = command.args(arguments).stdin(Stdio::null());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program runs")
    }

    /// What a verb prints as JSON.
    pub(crate) fn json(&self, verb: &str, arguments: &[&str]) -> Value {
        let output = self.verb(verb, arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).unwrap_or_else(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("andon {verb} {arguments:?}: {error}: {text}{said}")
        })
    }

    /// What all its processes have logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| self.path("data"))
    }

    /// Listens where systemd would, for processes that are started from now on.
    pub(crate) fn notified(&mut self, watchdog: Duration) -> UnixDatagram {
        let path = self.path("notify.sock");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket
            .set_read_timeout(Some(wait::PATIENCE))
            .expect("a limit");
        self.set("NOTIFY_SOCKET", path.display().to_string());
        self.set("WATCHDOG_USEC", watchdog.as_micros().to_string());
        socket
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = match self.wrapper.split_first() {
            Some((first, more)) if verb == "run" => {
                let mut command = Command::new(first);
                command.args(more).arg(program());
                command
            }
            _ => Command::new(program()),
        };
        let ours = |name: &str| {
            name.starts_with("ANDON_")
                || name.starts_with("NOTIFY_")
                || name.starts_with("WATCHDOG_")
        };
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.arg(verb);
        match verb {
            "run" => command
                .arg("--config")
                .arg(self.config_file())
                .args(&self.more),
            "check" | "restore" => command.arg("--config").arg(self.config_file()),
            _ => command.arg("--socket").arg(self.socket()),
        };
        command
            .envs(self.environment.iter().cloned())
            .env_remove("RUNTIME_DIRECTORY")
            .current_dir(self.folder.path());
        command
    }

    fn socket(&self) -> PathBuf {
        self.path("andon.sock")
    }

    fn config_file(&self) -> PathBuf {
        self.path("andon.toml")
    }

    fn log_file(&self) -> PathBuf {
        self.path("log")
    }

    /// A file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The program: the one that was built with the tests, or that which `ANDON_PROGRAM` names.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("ANDON_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_andon").into(), PathBuf::from)
}

impl Drop for Agent {
    #[expect(clippy::print_stderr, reason = "part of the message of a failed test")]
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(60);
            eprintln!("-- the agent's last words:\n{}", lines[from..].join("\n"));
        }
    }
}

/// Asks over the socket: status and body; nothing if nobody is there.
fn get(socket: &Path, path: &str) -> Option<(u16, String)> {
    ask(
        socket,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )
}

/// Sends a request over the socket.
fn ask(socket: &Path, request: &str) -> Option<(u16, String)> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(wait::PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
