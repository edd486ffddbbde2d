//! When certificates end: those in our files, and those that peers show us at a handshake.
//!
//! What is noted here decides nothing about a connection; it is looked at later, by who tells people.

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustls::{
    CertificateError, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use x509_cert::{Certificate, der::Decode};

use crate::clock::Wall;

/// Whose certificate it is, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// `CN=Plant`
    pub subject: String,
    /// From when on it is worth nothing.
    pub at: Wall,
}

impl End {
    /// Of one certificate; none if it cannot be read.
    pub fn of(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let certificate = certificate.tbs_certificate();
        let at = certificate.validity().not_after.to_unix_duration();
        Some(Self {
            subject: certificate.subject().to_string(),
            at: Wall::from_millis(i64::try_from(at.as_millis()).ok()?),
        })
    }

    /// The ends of all certificates in a PEM file; none where it cannot be read, which is said elsewhere.
    pub fn in_file(path: &Path) -> Vec<Self> {
        let Ok(found) = CertificateDer::pem_file_iter(path) else {
            return Vec::new();
        };
        found
            .filter_map(|certificate| Self::of(&certificate.ok()?))
            .collect()
    }
}

/// What peers have shown, by the name under which they are known. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Shown>);

#[derive(Debug, Default)]
struct Shown {
    ends: Mutex<BTreeMap<String, End>>,
    changes: AtomicU64,
}

impl Seen {
    /// A witness of the handshakes with one peer.
    pub fn witness(&self, peer: &str) -> Witness {
        Witness {
            seen: self.clone(),
            peer: peer.into(),
        }
    }

    /// What this peer showed last, in this run of the agent.
    pub fn of(&self, peer: &str) -> Option<End> {
        let ends = self.0.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(peer).cloned()
    }

    /// How often something new was shown.
    pub fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::Acquire)
    }

    fn note(&self, peer: &str, end: End) {
        let mut ends = self.0.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.get(peer) != Some(&end) {
            ends.insert(peer.to_owned(), end);
            self.0.changes.fetch_add(1, Ordering::Release);
        }
    }
}

/// Notes what one peer shows.
#[derive(Clone)]
pub struct Witness {
    seen: Seen,
    peer: Arc<str>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Witness({})", self.peer)
    }
}

impl PartialEq for Witness {
    fn eq(&self, other: &Self) -> bool {
        self.peer == other.peer
    }
}

impl Witness {
    /// The same verifier, with us as a witness.
    pub(super) fn beside(self, inner: Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> {
        Arc::new(Witnessed {
            inner,
            witness: self,
        })
    }

    /// The leaf, or what of its chain ends before it. What has ended already while the leaf was good belongs to a way that
    /// is not used: authorities send old cross-signatures along.
    fn note(&self, leaf: &[u8], rest: &[CertificateDer<'_>], now: UnixTime) {
        let Some(leaf) = End::of(leaf) else { return };
        let now = Wall::default() + Duration::from_secs(now.as_secs());
        let chain = rest.iter().filter_map(|certificate| End::of(certificate));
        let alive = chain.filter(|end| end.at > now);
        let first = alive.chain([leaf.clone()]).min_by_key(|end| end.at);
        self.seen.note(&self.peer, first.unwrap_or(leaf));
    }
}

/// A verifier that decides as another does, and notes what was shown by who is who it says.
#[derive(Debug)]
struct Witnessed {
    inner: Arc<dyn ServerCertVerifier>,
    witness: Witness,
}

impl ServerCertVerifier for Witnessed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        use CertificateError::{Expired, ExpiredContext};
        match &verified {
            Ok(_) => self.witness.note(end_entity, intermediates, now),
            Err(rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. })) => {
                self.witness.note(end_entity, &[], now);
            }
            // A stranger may show what it likes.
            Err(_) => {}
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.inner.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[rustls::DistinguishedName]> {
        self.inner.root_hint_subjects()
    }
}
