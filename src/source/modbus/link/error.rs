//! Why a read gave no values, one variant for each thing that can fail.

use std::{io, time::Duration};

use thiserror::Error;
use tokio_modbus::ProtocolError;

use crate::sample::Bad;

use super::{super::address::Address, rtu::FrameError};

/// Why a read gave no values.
#[derive(Debug, Error)]
pub(in crate::source::modbus) enum LinkError {
    /// The connection was refused, the host is unknown, there is no such port.
    #[error("cannot connect to {address}")]
    Connect { address: Address, source: io::Error },
    /// Nothing answers at that address.
    #[error("{address} did not accept a connection within {within:?}")]
    ConnectTimeout { address: Address, within: Duration },
    /// Something sends without being asked, so that no answer could be told from it.
    #[error("{address} is never silent: something sends there without being asked")]
    NeverSilent { address: Address },
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
    /// What came over a serial line is not the answer.
    #[error("{address} did not carry the answer of unit {unit}")]
    Garbled {
        address: Address,
        unit: u8,
        source: FrameError,
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

/// What went wrong in an exchange, before it is known where and with whom.
#[derive(Debug)]
pub(in crate::source::modbus) enum Trouble {
    Silent(Duration),
    Stream(io::Error),
    Mismatch(ProtocolError),
    Frame(FrameError),
    Length { asked: usize, sent: usize },
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Stream(error)
    }
}

impl Trouble {
    /// With its subject.
    pub(super) fn of(self, address: Address, unit: u8) -> LinkError {
        match self {
            Self::Silent(within) => LinkError::NoAnswer {
                address,
                unit,
                within,
            },
            Self::Stream(source) => LinkError::Broken {
                address,
                unit,
                source,
            },
            Self::Mismatch(source) => LinkError::Mismatch {
                address,
                unit,
                source,
            },
            Self::Frame(source) => LinkError::Garbled {
                address,
                unit,
                source,
            },
            Self::Length { asked, sent } => LinkError::WrongLength {
                address,
                unit,
                asked,
                sent,
            },
        }
    }
}

impl LinkError {
    /// Whether there is no connection at all, so that no unit can be read.
    pub(in crate::source::modbus) fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::ConnectTimeout { .. } | Self::NeverSilent { .. }
        )
    }
}
