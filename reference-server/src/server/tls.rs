//! HTTP over TLS (chapter `tls`).
//!
//! A handshake happens in the connection's own task and within the time for idle clients, so that
//! one that is slow or broken off concerns nobody else. Rules `tls.handshake.aborted`,
//! `tls.handshake.slow`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// Why a certificate or its key cannot be used.
#[derive(Debug)]
pub struct TlsError {
    path: PathBuf,
    problem: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for TlsError {}

/// Reads the certificate chain and the key, and makes ready to shake hands.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let certificate_error = |problem| TlsError {
        path: files.certificate.clone(),
        problem,
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|cause| certificate_error(format!("cannot read a certificate: {cause}")))?;
    if chain.is_empty() {
        let problem = "holds no certificate; it should hold one in PEM, that is, a block that \
                       begins with -----BEGIN CERTIFICATE-----";
        return Err(certificate_error(problem.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|cause| TlsError {
        path: files.key.clone(),
        problem: format!("cannot read a private key in PEM: {cause}"),
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|cause| {
            let key = files.key.display();
            certificate_error(format!("cannot be used with the key {key}: {cause}"))
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
