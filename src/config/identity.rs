//! The certificate by which a peer knows us (mutual TLS). It is read and shown elsewhere, at each connect anew.

use std::path::PathBuf;

use super::{secret::Secret, section::Section, values::FileBeside};

/// A client certificate and its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The certificate and those between it and the authority, in PEM form, ours first.
    pub cert: PathBuf,
    /// Its private key, in PEM form.
    pub key: Secret,
}

impl Identity {
    /// Reads `client_cert` and `client_key`; one without the other is a mistake.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let cert = section.optional::<FileBeside>("client_cert");
        let key = section.optional::<Secret>("client_key");
        match (section.raw("client_cert"), section.raw("client_key")) {
            (Some(_), None) => section.error(
                "client_key",
                "is missing; a client certificate needs its key: client_key = { file = \"client.key\" }",
            ),
            (None, Some(_)) => section.error(
                "client_cert",
                "is missing; a key needs its certificate: client_cert = \"client.pem\"",
            ),
            _ => {}
        }
        Some(Self {
            cert: cert?.0,
            key: key?,
        })
    }
}
