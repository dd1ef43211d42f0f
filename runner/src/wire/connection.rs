//! One connection to a server, over TCP or TLS: what is sent, and what comes back.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;

use crate::case::request::{Await, Close};

use super::encode::Action;
use super::response::Reader;
use super::waits::Waits;
use super::{Endpoint, Limits, Outcome, Scheme};

/// A connection, its two directions apart, so that an answer can come while a request is sent.
pub struct Connection {
    /// What the server sends.
    pub incoming: Reader<Box<dyn AsyncRead + Send + Unpin>>,
    /// What the client sends.
    pub outgoing: Outgoing,
}

/// The sending side of a connection.
pub struct Outgoing(Box<dyn AsyncWrite + Send + Unpin>);

impl Connection {
    /// Connects to `endpoint`, through TLS if its scheme is `https` and `tls` is set.
    ///
    /// # Errors
    /// [`Outcome::Unreachable`] if there is no connection, or no TLS on it; [`Outcome::TimedOut`] if
    /// there is a connection, but the server keeps silent in the TLS handshake.
    pub async fn open(endpoint: &Endpoint, tls: bool, limits: &Limits) -> Result<Self, Outcome> {
        let deadline = Instant::now() + limits.connect;
        let stream = match timeout_at(deadline, TcpStream::connect(&endpoint.addresses[..])).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let why = format!("cannot connect to {endpoint}: {error}");
                return Err(Outcome::Unreachable(why));
            }
            Err(_) => {
                let within = limits.connect.as_millis();
                let why = format!("no connection to {endpoint} within {within} ms");
                return Err(Outcome::Unreachable(why));
            }
        };
        match timeout_at(deadline, Self::over(stream, endpoint, tls)).await {
            Ok(result) => result.map_err(Outcome::Unreachable),
            Err(_) => Err(Outcome::TimedOut {
                received: Vec::new(),
            }),
        }
    }

    async fn over(stream: TcpStream, endpoint: &Endpoint, tls: bool) -> Result<Self, String> {
        // Small pieces are to go out when they are written. Without it they go out too, later.
        let _ = stream.set_nodelay(true);
        if endpoint.scheme == Scheme::Http || !tls {
            let (read, write) = stream.into_split();
            return Ok(Self::of(read, write));
        }
        let name = ServerName::try_from(endpoint.bare_host().to_owned())
            .map_err(|error| format!("`{}` is no name for TLS: {error}", endpoint.host))?;
        let stream = TlsConnector::from(tls_config()?)
            .connect(name, stream)
            .await
            .map_err(|error| format!("no TLS with {endpoint}: {error}"))?;
        let (read, write) = tokio::io::split(stream);
        Ok(Self::of(read, write))
    }

    fn of(
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self {
            incoming: Reader::new(Box::new(read)),
            outgoing: Outgoing(Box::new(write)),
        }
    }
}

impl Outgoing {
    /// Does what `actions` say, up to going away: whoever owns the connection then drops it. What
    /// they await comes from `waits`. Says whether all was done, or a final answer ended it.
    ///
    /// # Errors
    /// The server takes no more. An answer may come all the same.
    pub async fn perform(&mut self, actions: &[Action], waits: &Waits<'_>) -> io::Result<bool> {
        for action in actions {
            match action {
                Action::Send(octets) => {
                    self.0.write_all(octets).await?;
                    self.0.flush().await?;
                }
                Action::Pause(pause) => sleep(*pause).await,
                Action::Await(Await::Others) => waits.others().await,
                Action::Await(Await::Continue) => {
                    if !waits.may_continue().await {
                        return Ok(false);
                    }
                }
                Action::Close(Close::Write) => self.close().await?,
                Action::Close(Close::Both) => return Ok(true),
            }
        }
        Ok(true)
    }

    /// Tells the server that nothing more will be sent.
    ///
    /// # Errors
    /// The connection is gone already.
    pub async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}

/// How a client of a test deployment does TLS: it takes any certificate, since such a server has
/// made its own, and speaks HTTP/1.1.
///
/// # Errors
/// The cryptography at hand knows no version of TLS.
pub fn tls_config() -> Result<Arc<ClientConfig>, String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    CONFIG.get_or_init(new_tls_config).clone()
}

fn new_tls_config() -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set up TLS: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Takes any certificate, but still demands that the server owns it.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
