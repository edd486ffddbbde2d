//! A Modbus TCP server that answers as badly as it is told to. The value of each address says whose it is, so that
//! an answer to another request cannot pass for the right one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How one request is answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Manner {
    Proper,
    /// Properly, byte by byte.
    Trickled,
    /// Properly, and then once more.
    Twice,
    /// After so many milliseconds.
    Late(u64),
    Never,
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
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Counted from 0 over all connections.
    pub(super) nth: usize,
    pub(super) unit: u8,
    pub(super) start: u16,
    pub(super) count: u16,
}

/// The server; it ends when this is dropped.
pub(super) struct Hostile {
    pub(super) port: u16,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
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
    pub(super) async fn start(manner: impl Fn(Asked) -> Manner + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, requests) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (manner, accepted, counted) = (Arc::new(manner), connections.clone(), requests.clone());
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (manner, counted) = (manner.clone(), counted.clone());
                open.spawn(async move { serve(stream, &*manner, &counted).await });
            }
        });
        Self {
            port,
            connections,
            requests,
            task,
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    manner: &(impl Fn(Asked) -> Manner + Send + Sync),
    requests: &AtomicUsize,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut ask = [0; 12];
        stream.read_exact(&mut ask).await?;
        let word = |at: usize| u16::from_be_bytes([ask[at], ask[at + 1]]);
        let (unit, function, start, count) = (ask[6], ask[7], word(8), word(10));
        let nth = requests.fetch_add(1, Ordering::SeqCst);
        let manner = manner(Asked {
            nth,
            unit,
            start,
            count,
        });
        let values = match manner {
            Manner::Short => count - 1,
            Manner::Long => count + 1,
            _ => count,
        };
        let mut pdu = vec![function, 0];
        if function <= 2 {
            // A whole byte less or more, so that a wrong count can be seen in bits at all.
            let bits = if manner == Manner::Long {
                count + 8
            } else if manner == Manner::Short {
                0
            } else {
                count
            };
            for byte in 0..bits.div_ceil(8) {
                pdu.push((0..8).fold(0, |byte_value, at| {
                    byte_value | u8::from(bit(unit, function, start + byte * 8 + at)) << at
                }));
            }
        } else {
            for at in 0..values {
                pdu.extend(register(unit, function, start.wrapping_add(at)).to_be_bytes());
            }
        }
        pdu[1] = (pdu.len() - 2) as u8;
        match manner {
            Manner::WrongFunction => pdu[0] = if function == 3 { 4 } else { 3 },
            Manner::Exception(code) => pdu = vec![function | 0x80, code],
            Manner::Truncated => pdu.truncate(pdu.len() - 1),
            _ => {}
        }
        let length = match manner {
            Manner::LengthZero => 0,
            Manner::LengthMax => u16::MAX,
            _ => pdu.len() as u16 + 1,
        };
        let transaction = word(0).wrapping_add(u16::from(manner == Manner::WrongTransaction));
        let mut frame = transaction.to_be_bytes().to_vec();
        frame.extend(if manner == Manner::NotModbus {
            [9, 9]
        } else {
            [0, 0]
        });
        frame.extend(length.to_be_bytes());
        frame.push(if manner == Manner::WrongUnit {
            unit ^ 1
        } else {
            unit
        });
        frame.extend(pdu);
        match manner {
            Manner::Never => continue,
            Manner::Reset => return Ok(()),
            Manner::Late(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            _ => {}
        }
        if manner == Manner::Trickled {
            for byte in &frame {
                stream.write_all(&[*byte]).await?;
                stream.flush().await?;
                tokio::task::yield_now().await;
            }
        } else {
            stream.write_all(&frame).await?;
        }
        match manner {
            Manner::Twice => stream.write_all(&frame).await?,
            Manner::Hangup => return Ok(()),
            _ => {}
        }
    }
}
