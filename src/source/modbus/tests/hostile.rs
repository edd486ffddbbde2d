//! A Modbus server that answers as badly as it is told to, over TCP, RTU over TCP or in memory.
//!
//! The value of each address says whose it is, and where it is stamped also to which request it was given, so that an answer to
//! another request cannot pass for the right one. A serial line is one bus: what its device says late reaches whoever is connected then.
//! Nothing may ever be written: a function other than 1 to 4 fails the test.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::TcpListener,
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::source::modbus::link::{Memory, Stream};

/// How one request is answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Manner {
    Proper,
    /// Properly, byte by byte.
    Trickled,
    /// Properly, and at once again.
    Twice,
    /// After so many milliseconds.
    Late(u64),
    Never,
    /// Never, and nor is anything else over this connection.
    HalfOpen,
    /// Over TCP.
    WrongTransaction,
    WrongUnit,
    WrongFunction,
    /// One value less than was asked for.
    Short,
    /// One value more.
    Long,
    /// Says more values than it sends.
    Truncated,
    Exception(u8),
    /// Closes the connection without an answer.
    Reset,
    /// Answers properly and closes the connection.
    Hangup,
    /// MBAP length 0.
    LengthZero,
    /// MBAP length 65535.
    LengthMax,
    NotModbus,
    /// Over RTU.
    BadChecksum,
    /// So many bytes of noise, and then properly.
    Noise(u8),
    /// Noise for so many milliseconds.
    Endless(u64),
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Counted from 0 over all connections.
    pub(super) nth: usize,
    pub(super) unit: u8,
    pub(super) start: u16,
    pub(super) count: u16,
    /// Of Modbus TCP: counted from 0.
    pub(super) connection: usize,
    function: u8,
    transaction: [u8; 2],
}

/// How frames travel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Framing {
    Tcp,
    Rtu,
}

type Manners = Arc<dyn Fn(Asked) -> Manner + Send + Sync>;
type Pipe = Box<dyn Stream>;
/// Where the device of a serial line speaks to, and what ends that connection.
type Current = Arc<tokio::sync::Mutex<Option<(WriteHalf<Pipe>, DropGuard)>>>;

/// The server; it ends when this is dropped.
pub(super) struct Hostile {
    /// Of a server with a socket, else 0.
    pub(super) port: u16,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) requests: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    door: mpsc::Sender<Pipe>,
    /// Ends connections over TCP, by their number.
    ends: Arc<Mutex<Vec<CancellationToken>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if !std::thread::panicking() {
            let writes = self.writes.load(Ordering::SeqCst);
            assert_eq!(
                writes, 0,
                "something other than a read was sent to a device"
            );
        }
    }
}

/// The register of a unit.
pub(super) fn register(unit: u8, function: u8, address: u16) -> u16 {
    let mixed = u32::from(address) * 31 + u32::from(unit) * 9973 + u32::from(function) * 401;
    (mixed % 65_521) as u16
}

/// The bit of a unit.
pub(super) fn bit(unit: u8, function: u8, address: u16) -> bool {
    register(unit, function, address).count_ones() % 2 == 1
}

impl Hostile {
    /// Over TCP, on a socket.
    pub(super) async fn start(manner: impl Fn(Asked) -> Manner + Send + Sync + 'static) -> Self {
        Self::new(Framing::Tcp, false, manner).listening().await
    }

    /// RTU over TCP, on a socket.
    pub(super) async fn start_rtu(
        manner: impl Fn(Asked) -> Manner + Send + Sync + 'static,
    ) -> Self {
        Self::new(Framing::Rtu, false, manner).listening().await
    }

    /// Nowhere yet. Stamped, each register is more by the number of its request.
    pub(super) fn new(
        framing: Framing,
        stamped: bool,
        manner: impl Fn(Asked) -> Manner + Send + Sync + 'static,
    ) -> Self {
        let (door, mut entered) = mpsc::channel::<Pipe>(16);
        let connections = Arc::new(AtomicUsize::new(0));
        let device = Device {
            framing,
            stamped,
            manner: Arc::new(manner),
            connection: 0,
            requests: Arc::default(),
            writes: Arc::default(),
        };
        let (requests, writes) = (device.requests.clone(), device.writes.clone());
        let accepted = connections.clone();
        let ends: Arc<Mutex<Vec<CancellationToken>>> = Arc::default();
        let end_of_all = ends.clone();
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            let current = Current::default();
            let (ask, asked) = mpsc::channel(64);
            if framing == Framing::Rtu {
                open.spawn(device.clone().on_a_line(asked, current.clone()));
            }
            while let Some(pipe) = entered.recv().await {
                let connection = accepted.fetch_add(1, Ordering::SeqCst);
                let (reading, writing) = split(pipe);
                match framing {
                    Framing::Tcp => {
                        let device = Device {
                            connection,
                            ..device.clone()
                        };
                        let end = end_of(&mut end_of_all.lock().unwrap(), connection).clone();
                        open.spawn(async move {
                            let served = device.on_tcp(reading, writing);
                            end.run_until_cancelled(served).await;
                        })
                    }
                    Framing::Rtu => {
                        let end = CancellationToken::new();
                        *current.lock().await = Some((writing, end.clone().drop_guard()));
                        let listening = device.clone().listen(reading, ask.clone());
                        open.spawn(async move {
                            end.run_until_cancelled(listening).await;
                        })
                    }
                };
                while open.try_join_next().is_some() {}
            }
        });
        Self {
            port: 0,
            connections,
            requests,
            writes,
            door,
            ends,
            tasks: vec![task],
        }
    }

    /// Also on a socket.
    pub(super) async fn listening(mut self) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let door = self.door.clone();
        self.tasks.push(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                door.send(Box::new(stream)).await.unwrap();
            }
        }));
        self
    }

    /// The way into it without a socket, for tests that stop the clock.
    pub(super) fn memory(&self) -> Memory {
        let door = self.door.clone();
        Memory::new(move || {
            let (here, there) = tokio::io::duplex(4096);
            let sent = door.try_send(Box::new(there));
            sent.map_err(|_| std::io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(here))
        })
    }

    /// Ends all connections over TCP that are open; new ones are served.
    pub(super) fn hang_up(&self) {
        let ends = self.ends.lock().unwrap();
        ends.iter().for_each(CancellationToken::cancel);
    }

    /// What ends one connection over TCP, by its number.
    pub(super) fn ending(&self) -> impl Fn(usize) + Send + Sync + 'static {
        let ends = Arc::clone(&self.ends);
        move |connection| end_of(&mut ends.lock().unwrap(), connection).cancel()
    }

    pub(super) fn asked(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(super) fn connected(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// One may be ended before it is served.
fn end_of(ends: &mut Vec<CancellationToken>, connection: usize) -> &CancellationToken {
    while ends.len() <= connection {
        ends.push(CancellationToken::new());
    }
    &ends[connection]
}

/// A part of what a device does about a request.
enum Step {
    Wait(Duration),
    Say(Vec<u8>),
    Deaf,
    Close,
}

#[derive(Clone)]
struct Device {
    framing: Framing,
    stamped: bool,
    manner: Manners,
    connection: usize,
    requests: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
}

impl Device {
    async fn on_tcp(self, mut reading: ReadHalf<Pipe>, mut writing: WriteHalf<Pipe>) {
        let mut bytes = [0; 12];
        while reading.read_exact(&mut bytes).await.is_ok() {
            let asked = self.note(&bytes[6..], [bytes[0], bytes[1]]);
            for step in self.answer(asked) {
                match step {
                    Step::Wait(time) => tokio::time::sleep(time).await,
                    Step::Deaf => std::future::pending().await,
                    Step::Close => return,
                    Step::Say(bytes) => {
                        if writing.write_all(&bytes).await.is_err()
                            || writing.flush().await.is_err()
                        {
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    /// Reads the requests of one connection to a serial line.
    async fn listen(self, mut reading: ReadHalf<Pipe>, line: mpsc::Sender<Asked>) {
        let mut bytes = [0; 8];
        while reading.read_exact(&mut bytes).await.is_ok() {
            assert_eq!(crc(&bytes[..6]), [bytes[6], bytes[7]], "of the request");
            let asked = self.note(&bytes, [0, 0]);
            if line.send(asked).await.is_err() {
                break;
            }
        }
    }

    /// One device, one request after the other; what it says goes to whoever is there by then.
    async fn on_a_line(self, mut line: mpsc::Receiver<Asked>, current: Current) {
        while let Some(asked) = line.recv().await {
            for step in self.answer(asked) {
                match step {
                    Step::Wait(time) => tokio::time::sleep(time).await,
                    Step::Deaf => break,
                    Step::Close => *current.lock().await = None,
                    Step::Say(bytes) => {
                        let mut to = current.lock().await;
                        if let Some((open, _)) = to.as_mut()
                            && open.write_all(&bytes).await.is_err()
                        {
                            *to = None;
                        }
                        drop(to);
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    fn note(&self, pdu: &[u8], transaction: [u8; 2]) -> Asked {
        let word = |at: usize| u16::from_be_bytes([pdu[at], pdu[at + 1]]);
        let (unit, function) = (pdu[0], pdu[1]);
        if !(1..=4).contains(&function) {
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
        Asked {
            nth: self.requests.fetch_add(1, Ordering::SeqCst),
            unit,
            start: word(2),
            count: word(4),
            connection: self.connection,
            function,
            transaction,
        }
    }

    /// What it does about one request.
    fn answer(&self, asked: Asked) -> Vec<Step> {
        let manner = (self.manner)(asked);
        let mut random = fastrand::Rng::with_seed(asked.nth as u64);
        let mut noise = |len: usize| -> Vec<u8> { (0..len).map(|_| random.u8(..)).collect() };
        let frame = self.frame(asked, manner);
        match manner {
            Manner::Never => vec![],
            Manner::HalfOpen => vec![Step::Deaf],
            Manner::Reset => vec![Step::Close],
            Manner::Hangup => vec![Step::Say(frame), Step::Close],
            Manner::Late(millis) => {
                vec![Step::Wait(Duration::from_millis(millis)), Step::Say(frame)]
            }
            Manner::Trickled => frame
                .chunks(1)
                .map(|byte| Step::Say(byte.to_vec()))
                .collect(),
            Manner::Twice => vec![Step::Say([&frame[..], &frame].concat())],
            Manner::Noise(bytes) => vec![Step::Say([noise(bytes.into()), frame].concat())],
            Manner::Endless(millis) => (0..millis)
                .flat_map(|_| [Step::Say(noise(40)), Step::Wait(Duration::from_millis(1))])
                .collect(),
            _ => vec![Step::Say(frame)],
        }
    }

    fn frame(&self, asked: Asked, manner: Manner) -> Vec<u8> {
        let Asked {
            unit,
            function,
            start,
            count,
            ..
        } = asked;
        let mut pdu = vec![function, 0];
        if function <= 2 {
            // A whole byte less or more, so that a wrong count can be seen in bits at all.
            let bits = match manner {
                Manner::Long => count + 8,
                Manner::Short => 0,
                _ => count,
            };
            for byte in 0..bits.div_ceil(8) {
                let bit = |at| u8::from(bit(unit, function, start.wrapping_add(byte * 8 + at)));
                pdu.push((0..8).fold(0, |all, at| all | bit(at) << at));
            }
        } else {
            let values = match manner {
                Manner::Short => count - 1,
                Manner::Long => count + 1,
                _ => count,
            };
            let stamp = if self.stamped { asked.nth as u16 } else { 0 };
            for at in 0..values {
                let value = register(unit, function, start.wrapping_add(at));
                pdu.extend(value.wrapping_add(stamp).to_be_bytes());
            }
        }
        pdu[1] = (pdu.len() - 2) as u8;
        match manner {
            Manner::WrongFunction => pdu[0] = if function == 3 { 4 } else { 3 },
            Manner::Exception(code) => pdu = vec![function | 0x80, code],
            Manner::Truncated => pdu.truncate(pdu.len() - 1),
            _ => {}
        }
        let speaks = unit ^ u8::from(manner == Manner::WrongUnit);
        if self.framing == Framing::Rtu {
            let mut frame = [&[speaks][..], &pdu].concat();
            let mut check = crc(&frame);
            check[0] ^= u8::from(manner == Manner::BadChecksum);
            if manner != Manner::Truncated {
                frame.extend(check);
            }
            return frame;
        }
        let length = match manner {
            Manner::LengthZero => 0,
            Manner::LengthMax => u16::MAX,
            _ => pdu.len() as u16 + 1,
        };
        let [high, low] = asked.transaction;
        let wrong = u8::from(manner == Manner::WrongTransaction);
        let mut frame = vec![high, low.wrapping_add(wrong)];
        frame.extend(if manner == Manner::NotModbus {
            [9, 9]
        } else {
            [0, 0]
        });
        frame.extend(length.to_be_bytes());
        frame.push(speaks);
        frame.extend(pdu);
        frame
    }
}

fn crc(bytes: &[u8]) -> [u8; 2] {
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS);
    crc.checksum(bytes).to_le_bytes()
}
