//! The stream on which lettre speaks: plain or encrypted by us, with a greeting of ours where the relay gives none.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// A stream and what is read before it.
#[derive(Debug)]
pub(super) struct Line {
    before: &'static [u8],
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Line {
    /// Everybody on the way can read it.
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self {
            before: b"",
            stream: Stream::Plain(stream),
        }
    }

    /// Encrypted.
    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self {
            before: b"",
            stream: Stream::Tls(Box::new(stream)),
        }
    }

    /// Encrypted after the relay has greeted.
    pub(super) fn greeted(stream: TlsStream<TcpStream>) -> Self {
        Self {
            before: b"220 encrypted\r\n",
            ..Self::tls(stream)
        }
    }

    fn stream(&mut self) -> Pin<&mut (dyn Both + Send)> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream),
            Stream::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return self.stream().poll_read(context, into);
        }
        let (now, later) = self
            .before
            .split_at(into.remaining().min(self.before.len()));
        into.put_slice(now);
        self.before = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

impl AsyncTokioStream for Line {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }
}
