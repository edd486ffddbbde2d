//! A TCP connection that is only written to, with TLS or without. It is for protocols that answer nothing.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    dial::{dial, encrypt},
    http::{BuildError, Settings, reason, tls},
};

/// How long a connection is looked at for its end before it is written to.
const GLANCE: Duration = Duration::from_millis(5);
/// The same where TLS has just begun: with TLS 1.3 a peer refuses our certificate after the handshake is done for us.
const FIRST_GLANCE: Duration = Duration::from_millis(250);

/// A peer and the way to it.
pub struct Line {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    settings: Settings,
}

impl Line {
    /// Opens nothing yet. Of the settings a proxy is not used.
    ///
    /// # Errors
    /// When a certificate or a secret cannot be used.
    pub fn new(host: &str, port: u16, tls: bool, settings: Settings) -> Result<Self, BuildError> {
        let config = || tls::config(&settings).map(Arc::new);
        Ok(Self {
            host: host.to_owned(),
            port,
            tls: tls.then(config).transpose()?,
            settings,
        })
    }

    /// Connects, within the time limit of the settings.
    ///
    /// # Errors
    /// Why there is no connection, for people.
    pub async fn connect(&self) -> Result<Connection, String> {
        let (guard, bind) = (&self.settings.guard, self.settings.bind.as_ref());
        let patience = self.settings.timeout;
        let peer = (self.host.as_str(), self.port);
        let stream = dial(peer, Some(guard), bind, patience).await?;
        // What is written here is small and waits for nothing.
        let _ = stream.set_nodelay(true);
        let Some(config) = &self.tls else {
            return Ok(Connection(Box::new(stream)));
        };
        let identity = self.settings.identity.is_some();
        let shaken = timeout(patience, encrypt(stream, &self.host, config, identity)).await;
        let stream = shaken.unwrap_or_else(|_| {
            Err("no TLS handshake in time; is that port one for TLS?".to_owned())
        })?;
        let mut connection = Connection(Box::new(stream));
        match connection.end(FIRST_GLANCE).await {
            Some(error) => Err(reason::of_tls(&error, identity)),
            None => Ok(connection),
        }
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({}:{})", self.host, self.port)
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that is up, as far as one knows.
pub struct Connection(Box<dyn Stream>);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// Whether the peer has closed it, as far as that has arrived here.
    pub async fn is_closed(&mut self) -> bool {
        self.end(GLANCE).await.is_some()
    }

    /// Hands all of it to the connection.
    ///
    /// # Errors
    /// When it broke. A part may have arrived.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// How it ended, if it does within this time. What the peer says is thrown away: nothing is expected.
    async fn end(&mut self, within: Duration) -> Option<io::Error> {
        let mut thrown = [0; 256];
        let ended = timeout(within, async {
            loop {
                match self.0.read(&mut thrown).await {
                    Ok(0) => return io::Error::from(ErrorKind::UnexpectedEof),
                    Ok(_) => {}
                    Err(error) => return error,
                }
            }
        });
        ended.await.ok()
    }
}
