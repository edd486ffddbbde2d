//! The bytes of one connection, with TLS or without: what has arrived and is not read, what is to leave and has not.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    task::spawn_blocking,
    time::timeout,
};

use super::{Options, websocket};
use crate::link::{
    dial::{dial, encrypt},
    http,
};

/// How much is read at once.
const READ: usize = 16 * 1024;
/// A buffer that has grown beyond this is given back when it is empty.
const KEEP: usize = 4 * READ;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to a broker.
pub(super) struct Socket {
    stream: Box<dyn Stream>,
    pub(super) input: BytesMut,
    output: BytesMut,
    /// Something was handed to the stream that may still be in it.
    unflushed: bool,
}

/// What [`Socket::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something has arrived.
    Read,
    /// Something has left.
    Wrote,
    /// The broker has closed the connection.
    Ended,
}

impl Socket {
    /// Connects, and makes TLS of it where that is wanted. Files and secrets are read now.
    ///
    /// # Errors
    /// Why there is no connection, in words that follow the broker's name and a colon.
    pub(super) async fn connect(options: &Options) -> Result<Self, String> {
        let patience = options.timing.patience;
        let tls = match options.tls.clone() {
            Some(settings) => Some(config(settings).await?),
            None => None,
        };
        let (peer, bind) = ((options.host.as_str(), options.port), options.bind.as_ref());
        let stream = dial(peer, options.guard.as_ref(), bind, patience).await?;
        // Acknowledgements are small and wait for nothing.
        let _ = stream.set_nodelay(true);
        let Some(config) = tls else {
            return Self::carried(stream, options).await;
        };
        let identity = options
            .tls
            .as_ref()
            .is_some_and(|tls| tls.identity.is_some());
        let shaken = timeout(patience, encrypt(stream, &options.host, &config, identity)).await;
        let late = || Err("no TLS handshake in time; is that port one for TLS?".to_owned());
        Self::carried(shaken.unwrap_or_else(|_| late())?, options).await
    }

    /// A connection that carries MQTT itself, or in a WebSocket.
    async fn carried(stream: impl Stream + 'static, options: &Options) -> Result<Self, String> {
        let Some(path) = &options.websocket else {
            return Ok(Self::new(stream));
        };
        let scheme = if options.tls.is_some() { "wss" } else { "ws" };
        let uri = format!("{scheme}://{}{path}", options.address());
        let upgraded = websocket::upgrade(stream, &uri, options.max_packet);
        let upgraded = timeout(options.timing.patience, upgraded).await;
        let late = || Err("no WebSocket in time; is that port one of a web server?".to_owned());
        Ok(Self::new(upgraded.unwrap_or_else(|_| late())?))
    }

    fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
        }
    }

    /// Adds what is to leave.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Whether everything has left.
    pub(super) fn is_flushed(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// Waits until something has left, or has arrived if `read` says that there is room for it. Cancelling it loses nothing.
    ///
    /// # Errors
    /// When the connection broke. What had arrived before is taken first.
    pub(super) async fn step(&mut self, read: bool) -> io::Result<Step> {
        poll_fn(|cx| match self.write(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(Step::Wrote)),
            Poll::Pending if read => self.read(cx),
            Poll::Pending => Poll::Pending,
            // A broker that closes says why just before.
            Poll::Ready(Err(error)) => match self.read(cx) {
                Poll::Ready(Ok(Step::Read)) => Poll::Ready(Ok(Step::Read)),
                _ => Poll::Ready(Err(error)),
            },
        })
        .await
    }

    /// Says that nothing more comes, and waits until the broker has closed the connection too: closed by us while something unread is there,
    /// the broker might not read our last words.
    pub(super) async fn shut(&mut self) {
        // Where it is gone already it does not matter.
        let mut thrown = [0; 1024];
        if self.stream.shutdown().await.is_ok() {
            while self
                .stream
                .read(&mut thrown)
                .await
                .is_ok_and(|size| size > 0)
            {}
        }
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Step>> {
        if self.input.is_empty() && self.input.capacity() > KEEP {
            self.input = BytesMut::new();
        }
        self.input.reserve(READ);
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(cx);
        read.map_ok(|size| match size {
            0 => Step::Ended,
            _ => Step::Read,
        })
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wrote = false;
        if !self.output.is_empty() {
            let size = match Pin::new(&mut self.stream).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(size)) => size,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            self.output.advance(size);
            (self.unflushed, wrote) = (true, true);
            if self.output.capacity() > KEEP && self.output.is_empty() {
                self.output = BytesMut::new();
            }
        }
        if self.unflushed && self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => (self.unflushed, wrote) = (false, true),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        match wrote {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }
}

/// Whom to believe and what to show. Reading what a system trusts takes its time.
async fn config(settings: http::Settings) -> Result<Arc<ClientConfig>, String> {
    let read = spawn_blocking(move || http::tls::config(&settings)).await;
    let config = read.map_err(|error| format!("TLS cannot be set up: {error}"))?;
    config
        .map(Arc::new)
        .map_err(|error| http::reason::of_build(&error))
}

/// Whether the other side has just closed the connection, in one of the ways that a system has for saying so.
pub(super) fn is_hangup(error: &io::Error) -> bool {
    use io::ErrorKind as Is;
    matches!(
        error.kind(),
        Is::ConnectionReset | Is::ConnectionAborted | Is::BrokenPipe | Is::UnexpectedEof
    )
}
