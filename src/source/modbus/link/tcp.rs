//! Modbus TCP: the only place that knows tokio-modbus.
//!
//! The crate checks transaction, unit and function, has no timeout, checks the length of an answer in debug builds only, and has no word for
//! a connection that was ended.

use std::{
    fmt, io,
    pin::Pin,
    task::{self, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_modbus::{
    Error as ModbusError,
    client::{Client as _, Context, tcp::attach},
    prelude::{Request, Response, Slave, SlaveContext as _},
};

use super::{
    super::{
        decode::Answer,
        plan::{Kind, Span},
    },
    Reply,
    error::Trouble,
    wire::Stream,
};

/// An open connection.
pub(in crate::source::modbus) struct Connection(Context);

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// Takes over a stream.
    pub(in crate::source::modbus) fn new(stream: Box<dyn Stream>) -> Self {
        Self(attach(Ending(stream)))
    }

    /// Sends a request and waits for its answer, for ever: the caller has the patience.
    pub(in crate::source::modbus) async fn ask(
        &mut self,
        unit: u8,
        span: Span,
    ) -> Result<Reply, Trouble> {
        self.0.set_slave(Slave(unit));
        // Not the crate's typed reads: they check the length with `debug_assert` only, so a device could end a debug build.
        match self.0.call(request(span)).await {
            Err(ModbusError::Transport(error)) => Err(Trouble::Stream(error)),
            Err(ModbusError::Protocol(error)) => Err(Trouble::Mismatch(error)),
            Ok(Err(exception)) => Ok(Err(exception.into())),
            Ok(Ok(response)) => accept(span, response)
                .map(Ok)
                .map_err(|sent| Trouble::Length {
                    asked: span.count.into(),
                    sent,
                }),
        }
    }
}

/// Makes an error of the end of a stream. The crate takes it for whatever the operating system complained of last.
#[derive(Debug)]
struct Ending(Box<dyn Stream>);

impl AsyncRead for Ending {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (into.filled().len(), into.remaining());
        let read = ready!(Pin::new(&mut self.0).poll_read(context, into));
        if read.is_ok() && room > 0 && into.filled().len() == before {
            let why = "the other side ended it";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why)));
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Ending {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

fn request(span: Span) -> Request<'static> {
    match span.kind {
        Kind::Coil => Request::ReadCoils(span.start, span.count),
        Kind::Discrete => Request::ReadDiscreteInputs(span.start, span.count),
        Kind::Holding => Request::ReadHoldingRegisters(span.start, span.count),
        Kind::Input => Request::ReadInputRegisters(span.start, span.count),
    }
}

/// The values, if there are as many as were asked for; else how many came. Bits come in whole bytes.
fn accept(span: Span, response: Response) -> Result<Answer, usize> {
    let asked = usize::from(span.count);
    match (span.kind, response) {
        (Kind::Coil, Response::ReadCoils(mut bits))
        | (Kind::Discrete, Response::ReadDiscreteInputs(mut bits)) => {
            let sent = bits.len();
            bits.truncate(asked);
            let whole = sent == asked.next_multiple_of(8);
            whole.then_some(Answer::Bits(bits)).ok_or(sent)
        }
        (Kind::Holding, Response::ReadHoldingRegisters(words))
        | (Kind::Input, Response::ReadInputRegisters(words)) => {
            let sent = words.len();
            let whole = sent == asked;
            whole.then_some(Answer::Registers(words)).ok_or(sent)
        }
        _ => Err(0),
    }
}
