//! Names into addresses, behind the guard. The connector dials exactly what comes out of here, and asks again at each connect.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::reason::NoSuchHost;
use crate::link::guard::Guard;

/// Asks for the addresses of a name.
pub(super) type Lookup = Arc<
    dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>
        + Send
        + Sync,
>;

/// The operating system's own.
pub(super) fn system() -> Lookup {
    Arc::new(|name, port| {
        Box::pin(async move {
            Ok(tokio::net::lookup_host((name.as_str(), port))
                .await?
                .collect())
        })
    })
}

/// A resolver behind the guard.
pub(super) struct Guarded {
    pub(super) guard: Arc<Guard>,
    /// The port that will be dialled.
    pub(super) port: u16,
    pub(super) lookup: Lookup,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, port) = (Arc::clone(&self.guard), self.port);
        let found = (self.lookup)(name.as_str().to_owned(), port);
        Box::pin(async move {
            let name = name.as_str();
            let found = found.await.map_err(|error| no_such_host(name, &error))?;
            let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            guard.check_resolved(name, port, &addresses)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn no_such_host(name: &str, error: &io::Error) -> NoSuchHost {
    let text = error.to_string();
    let why = text.rsplit(": ").next().unwrap_or_default().to_owned();
    NoSuchHost {
        name: name.to_owned(),
        why,
    }
}
