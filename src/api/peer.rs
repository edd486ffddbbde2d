//! Who is at the other end of a connection, and how many may be there at once.
//!
//! The kernel vouches for the uid of a socket's peer; nothing that the peer says changes it. A peer that connects and says
//! nothing holds a place only for so long.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

use super::users;

/// How many connections are served at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 64;
/// A connection over which nothing came or went for this long is closed; longer than any answer takes.
const IDLE: Duration = Duration::from_secs(120);

/// A user of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    uid: Option<u32>,
}

impl Peer {
    /// The user's name, or `uid 1000` for one without.
    pub(super) fn name(&self) -> String {
        match self.uid {
            Some(uid) => users::name(uid).unwrap_or_else(|| format!("uid {uid}")),
            None => "unknown user".to_owned(),
        }
    }
}

impl Connected<IncomingStream<'_, Doorkeeper>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Doorkeeper>) -> Self {
        stream.remote_addr().clone()
    }
}

/// The listener with its limits.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    listener: UnixListener,
    places: Arc<Semaphore>,
}

impl Doorkeeper {
    pub(super) fn new(listener: UnixListener) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }
}

impl Listener for Doorkeeper {
    type Io = Visit;
    type Addr = Peer;

    async fn accept(&mut self) -> (Visit, Peer) {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        // It waits when the process has no file descriptors left.
        let (stream, _) = Listener::accept(&mut self.listener).await;
        let peer = Peer {
            uid: stream.peer_cred().ok().map(|credentials| credentials.uid()),
        };
        let visit = Visit {
            stream,
            idle: Box::pin(sleep(IDLE)),
            _place: place,
        };
        (visit, peer)
    }

    fn local_addr(&self) -> io::Result<Peer> {
        let uid = rustix::process::geteuid().as_raw();
        Ok(Peer { uid: Some(uid) })
    }
}

/// A connection that ends itself when it is idle, and then gives its place back.
#[derive(Debug)]
pub(super) struct Visit {
    stream: UnixStream,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Visit {
    /// Puts the end off whenever something moved.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.idle.set(sleep(IDLE));
            return done;
        }
        match self.idle.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(context, done)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
