//! The TLS side of a connection: which certificates are believed. There is no switch to believe all of them.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::link::certificate::Witness;

/// A configuration that believes what is signed by a certificate of this file, read anew at each connect.
///
/// # Errors
/// What is wrong with the file and what to do, as a sentence.
pub(super) async fn config(
    ca: &Path,
    witness: Option<Witness>,
) -> Result<Arc<ClientConfig>, String> {
    let file = ca.display();
    let pem = tokio::fs::read(ca)
        .await
        .map_err(|error| format!("the CA file {file} cannot be read: {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate
            .map_err(|error| format!("the CA file {file} is not a PEM file: {error}"))?;
        roots.add(certificate).map_err(|error| {
            format!("the CA file {file} holds a certificate that cannot be used: {error}")
        })?;
    }
    if roots.is_empty() {
        return Err(format!(
            "the CA file {file} holds no certificate; it must be a PEM file with `BEGIN CERTIFICATE`"
        ));
    }
    // The provider is named here so that nothing depends on one being installed for the whole process.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| format!("the CA file {file} cannot be used: {error}"))?;
    let verifier: Arc<dyn ServerCertVerifier> = match witness {
        Some(witness) => witness.beside(verifier),
        None => verifier,
    };
    // Dangerous only if the verifier is: this one is rustls' own.
    let config = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
