//! From nothing to a connection that the broker has accepted.

use std::io;

use tokio::time::timeout;

use super::{
    Options,
    socket::{Socket, Step, is_hangup},
    wire::{self, Accepted, Found, Packet, Reader},
};
use crate::link::http::reason;

/// A connection that the broker has accepted.
pub(super) struct Opened {
    pub(super) socket: Socket,
    pub(super) reader: Reader,
    pub(super) accepted: Accepted,
}

/// Connects and logs in.
///
/// # Errors
/// What happened and what to do.
pub(super) async fn open(options: &Options) -> Result<Opened, String> {
    let address = options.address();
    let password = options.credentials.as_ref().map(|of| (of.password)());
    let connect = wire::connect(options, password.transpose()?)?;
    let connected = Socket::connect(options).await;
    let mut socket = connected.map_err(|why| format!("{address}: {why}"))?;
    socket.send(&connect);
    let mut reader = Reader::new(options.version, options.max_payload);
    let answer = timeout(options.timing.patience, answer(&mut socket, &mut reader)).await;
    let silent = |_| Err(Silence::Wordless("does not answer"));
    match answer.unwrap_or_else(silent) {
        Ok(Packet::Accepted(accepted)) => Ok(Opened {
            socket,
            reader,
            accepted,
        }),
        Ok(Packet::Refused(why)) | Err(Silence::Unreadable(why)) => Err(format!("{address} {why}")),
        Ok(_) => Err(format!("{address} {}", wordless("did not answer"))),
        Err(Silence::Wordless(what)) => Err(format!("{address} {}", wordless(what))),
        Err(Silence::Closed) => Err(format!(
            "{address} closed the connection before it was accepted; check the port, and whether the broker wants TLS or a login"
        )),
        Err(Silence::Broken(error)) => {
            let identity = options
                .tls
                .as_ref()
                .is_some_and(|tls| tls.identity.is_some());
            Err(format!("{address}: {}", reason::of_tls(&error, identity)))
        }
    }
}

fn wordless(what: &str) -> String {
    format!("{what} as an MQTT broker does; check the port")
}

/// Why there is no answer.
enum Silence {
    /// Nothing came in time.
    Wordless(&'static str),
    /// What came is no packet.
    Unreadable(String),
    /// The other side hung up.
    Closed,
    /// The connection broke; with TLS 1.3 our certificate is refused only now.
    Broken(io::Error),
}

/// The first packet of the broker.
async fn answer(socket: &mut Socket, reader: &mut Reader) -> Result<Packet, Silence> {
    loop {
        match socket.step(true).await {
            Ok(Step::Wrote) => {}
            Ok(Step::Read) => {
                let found = reader.next(&mut socket.input, false);
                if let Found::Packet(packet) = found.map_err(Silence::Unreadable)? {
                    return Ok(packet);
                }
            }
            Ok(Step::Ended) => return Err(Silence::Closed),
            Err(error) if is_hangup(&error) => return Err(Silence::Closed),
            Err(error) => return Err(Silence::Broken(error)),
        }
    }
}
