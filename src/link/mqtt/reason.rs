//! Why a connection ended, in words for people.

use std::io;

use rumqttc::{
    ConnectReturnCode, ConnectionError, StateError, TlsError, mqttbytes::Error as Packet,
};
use rustls::CertificateError;

use super::Options;

/// The packet's error if a connection ended because a packet could not be read.
pub(super) fn unreadable(error: &ConnectionError) -> Option<String> {
    match error {
        ConnectionError::MqttState(StateError::Deserialization(error))
            if !matches!(error, Packet::Io(_) | Packet::OutgoingPacketTooLarge { .. }) =>
        {
            Some(match error {
                Packet::PayloadSizeLimitExceeded(size) => {
                    format!("a packet of {size} bytes is larger than the limit")
                }
                error => format!("a packet cannot be read ({error})"),
            })
        }
        _ => None,
    }
}

/// What happened and what to do.
pub(super) fn describe(error: &ConnectionError, options: &Options) -> String {
    let (host, port) = (&options.host, options.port);
    match error {
        ConnectionError::NetworkTimeout => {
            format!("{host}:{port} does not answer; check network and address")
        }
        ConnectionError::FlushTimeout => format!("{host}:{port} does not take what is sent"),
        ConnectionError::Io(error) => describe_io(error, options),
        ConnectionError::Tls(TlsError::Io(error)) => describe_io(error, options),
        ConnectionError::Tls(error) => format!("TLS with {host}:{port} failed: {error}"),
        ConnectionError::ConnectionRefused(code) => refused(*code, options),
        ConnectionError::NotConnAck(_) => {
            format!("{host}:{port} did not answer as an MQTT broker does; check the port")
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            format!("{host}:{port} does not answer any more")
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => aborted(options),
        ConnectionError::MqttState(
            StateError::Io(error) | StateError::Deserialization(Packet::Io(error)),
        ) => describe_io(error, options),
        error => unreadable(error).unwrap_or_else(|| error.to_string()),
    }
}

fn aborted(options: &Options) -> String {
    format!(
        "{}:{} closed the connection; if that repeats, another client may use the same client_id `{}`",
        options.host, options.port, options.client_id
    )
}

fn refused(code: ConnectReturnCode, options: &Options) -> String {
    let (host, port) = (&options.host, options.port);
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            format!("{host}:{port} refused the login; check user and password")
        }
        ConnectReturnCode::BadClientId => {
            format!(
                "{host}:{port} refused the client_id `{}`",
                options.client_id
            )
        }
        ConnectReturnCode::ServiceUnavailable => format!("{host}:{port} is not available now"),
        ConnectReturnCode::RefusedProtocolVersion => {
            format!("{host}:{port} does not speak MQTT 3.1.1")
        }
        ConnectReturnCode::Success => format!("{host}:{port} refused the connection"),
    }
}

fn describe_io(error: &io::Error, options: &Options) -> String {
    let (host, port) = (&options.host, options.port);
    if let Some(tls) = find_tls(error) {
        return describe_tls(tls, options);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("{host}:{port} refuses connections; check that the broker runs there")
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => aborted(options),
        _ => format!("{host}:{port} cannot be reached: {error}"),
    }
}

fn find_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn describe_tls(error: &rustls::Error, options: &Options) -> String {
    let (host, port) = (&options.host, options.port);
    let ca = options.ca.as_deref().unwrap_or_else(|| "".as_ref());
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) if ca.as_os_str().is_empty() => format!(
            "the certificate of {host}:{port} is not signed by anybody whom this system trusts; set `ca` to the plant's own authority"
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => format!(
            "the certificate of {host}:{port} is not signed by a CA in {}; put the CA that signed it there",
            ca.display()
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "the certificate of {host}:{port} is for another name ({error}); use the name that it is for in `url`"
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => format!(
            "the certificate of {host}:{port} is not valid yet; check this gateway's clock ({error})"
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => format!(
            "the certificate of {host}:{port} has expired; renew it, or check this gateway's clock ({error})"
        ),
        error => format!("TLS with {host}:{port} failed: {error}"),
    }
}
