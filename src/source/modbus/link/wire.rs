//! An open connection, whatever carries it and however it is framed.

use std::{fmt, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{sleep, timeout},
};

use crate::{
    config::values::Bind,
    link::{dial::dial, http},
};

use super::{
    super::{address::Address, plan::Span},
    LinkError, LinkSettings, Reply,
    error::Trouble,
    line::Line,
    serial, tcp,
};

/// What frames travel on.
pub(in crate::source::modbus) trait Stream:
    AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug
{
}
impl<S: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug> Stream for S {}

/// An open connection.
#[derive(Debug)]
pub(super) enum Wire {
    Tcp(tcp::Connection),
    Rtu(Line),
}

impl Wire {
    /// Connects to an address, within the time limit of the settings.
    pub(super) async fn open(
        address: &Address,
        settings: &LinkSettings,
    ) -> Result<Self, LinkError> {
        let stream = dialled(address, settings).await?;
        sleep(settings.connect_pause).await;
        Ok(match address.is_rtu() {
            true => Self::Rtu(Line::new(stream, settings.gap(address), settings.echo)),
            false => Self::Tcp(tcp::Connection::new(stream)),
        })
    }

    /// Sends a request and waits for its answer, for ever: the caller has the patience.
    pub(super) async fn ask(&mut self, unit: u8, span: Span) -> Result<Reply, Trouble> {
        match self {
            Self::Tcp(connection) => connection.ask(unit, span).await,
            Self::Rtu(line) => line.ask(unit, span).await,
        }
    }
}

async fn dialled(address: &Address, settings: &LinkSettings) -> Result<Box<dyn Stream>, LinkError> {
    let failed = |source| LinkError::Connect {
        address: address.clone(),
        source,
    };
    #[cfg(test)]
    if let Some(memory) = &settings.memory {
        return memory.connect(address).map_err(failed);
    }
    if let Some(serial) = address.serial() {
        let port = serial::open(serial).map_err(failed)?;
        return Ok(Box::new(port));
    }
    let Some(peer) = address.peer() else {
        return Err(failed(io::ErrorKind::Unsupported.into()));
    };
    let within = settings.timeout;
    // Our own limit is told apart from other failures, so the dialler's is longer.
    let bind = settings.bind.clone().map(|bind| match bind {
        Bind::Interface(name) => http::Bind::Interface(name),
        Bind::Address(ip) => http::Bind::Address(ip),
    });
    let dialled = dial(peer, None, bind.as_ref(), within + Duration::from_secs(1));
    let stream = timeout(within, dialled)
        .await
        .map_err(|_| LinkError::ConnectTimeout {
            address: address.clone(),
            within,
        })?
        .map_err(|why| failed(io::Error::other(why)))?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(Box::new(stream))
}
