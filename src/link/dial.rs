//! A TCP connection to a host, dialled by ourselves: every address that its name has goes through the guard first, and none other is dialled.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    time::timeout,
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    guard::Guard,
    http::{Bind, reason},
};

/// Connects to the first address that answers. A peer that is not guarded may be anywhere.
///
/// # Errors
/// Why there is no connection, for people: what happened and what to look at.
pub async fn dial(
    (host, port): (&str, u16),
    guard: Option<&Guard>,
    bind: Option<&Bind>,
    patience: Duration,
) -> Result<TcpStream, String> {
    let connected = async {
        let found = lookup_host((host, port)).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| format!("no such host: {host} ({error})"))?
            .collect();
        if let Some(guard) = guard {
            let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            let checked = guard.check_resolved(host, port, &addresses);
            checked.map_err(|refusal| refusal.to_string())?;
        }
        let mut last = None;
        for address in found {
            match one(address, bind).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| "no address is known for it".to_owned()))
    };
    let too_late = || {
        let seconds = patience.as_secs_f64();
        format!("no connection within {seconds} s; is it switched on, and is the way to it open?")
    };
    timeout(patience, connected)
        .await
        .unwrap_or_else(|_| Err(too_late()))
}

/// Makes a TLS connection of one to `host`; `identity` says whether a client certificate is shown.
///
/// # Errors
/// Why there is no TLS, for people.
pub(super) async fn encrypt(
    stream: TcpStream,
    host: &str,
    config: &Arc<ClientConfig>,
    identity: bool,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| format!("{host} is no name that a certificate has"))?;
    let connector = TlsConnector::from(Arc::clone(config));
    let connected = connector.connect(name, stream).await;
    connected.map_err(|error| reason::of_tls(&error, identity))
}

async fn one(address: SocketAddr, bind: Option<&Bind>) -> Result<TcpStream, String> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(|error| error.to_string())?;
    let bound = match bind {
        Some(Bind::Interface(name)) => socket.bind_device(Some(name.as_bytes())),
        Some(Bind::Address(ip)) => socket.bind(SocketAddr::new(*ip, 0)),
        None => Ok(()),
    };
    if let (Err(error), Some(bind)) = (bound, bind) {
        return Err(bind.why_not(&error));
    }
    let connected: io::Result<TcpStream> = socket.connect(address).await;
    connected.map_err(|error| reason::of_io(&error))
}
