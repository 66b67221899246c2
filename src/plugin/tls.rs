//! Mutual TLS of go-plugin (`AutoMTLS`). Each side creates a certificate for one process; the client's comes through
//! the environment, the server's goes out in the handshake line.
//!
//! Each side trusts exactly one certificate. The client's is marked as a CA, which path building rejects as an end
//! entity, so it is compared byte by byte; the handshake's signature proves possession of its key. The key is P-521,
//! which only AWS-LC supports among the crypto libraries of rustls. Without it the client would send no certificate.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime, pem};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme, crypto, version,
};
use tokio_rustls::{TlsAcceptor, rustls};

/// The host name that clients expect in the certificate.
const NAME: &str = "localhost";

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The client's certificate is unreadable. Falling back to plaintext would be insecure.
    #[error("the client's certificate in PLUGIN_CLIENT_CERT cannot be read")]
    ClientCertificate(#[source] pem::Error),
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot configure TLS")]
    Config(#[from] rustls::Error),
}

pub(super) fn certificate(pem: &str) -> Result<CertificateDer<'static>, TlsError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(TlsError::ClientCertificate)
}

/// The server side: a new certificate, and the one client that may connect.
pub(super) struct Tls {
    certificate: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Creates a P-256 certificate, and accepts only the given client certificate.
    pub(super) fn for_client(client: CertificateDer<'static>) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([NAME.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        let certificate = params.self_signed(&key)?.der().clone();

        let crypto = Arc::new(aws_lc_rs::default_provider());
        let verifier = PinnedClientVerifier { client, algorithms: crypto.signature_verification_algorithms };
        // Every Go that speaks protocol 6 has TLS 1.3.
        let mut config = ServerConfig::builder_with_provider(crypto)
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(vec![certificate.clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
        // Newer versions of grpc-go reject a connection without it.
        config.alpn_protocols = vec![b"h2".to_vec()];
        // The client connects once, so no session is resumed.
        config.send_tls13_tickets = 0;
        Ok(Self { certificate, config: Arc::new(config) })
    }

    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// Accepts one client certificate, compared byte by byte in place of path building.
#[derive(Debug)]
struct PinnedClientVerifier {
    client: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for PinnedClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if *end_entity == self.client {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
