//! Listening again on a port that was let go a moment ago.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{net::TcpListener, time::sleep};

/// How often it is tried, 100 ms apart: connections of before may take a moment to vanish.
const TRIES: u32 = 50;

/// Listens on this address as soon as it is free.
pub(super) async fn bind_again(address: SocketAddr) -> io::Result<TcpListener> {
    for _ in 1..TRIES {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            other => return other,
        }
        sleep(Duration::from_millis(100)).await;
    }
    TcpListener::bind(address).await
}
