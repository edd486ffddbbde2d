//! TLS for outward connections: ring as the crypto provider, whose certificates are trusted, and which one we show.
//!
//! The provider is handed to each configuration; nothing is installed for the whole process. There is no switch that turns
//! verification off.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::{WantsClientCert, WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

use super::{
    BuildError,
    settings::{Identity, Settings},
};

/// Trusts the certificates of `ca` only, or what the operating system trusts, and shows `identity`.
pub(in crate::link) fn config(settings: &Settings) -> Result<ClientConfig, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match &settings.ca {
        Some(path) => {
            let roots = Arc::new(roots(path)?);
            let built = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
            built.map_err(|error| BuildError::Ca {
                path: path.clone(),
                why: error.to_string(),
            })?
        }
        None => Arc::new(Verifier::new(provider).map_err(BuildError::Tls)?),
    };
    let verifier = match settings.witness.clone() {
        Some(witness) => witness.beside(verifier),
        None => verifier,
    };
    // Dangerous only if the verifier is: this one is that of rustls or of the operating system.
    let trusting = builder()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    identified(trusting, settings.identity.as_ref())
}

/// For a client that never speaks TLS, because without a configuration reqwest looks for a provider of the whole
/// process.
pub(super) fn trusting_nobody() -> Result<ClientConfig, BuildError> {
    let nobody = builder()?.with_root_certificates(RootCertStore::empty());
    Ok(nobody.with_no_client_auth())
}

/// Whether the files that are named can be used; what the operating system trusts is not looked at.
///
/// # Errors
/// [`BuildError`] as a connection would meet it.
pub fn check(settings: &Settings) -> Result<(), BuildError> {
    let roots = settings.ca.as_deref().map(roots).transpose()?;
    let trusting = builder()?.with_root_certificates(roots.unwrap_or_else(RootCertStore::empty));
    identified(trusting, settings.identity.as_ref()).map(drop)
}

fn identified(
    trusting: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, BuildError> {
    let Some(identity) = identity else {
        return Ok(trusting.with_no_client_auth());
    };
    let chain = certificates(&identity.cert)?;
    let bad_key = |why: String| BuildError::Key {
        cert: identity.cert.clone(),
        why,
    };
    let pem = identity.key.reveal().map_err(BuildError::Secret)?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| bad_key("it is no unencrypted private key in PEM form".to_owned()))?;
    trusting
        .with_client_auth_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                bad_key("it belongs to another certificate".to_owned())
            }
            other => bad_key(other.to_string()),
        })
}

fn builder() -> Result<ConfigBuilder<ClientConfig, rustls::WantsVerifier>, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)
}

fn roots(path: &Path) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| BuildError::Ca {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// The certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let bad = |why: String| BuildError::Ca {
        path: path.to_owned(),
        why,
    };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
    let found: Vec<_> = found
        .collect::<Result<_, _>>()
        .map_err(|error| bad(error.to_string()))?;
    if found.is_empty() {
        return Err(bad("it holds no certificate in PEM form".to_owned()));
    }
    Ok(found)
}
