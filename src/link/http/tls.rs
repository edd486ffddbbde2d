//! TLS for outward connections: ring as the crypto provider, and whose certificates are trusted.
//!
//! The provider is handed to each configuration; nothing is installed for the whole process. There is no switch that turns
//! verification off.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;

use super::BuildError;

/// Trusts the certificates of this file only, or what the operating system trusts.
pub(super) fn trusting(ca: Option<&Path>) -> Result<ClientConfig, BuildError> {
    match ca {
        Some(path) => with_roots(roots(path)?),
        None => Ok(builder()?
            .with_platform_verifier()
            .map_err(BuildError::Tls)?
            .with_no_client_auth()),
    }
}

/// For a client that never speaks TLS, because without a configuration reqwest looks for a provider of the whole
/// process.
pub(super) fn trusting_nobody() -> Result<ClientConfig, BuildError> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, BuildError> {
    Ok(builder()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)
}

fn roots(path: &Path) -> Result<RootCertStore, BuildError> {
    let bad = |why: String| BuildError::Ca {
        path: path.to_owned(),
        why,
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("it holds no certificate in PEM form".to_owned()));
    }
    Ok(roots)
}
