//! Runs a program on this host to its end or to its time limit. It knows nothing of what the program is told.

use std::{io, os::unix::process::ExitStatusExt as _, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

/// Where programs are looked for by what is run.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The most that is kept of what it says on its standard error, in bytes; what follows is read and thrown away.
const SAID: usize = 4096;
/// How long that is still read once the program has ended: what it has left running may keep it open for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exit {
        /// Its exit code.
        code: u8,
        /// The beginning of its standard error.
        said: String,
    },
    /// It was started and did not get to an end of its own.
    Broken(String),
    /// It was not started.
    NotStarted(String),
}

/// Runs it once in `/`, in a process group of its own and without an environment but for `PATH` and what is given.
///
/// At the limit, and where this future is dropped, the whole group is killed.
pub async fn run(
    words: &[String],
    environment: &[(&'static str, String)],
    input: &str,
    limit: Duration,
) -> End {
    let Some((path, arguments)) = words.split_first() else {
        return End::NotStarted("there is no program".to_owned());
    };
    let mut command = Command::new(path);
    command
        .args(arguments)
        .current_dir("/")
        .env_clear()
        .env("PATH", PATH);
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return End::NotStarted(not_started(path, &error)),
    };
    let mut group = Group(child);
    match timeout(limit, group.ended(input)).await {
        Ok(end) => end,
        Err(_) => {
            group.kill();
            // Killed, it ends at once; waiting for it leaves no zombie.
            let _ = timeout(Duration::from_secs(1), group.0.wait()).await;
            End::Broken(format!(
                "killed: it did not end within {} s",
                limit.as_secs()
            ))
        }
    }
}

/// A program and all that it starts, as long as that stays in its process group.
struct Group(Child);

impl Group {
    async fn ended(&mut self, input: &str) -> End {
        let (stdin, stderr) = (self.0.stdin.take(), self.0.stderr.take());
        let tell = async {
            if let Some(mut stdin) = stdin {
                // A program need not read what it is told.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let mut said = Vec::new();
        let status = {
            let listen = listen(stderr, &mut said);
            let wait = async {
                let status = self.0.wait().await;
                (status, tokio::time::sleep(LAST_WORDS).await)
            };
            tokio::pin!(listen, tell, wait);
            let (mut heard, mut told) = (false, false);
            loop {
                tokio::select! {
                    (status, ()) = &mut wait => break status,
                    () = &mut listen, if !heard => heard = true,
                    () = &mut tell, if !told => told = true,
                }
            }
        };
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        match status {
            Err(error) => End::Broken(format!("its end is not known: {error}")),
            Ok(status) => match (
                status.code().and_then(|code| u8::try_from(code).ok()),
                status.signal(),
            ) {
                (Some(code), _) => End::Exit { code, said },
                (None, Some(signal)) => End::Broken(format!("ended by signal {signal}: {said}")),
                (None, None) => End::Broken(format!("ended without an exit code: {said}")),
            },
        }
    }

    /// The group has the number of its first process, as long as that is not waited for.
    fn kill(&self) {
        let id = self
            .0
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(id) = id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn listen(stderr: Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut part = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut part).await {
        let room = SAID - said.len();
        said.extend_from_slice(&part[..read.min(room)]);
    }
}

fn not_started(path: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no program {path}, or what its first line names is missing")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{path} may not be run by the user of andon; look at its mode and its folders")
        }
        _ => format!("{path} cannot be started: {error}"),
    }
}

#[cfg(test)]
mod tests;
