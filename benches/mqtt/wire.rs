//! The least of MQTT 3.1.1 for who publishes and for who prepares a session: written by hand, so that it shares nothing with what is
//! measured and costs next to nothing.

use std::{
    io::{self, BufReader, BufWriter, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

/// How long the broker may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client that publishes.
pub struct Publisher {
    out: BufWriter<TcpStream>,
    /// Publishes at QoS 1 so far.
    sent: u64,
    acked: Arc<(Mutex<u64>, Condvar)>,
}

impl Publisher {
    pub fn connect(port: u16) -> Self {
        let (stream, mut reader) = connect(port, "publisher", true);
        let acked: Arc<(Mutex<u64>, Condvar)> = Arc::default();
        let noted = Arc::clone(&acked);
        thread::spawn(move || {
            while let Ok((kind, _)) = packet(&mut reader) {
                if kind >> 4 == 4 {
                    *noted.0.lock().expect("no panic") += 1;
                    noted.1.notify_all();
                }
            }
        });
        Self {
            out: BufWriter::with_capacity(1 << 16, stream),
            sent: 0,
            acked,
        }
    }

    /// Writes a message, which leaves at the next [`Publisher::flush`].
    pub fn publish(&mut self, topic: &str, payload: &str, qos: u8) {
        let id = (qos > 0).then(|| {
            self.sent += 1;
            (self.sent % 65_535) as u16 + 1
        });
        let mut body = text(topic);
        body.extend(id.into_iter().flat_map(u16::to_be_bytes));
        body.extend(payload.bytes());
        write(&mut self.out, 0x30 | (qos << 1), &body).expect("the broker listens");
    }

    pub fn flush(&mut self) {
        self.out.flush().expect("the broker listens");
    }

    /// Returns when the broker has taken everything: it takes in order, so the last acknowledgement stands for all before it.
    pub fn settle(&mut self) {
        self.publish("settled", "-", 1);
        self.flush();
        let wanted = self.sent;
        let acked = self.acked.0.lock().expect("no panic");
        let waited = self
            .acked
            .1
            .wait_timeout_while(acked, PATIENCE, |acked| *acked < wanted);
        assert!(
            !waited.expect("no panic").1.timed_out(),
            "the broker takes what is published"
        );
    }
}

/// Leaves an empty session with these subscriptions at the broker: from now on it keeps what is published.
pub fn prepare(port: u16, client: &str, filters: &[(&str, u8)]) {
    drop(connect(port, client, true));
    let (mut stream, mut reader) = connect(port, client, false);
    let mut body = vec![0, 1];
    for (filter, qos) in filters {
        body.extend(text(filter));
        body.push(*qos);
    }
    write(&mut stream, 0x82, &body).expect("the broker listens");
    let (kind, granted) = packet(&mut reader).expect("an answer");
    assert_eq!(kind, 0x90, "SUBACK");
    assert!(
        granted[2..].iter().all(|code| *code <= 1),
        "the broker grants it"
    );
    stream.write_all(&[0xE0, 0]).expect("the broker listens");
    let _ = stream.shutdown(Shutdown::Write);
    // The broker closes when it has read that.
    let _ = reader.read_to_end(&mut Vec::new());
}

fn connect(port: u16, client: &str, clean: bool) -> (TcpStream, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker is there");
    stream.set_nodelay(true).expect("an option");
    let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
    let mut body = text("MQTT");
    // Version 3.1.1, and no keep-alive.
    body.extend([4, u8::from(clean) << 1, 0, 0]);
    body.extend(text(client));
    write(&mut stream, 0x10, &body).expect("the broker listens");
    let (kind, answer) = packet(&mut reader).expect("an answer");
    assert_eq!((kind, answer[1]), (0x20, 0), "the broker lets us in");
    (stream, reader)
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(text.bytes());
    bytes
}

fn write(out: &mut impl Write, kind: u8, body: &[u8]) -> io::Result<()> {
    out.write_all(&[kind])?;
    let mut length = body.len();
    loop {
        let more = if length > 127 { 0x80 } else { 0 };
        out.write_all(&[(length % 128) as u8 | more])?;
        length /= 128;
        if length == 0 {
            break;
        }
    }
    out.write_all(body)
}

fn packet(reader: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0; 1];
    reader.read_exact(&mut byte)?;
    let kind = byte[0];
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        reader.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((kind, body))
}
