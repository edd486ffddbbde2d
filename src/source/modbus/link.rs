//! One connection to a device or gateway, and the only place that knows tokio-modbus.
//!
//! An answer leaves this file only if it belongs to its request: same transaction, unit and function, and as long as was
//! asked. tokio-modbus checks the first three and has no timeout; after a timeout or an error it would take the late
//! answer for the next one. So every failure but an exception drops the connection, and the next read makes a new
//! one, on which an answer to the old can never arrive. Nothing here waits between attempts; that is the poller's.
//!
//! A serial link has no transaction numbers: when one is built, dropping it has to include a silence in which late
//! answers are read and thrown away.

use std::{io, time::Duration};

use thiserror::Error;
use tokio::{net::TcpStream, time::timeout};
use tokio_modbus::{
    Error as ModbusError, ProtocolError,
    client::{Client, Context, tcp::attach},
    prelude::{Request, Response, Slave, SlaveContext},
};

use crate::sample::Bad;

use super::{
    config::Address,
    decode::Answer,
    plan::{Kind, Span},
};

/// Why a read gave no values.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    /// The connection was refused, the host is unknown, there is no route.
    #[error("cannot connect to {address}")]
    Connect { address: Address, source: io::Error },
    /// Nothing answers at that address.
    #[error("{address} did not accept a connection within {within:?}")]
    ConnectTimeout { address: Address, within: Duration },
    /// The unit was silent, on a connection that stood.
    #[error("unit {unit} at {address} did not answer within {within:?}")]
    NoAnswer {
        address: Address,
        unit: u8,
        within: Duration,
    },
    /// The connection broke, or carried what is no Modbus: the crate tells both in the same words.
    #[error("the connection to {address} broke while unit {unit} was read")]
    Broken {
        address: Address,
        unit: u8,
        source: io::Error,
    },
    /// The answer belongs to another request.
    #[error("{address} answered something else than unit {unit} was asked")]
    Mismatch {
        address: Address,
        unit: u8,
        source: ProtocolError,
    },
    /// The answer has the right head and the wrong length or type.
    #[error("unit {unit} at {address} was asked for {asked} values and sent {sent}")]
    WrongLength {
        address: Address,
        unit: u8,
        asked: usize,
        sent: usize,
    },
    /// The unit, or the gateway before it, said no. The connection is fine.
    #[error("unit {unit} at {address} refused: {}", Bad::Exception(*.code))]
    Exception {
        address: Address,
        unit: u8,
        code: u8,
    },
}

impl LinkError {
    /// Whether there is no connection at all, so that no unit can be read.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::ConnectTimeout { .. })
    }
}

/// A connection that is made when it is needed. It stands between reads only while all it carried was in order.
pub(super) struct Link {
    address: Address,
    timeout: Duration,
    /// Taken out for the time of a call, so that a call which fails or is cancelled leaves none behind.
    open: Option<Context>,
}

impl Link {
    /// A link that is not connected yet. `timeout` is for a connection and for each answer.
    pub(super) fn new(address: Address, timeout: Duration) -> Self {
        Self {
            address,
            timeout,
            open: None,
        }
    }

    /// Connects unless the link is connected.
    pub(super) async fn connect(&mut self) -> Result<(), LinkError> {
        if self.open.is_none() {
            self.open = Some(dial(&self.address, self.timeout).await?);
        }
        Ok(())
    }

    /// Reads one block of a unit, connecting first where needed.
    ///
    /// A connection that an earlier read left open may have been closed by the device since, or hold a stray answer: in that case
    /// it is replaced once and the question asked again. A silent unit is never asked twice.
    pub(super) async fn read(&mut self, unit: u8, span: Span) -> Result<Answer, LinkError> {
        let stood = self.open.is_some();
        self.connect().await?;
        match self.ask(unit, span).await {
            Err(LinkError::Broken { .. } | LinkError::Mismatch { .. }) if stood => {
                self.connect().await?;
                self.ask(unit, span).await
            }
            result => result,
        }
    }

    async fn ask(&mut self, unit: u8, span: Span) -> Result<Answer, LinkError> {
        let address = || self.address.clone();
        let Some(mut context) = self.open.take() else {
            let source = io::ErrorKind::NotConnected.into();
            return Err(LinkError::Broken {
                address: address(),
                unit,
                source,
            });
        };
        context.set_slave(Slave(unit));
        let within = self.timeout;
        // Not the crate's typed reads: they check the length with `debug_assert` only, so a device could end a debug build.
        let called = timeout(within, context.call(request(span))).await;
        let result = match called {
            Err(_) => Err(LinkError::NoAnswer {
                address: address(),
                unit,
                within,
            }),
            Ok(Err(ModbusError::Transport(source))) => Err(LinkError::Broken {
                address: address(),
                unit,
                source,
            }),
            Ok(Err(ModbusError::Protocol(source))) => Err(LinkError::Mismatch {
                address: address(),
                unit,
                source,
            }),
            Ok(Ok(Err(exception))) => Err(LinkError::Exception {
                address: address(),
                unit,
                code: exception.into(),
            }),
            Ok(Ok(Ok(response))) => {
                accept(span, response).map_err(|(asked, sent)| LinkError::WrongLength {
                    address: address(),
                    unit,
                    asked,
                    sent,
                })
            }
        };
        if matches!(result, Ok(_) | Err(LinkError::Exception { .. })) {
            self.open = Some(context);
        }
        result
    }
}

async fn dial(address: &Address, within: Duration) -> Result<Context, LinkError> {
    let Address::Tcp { host, port } = address;
    let connecting = TcpStream::connect((host.as_str(), *port));
    let stream = timeout(within, connecting)
        .await
        .map_err(|_| LinkError::ConnectTimeout {
            address: address.clone(),
            within,
        })?
        .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
        .map_err(|source| LinkError::Connect {
            address: address.clone(),
            source,
        })?;
    Ok(attach(stream))
}

fn request(span: Span) -> Request<'static> {
    match span.kind {
        Kind::Coil => Request::ReadCoils(span.start, span.count),
        Kind::Discrete => Request::ReadDiscreteInputs(span.start, span.count),
        Kind::Holding => Request::ReadHoldingRegisters(span.start, span.count),
        Kind::Input => Request::ReadInputRegisters(span.start, span.count),
    }
}

/// The values, if there are as many as were asked for; else how many were expected and how many came. Bits come in whole bytes.
fn accept(span: Span, response: Response) -> Result<Answer, (usize, usize)> {
    let asked = usize::from(span.count);
    match (span.kind, response) {
        (Kind::Coil, Response::ReadCoils(mut bits))
        | (Kind::Discrete, Response::ReadDiscreteInputs(mut bits)) => {
            let sent = bits.len();
            bits.truncate(asked);
            let whole = sent == asked.next_multiple_of(8);
            whole.then_some(Answer::Bits(bits)).ok_or((asked, sent))
        }
        (Kind::Holding, Response::ReadHoldingRegisters(words))
        | (Kind::Input, Response::ReadInputRegisters(words)) => {
            let sent = words.len();
            let whole = sent == asked;
            whole
                .then_some(Answer::Registers(words))
                .ok_or((asked, sent))
        }
        _ => Err((asked, 0)),
    }
}
