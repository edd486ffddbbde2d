//! The devices, in a process of their own, so that what they cost is not counted: this program started again with `device`.
//!
//! Each port is a Modbus TCP server that answers reads of holding registers for every unit id after a fixed delay, and does nothing else.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Running devices; they end with this value.
pub struct Devices {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub ports: Vec<u16>,
}

impl Devices {
    pub fn start(count: usize, delay: Duration) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["device", &count.to_string(), &delay.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let stdin = child.stdin.take().expect("its input");
        let stdout = child.stdout.take().expect("its output");
        let mut devices = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            ports: Vec::new(),
        };
        let ports = devices.line();
        let ports = ports.split_whitespace();
        devices.ports = ports.map(|port| port.parse().expect("a port")).collect();
        devices
    }

    /// How many requests were answered so far.
    pub fn requests(&mut self) -> u64 {
        writeln!(self.stdin, "count").expect("the devices listen");
        self.line().trim().parse().expect("a number")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the devices speak");
        line
    }
}

impl Drop for Devices {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the other process does, until its input ends.
pub fn serve(count: usize, delay: Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let answered = Arc::new(AtomicU64::new(0));
    let ports: Vec<String> = runtime.block_on(async {
        let mut ports = Vec::new();
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            ports.push(listener.local_addr().expect("its port").port().to_string());
            let answered = Arc::clone(&answered);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer(stream, delay, Arc::clone(&answered)));
                }
            });
        }
        ports
    });
    println!("{}", ports.join(" "));
    for _ in std::io::stdin().lock().lines() {
        println!("{}", answered.load(Ordering::Relaxed));
    }
}

/// One connection: requests one after the other, each a head of seven bytes and five of a read.
async fn answer(mut stream: TcpStream, delay: Duration, answered: Arc<AtomicU64>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut request = [0; 12];
    let mut reply = Vec::with_capacity(260);
    loop {
        stream.read_exact(&mut request).await.ok()?;
        let word = |at: usize| u16::from_be_bytes([request[at], request[at + 1]]);
        let (start, count) = (word(8), word(10));
        assert!(
            (1..=125).contains(&count) && request[7] == 3,
            "no such read"
        );
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        reply.clear();
        reply.extend_from_slice(&request[..4]);
        reply.extend_from_slice(&(3 + 2 * count).to_be_bytes());
        reply.extend_from_slice(&[request[6], 3, (2 * count) as u8]);
        for address in start..start + count {
            reply.extend_from_slice(&address.to_be_bytes());
        }
        stream.write_all(&reply).await.ok()?;
        answered.fetch_add(1, Ordering::Relaxed);
    }
}
