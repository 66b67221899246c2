//! TLS verification with the certificates of `cacert_file`: CA certificates and self-signed server certificates.
//!
//! Most tools mark self-signed certificates as CA certificates, which rustls rejects for a server. This verifier accepts
//! one if it is listed in `cacert_file`.

use std::sync::Arc;

use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// The operating system's verifier with additional certificates.
#[derive(Debug)]
struct TrustedVerifier {
    system: Verifier,
    trusted: Vec<CertificateDer<'static>>,
}

/// The TLS settings of a client that trusts these certificates, besides those of the operating system.
pub(super) fn tls_config(trusted: &[CertificateDer<'static>]) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
    let system = Verifier::new_with_extra_roots(trusted.iter().cloned(), provider)?;
    let verifier = TrustedVerifier { system, trusted: trusted.to_vec() };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    Ok(config)
}

impl ServerCertVerifier for TrustedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.system.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // When the verifier returns this error, it has checked the validity period, but not the server name.
            Err(error) if is_ca_as_end_entity(&error) && self.trusted.iter().any(|trusted| trusted == end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.system.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.system.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.system.supported_verify_schemes()
    }
}

/// Whether the server's own certificate is a CA certificate. rustls has no public type for this error.
fn is_ca_as_end_entity(error: &Error) -> bool {
    error.to_string().contains("CaUsedAsEndEntity")
}

/// Describes a failed handshake or an unusable certificate; rustls shows some causes in Rust's Debug format.
pub(super) fn describe(error: &Error) -> String {
    if is_ca_as_end_entity(error) {
        return "the server identifies itself with a CA certificate. Name this certificate in cacert_file, or give the \
                server a certificate that the CA signed"
            .to_owned();
    }
    let text = error.to_string();
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the CA that signed the certificate is not trusted (UnknownIssuer)".to_owned()
        }
        Error::InvalidMessage(_) => "the host does not respond with TLS".to_owned(),
        _ if text.contains("UnsupportedCertVersion") => {
            "the certificate has X.509 version 1, and only version 3 is supported".to_owned()
        }
        _ => text.replace("Other(OtherError(", "").replace("))", ""),
    }
}
