//! What comes back over a connection: anything, or the answer with something done to it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::{
    super::{
        decode::Answer,
        link::{
            Reply,
            rtu::{self, Frame},
            tcp::Connection,
        },
        plan::{Kind, Span},
    },
    Bytes,
};

/// The longest message of either framing.
const LONGEST: usize = 300;

/// Reads bytes as a request over a serial line and as what came back.
///
/// # Panics
/// When something else than the whole answer to that request is accepted, when the answer is not, or when it is accepted or refused
/// for good before it can be.
pub fn frames(data: &[u8]) {
    let ask = Ask::read(data);
    let mut sent = ask.body().unwrap_or_default();
    if !sent.is_empty() {
        sent.insert(0, ask.unit);
        let check = checksum(&sent).to_le_bytes();
        sent.extend(check);
    }
    let sent = ask.mishandled(sent);

    let whole = sent.split_last_chunk().and_then(|(frame, check)| {
        let (unit, body) = frame.split_first()?;
        (*unit == ask.unit && checksum(frame).to_le_bytes() == *check).then_some(body)
    });
    let meant = whole.and_then(|body| ask.meant(body));
    let judged = |bytes: &[u8]| rtu::read(ask.unit, ask.span, bytes);
    let accepted = match judged(&sent) {
        Ok(Frame::Answer(answer)) => Some(Ok(answer)),
        Ok(Frame::Exception(code)) => Some(Err(code)),
        Ok(Frame::Part) | Err(_) => None,
    };
    assert_eq!(accepted, meant);
    // What comes in pieces is judged as soon as it can be and not before.
    for end in (0..sent.len()).filter(|_| meant.is_some()) {
        assert_eq!(
            judged(&sent[..end]),
            Ok(Frame::Part),
            "{end} of {}",
            sent.len()
        );
    }
}

/// Reads bytes as a request over TCP and as what came back before the connection was ended.
///
/// # Panics
/// When something else than the whole answer to that request is accepted, or when the answer is not.
pub fn messages(data: &[u8]) {
    let ask = Ask::read(data);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without drivers needs nothing");
    runtime.block_on(async {
        let (ours, mut theirs) = duplex(LONGEST);
        let device = async {
            let mut request = [0; 12];
            let came = theirs.read_exact(&mut request).await;
            came.expect("the request is whole");
            let [first, second, ..] = request;
            let mut sent = ask.body().unwrap_or_default();
            if let Ok(length) = u16::try_from(sent.len() + 1)
                && length > 1
            {
                let [high, low] = length.to_be_bytes();
                let head = [first, second, 0, 0, high, low, ask.unit];
                sent.splice(0..0, head);
            }
            let mut sent = ask.mishandled(sent);
            sent.truncate(LONGEST);
            let written = theirs.write_all(&sent).await;
            written.expect("the connection takes as much");
            drop(theirs);
            (first, second, sent)
        };
        let mut connection = Connection::new(Box::new(ours));
        let (told, (first, second, sent)) =
            tokio::join!(connection.ask(ask.unit, ask.span), device);
        // What stands behind a message belongs to none.
        let meant = sent.split_first_chunk().and_then(|(head, rest)| {
            let [one, two, 0, 0, high, low, unit] = *head else {
                return None;
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let body = rest.get(..length.checked_sub(1)?)?;
            // The crate takes an exception that is too long for one; it has no value.
            let body = match body.first() {
                Some(0x80..) => body.get(..2)?,
                _ => body,
            };
            let fits = [one, two, unit] == [first, second, ask.unit];
            fits.then(|| ask.meant(body))?
        });
        assert_eq!(told.ok(), meant);
    });
}

/// A request, and what is done to its answer.
struct Ask<'d> {
    unit: u8,
    span: Span,
    function: u8,
    /// How many bytes its values have.
    values: usize,
    what: u8,
    at: usize,
    flip: u8,
    rest: &'d [u8],
}

impl<'d> Ask<'d> {
    fn read(data: &'d [u8]) -> Self {
        let mut bytes = Bytes(data);
        let (_, kind) = Kind::WORDS[usize::from(bytes.byte() % 4)];
        let (unit, count) = (bytes.byte(), bytes.word() % kind.limit() + 1);
        Self {
            unit,
            span: Span {
                kind,
                start: 0,
                count,
            },
            function: match kind {
                Kind::Coil => 1,
                Kind::Discrete => 2,
                Kind::Holding => 3,
                Kind::Input => 4,
            },
            values: usize::from(match kind.is_bits() {
                true => count.div_ceil(8),
                false => count * 2,
            }),
            what: bytes.byte(),
            at: usize::from(bytes.word()),
            flip: bytes.byte(),
            rest: bytes.0,
        }
    }

    /// Its answer or an exception, from the function on; `None` is for anything that comes.
    fn body(&self) -> Option<Vec<u8>> {
        match self.what % 8 {
            0 => Some(vec![self.function | 0x80, self.flip]),
            1 => None,
            _ => {
                let head = [self.function, u8::try_from(self.values).unwrap_or(u8::MAX)];
                let fill = self.rest.iter().chain(std::iter::repeat(&0x55));
                Some(head.iter().chain(fill.take(self.values)).copied().collect())
            }
        }
    }

    /// What is sent in the place of a message, or of none.
    fn mishandled(&self, message: Vec<u8>) -> Vec<u8> {
        let mut sent = match message.is_empty() {
            true => self.rest.to_vec(),
            false => message,
        };
        let length = sent.len();
        if self.what & 0x08 != 0 && length > 0 {
            sent[self.at % length] ^= self.flip;
        }
        match self.what >> 4 & 3 {
            1 => sent.truncate(self.at % (length + 1)),
            2 => sent.extend(self.rest.iter().take(self.at % 4)),
            _ => {}
        }
        sent
    }

    /// What a body means that is whole (MODBUS Application Protocol V1.1b3, sections 6.1 to 6.4 and 7).
    fn meant(&self, body: &[u8]) -> Option<Reply> {
        let (function, rest) = body.split_first()?;
        match rest {
            [code] if *function == self.function | 0x80 => Some(Err(*code)),
            [length, values @ ..]
                if *function == self.function
                    && usize::from(*length) == self.values
                    && values.len() == self.values =>
            {
                let bit = |at: u16| values[usize::from(at / 8)] >> (at % 8) & 1 == 1;
                let word = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
                Some(Ok(match self.span.kind.is_bits() {
                    true => Answer::Bits((0..self.span.count).map(bit).collect()),
                    false => Answer::Registers(values.chunks(2).map(word).collect()),
                }))
            }
            _ => None,
        }
    }
}

/// The checksum as the standard has it, bit by bit (MODBUS over Serial Line V1.02, section 6.2.2).
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |check, byte| {
        (0..8).fold(check ^ u16::from(*byte), |check, _| {
            check >> 1 ^ if check & 1 == 1 { 0xA001 } else { 0 }
        })
    })
}
