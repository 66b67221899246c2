//! Mutual TLS as go-plugin does it ("AutoMTLS"): each side makes a certificate for one process and hands it to the other
//! out of band: the client's came through the environment, the server's goes out in the handshake line.
//!
//! Each end then trusts exactly one certificate, which is a stronger statement than any chain, and no chain would do:
//! the client's certificate says that it is a CA, and path building refuses a CA as an end entity. So it is compared
//! byte by byte, and the handshake's signature proves that the peer holds its key. The key is a P-521 one, which of
//! rustls' crypto libraries AWS-LC alone knows. A library that does not offer it is sent no certificate at all, and a
//! server that then makes the certificate optional authenticates nobody.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    self, CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme, version,
};

/// The name that a client looks for in the certificate, whatever the address.
const NAME: &str = "localhost";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A client that sends a certificate wants TLS: there is no falling back to plain text.
    #[error("the client's certificate in PLUGIN_CLIENT_CERT cannot be read")]
    ClientCertificate(#[source] pem::Error),
    /// No key or certificate for this side.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refuses the pieces.
    #[error("cannot configure TLS")]
    Config(#[from] rustls::Error),
}

/// Reads a client's certificate.
pub(super) fn certificate(pem: &str) -> Result<CertificateDer<'static>, TlsError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(TlsError::ClientCertificate)
}

/// This process's end: a fresh certificate, and one client that may connect.
pub(super) struct Tls {
    certificate: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Makes a P-256 certificate for this process and admits the one client with this certificate.
    pub(super) fn for_client(client: CertificateDer<'static>) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([NAME.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        let certificate = params.self_signed(&key)?.der().clone();

        let crypto = Arc::new(aws_lc_rs::default_provider());
        let verifier = PinnedClientVerifier { client, algorithms: crypto.signature_verification_algorithms };
        let mut config = server_config(crypto, verifier, &certificate, &key)?;
        // Newer versions of grpc-go refuse a connection without it.
        config.alpn_protocols = vec![b"h2".to_vec()];
        // The client connects once: nothing would ever be resumed.
        config.send_tls13_tickets = 0;
        Ok(Self { certificate, config: Arc::new(config) })
    }

    /// This side's certificate, DER.
    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// What turns an accepted stream into a proven one.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn server_config(
    crypto: Arc<CryptoProvider>,
    verifier: PinnedClientVerifier,
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
) -> Result<ServerConfig, rustls::Error> {
    // Every Go that speaks protocol 6 has TLS 1.3.
    ServerConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(vec![certificate.clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
}

/// Admits the holder of one certificate. It differs from rustls' `WebPkiClientVerifier` in one step: equality takes the
/// place of path building, so names, dates and usages, which the same bytes carry, are not looked at again.
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
