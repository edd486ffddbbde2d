//! MQTT inside a WebSocket, for brokers that are reached as web servers are (MQTT 3.1.1 and 5, chapter 6).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use futures_core::Stream as _;
use futures_sink::Sink as _;
use http::{HeaderName, HeaderValue, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{ClientBuilder, Error, Limits, Message, WebSocketStream};

/// How much goes into one message. Packets need not keep to its ends.
const CHUNK: usize = 16 * 1024;

/// The bytes that travel in the messages of a WebSocket.
pub(super) struct WebSocket<S> {
    stream: WebSocketStream<S>,
    /// What of the last message was not read.
    rest: Bytes,
}

/// Turns a connection to `uri` into one; a message of more than `most` bytes ends it.
///
/// # Errors
/// Why the server does not take part, for people.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    uri: &str,
    most: usize,
) -> Result<WebSocket<S>, String> {
    let uri: Uri = uri
        .parse()
        .map_err(|error| format!("{uri} cannot be asked for ({error})"))?;
    let protocol = HeaderName::from_static("sec-websocket-protocol");
    let upgraded = ClientBuilder::from_uri(uri)
        .limits(Limits::default().max_payload_len(Some(most)))
        .add_header(protocol, HeaderValue::from_static("mqtt"))
        .map_err(|error| error.to_string())?
        .connect_on(stream)
        .await;
    let (stream, _) = upgraded.map_err(|error| {
        format!("no WebSocket ({error}); look at the path in `url`, and whether the broker has one there")
    })?;
    Ok(WebSocket {
        stream,
        rest: Bytes::new(),
    })
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.stream).poll_next(cx)) {
                Some(Ok(message)) if message.is_binary() => {
                    this.rest = message.into_payload().into();
                }
                // Pings are answered by the crate.
                Some(Ok(message)) if message.is_ping() || message.is_pong() => {}
                None | Some(Err(Error::AlreadyClosed)) => return Poll::Ready(Ok(())),
                Some(Ok(message)) if message.is_close() => return Poll::Ready(Ok(())),
                Some(Ok(_)) => {
                    let text = "a message of text, where MQTT has none";
                    return Poll::Ready(Err(io::Error::other(text)));
                }
                Some(Err(error)) => return Poll::Ready(Err(of(error))),
            }
        }
        let size = this.rest.len().min(into.remaining());
        into.put_slice(&this.rest[..size]);
        this.rest.advance(size);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(&mut self.get_mut().stream);
        ready!(stream.as_mut().poll_ready(cx)).map_err(of)?;
        let chunk = &bytes[..bytes.len().min(CHUNK)];
        let message = Message::binary(Bytes::copy_from_slice(chunk));
        let sent = stream.start_send(message).map_err(of);
        Poll::Ready(sent.map(|()| chunk.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream)
            .poll_flush(cx)
            .map_err(of)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream)
            .poll_close(cx)
            .map_err(of)
    }
}

fn of(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        other => io::Error::other(other),
    }
}
