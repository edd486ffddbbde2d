//! What is kept of a syslog server: a connection, for as long as it is used.

use std::time::Duration;

use tokio::{sync::Mutex, time::timeout};

use super::{super::reach::settings_of_server, SendError};
use crate::{
    clock::{Mono, Now},
    destination::{Framing, Server},
    link::{
        certificate::Witness,
        http::{BuildError, Settings},
        stream::{Connection, Line},
    },
};

/// A connection that was silent for longer is made anew: what died in between would take a message and lose it.
const SILENT: Duration = Duration::from_secs(30);

/// A server as it is reached now.
#[derive(Debug)]
pub struct SyslogContact {
    line: Line,
    framing: Framing,
    timeout: Duration,
    material: [u8; 32],
    /// The connection, and when it was last used.
    kept: Mutex<Option<(Connection, Mono)>>,
}

impl SyslogContact {
    /// Opens nothing yet.
    pub(super) fn new(
        server: &Server,
        framing: Framing,
        witness: Option<Witness>,
    ) -> Result<Self, BuildError> {
        let settings = Settings {
            witness,
            ..settings_of_server(server)
        };
        Ok(Self {
            material: settings.material(),
            line: Line::new(&server.host, server.port, server.tls, settings)?,
            framing,
            timeout: server.timeout,
            kept: Mutex::default(),
        })
    }

    /// Whether the files and secrets that it was made from are still the same.
    pub(super) fn is_current(&self, server: &Server) -> bool {
        self.material == settings_of_server(server).material()
    }

    /// Hands a message to the connection; says what that is worth.
    pub(super) async fn send(&self, message: &str, now: Now) -> Result<String, SendError> {
        let mut kept = self.kept.lock().await;
        let old = kept.take();
        let mut old = old.filter(|(_, used)| now.mono.since(*used) < SILENT);
        if let Some((connection, _)) = &mut old
            && connection.is_closed().await
        {
            old = None;
        }
        let mut connection = match old {
            Some((old, _)) => old,
            None => self.line.connect().await.map_err(SendError::Unreachable)?,
        };
        let frame = framed(message, self.framing);
        let broke = match timeout(self.timeout, connection.write(frame.as_bytes())).await {
            Ok(Ok(())) if !connection.is_closed().await => {
                *kept = Some((connection, now.mono));
                let said = "handed to the connection; syslog does not confirm";
                return Ok(said.to_owned());
            }
            Ok(Ok(())) => "the server closed the connection when it was sent to".to_owned(),
            Ok(Err(error)) => format!("the connection broke ({error})"),
            Err(_) => "the server takes nothing; it may be stuck".to_owned(),
        };
        Err(SendError::Failed(broke))
    }
}

fn framed(message: &str, framing: Framing) -> String {
    match framing {
        Framing::Octets => format!("{} {message}", message.len()),
        Framing::Line => format!("{message}\n"),
    }
}
