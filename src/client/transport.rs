//! The HTTP clients: trusted certificates, timeouts, no redirects and no hidden retries.

use std::{fs, path::Path};

use reqwest::{Certificate, redirect, retry, tls};
use tokio::sync::OnceCell;
use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{config::Timeouts, config_error::ConfigError, endpoint::Endpoint, proxy::Proxy, trusted_certificate};

pub(super) struct Settings {
    /// Certificates that are trusted in addition to the system's.
    pub(super) roots: Vec<CertificateDer<'static>>,
    pub(super) insecure: bool,
    /// The proxy, if not the one of the operating system.
    pub(super) proxy: Option<Proxy>,
    pub(super) timeouts: Timeouts,
    pub(super) user_agent: String,
}

/// The HTTP clients, each created by the first call that needs it.
///
/// Reading the system's certificates takes milliseconds, and Terraform starts several processes that send no request.
pub(super) struct Transport {
    settings: Settings,
    /// Through the proxy, if there is one.
    proxied: OnceCell<reqwest::Client>,
    /// Past any proxy.
    direct: OnceCell<reqwest::Client>,
    /// Past any proxy and without TLS.
    plain: OnceCell<reqwest::Client>,
}

impl Transport {
    pub(super) fn new(settings: Settings) -> Self {
        let [proxied, direct, plain] = std::array::from_fn(|_| OnceCell::new());
        Self { settings, proxied, direct, plain }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        self.settings.timeouts
    }

    /// The client for an endpoint. Fails if the system has no certificates to trust.
    pub(super) async fn client(&self, endpoint: &Endpoint) -> Result<&reqwest::Client, reqwest::Error> {
        let build = async || build(&self.settings, endpoint);
        match (endpoint.is_direct(), endpoint.is_plain()) {
            (false, _) => self.proxied.get_or_try_init(build).await,
            (true, false) => self.direct.get_or_try_init(build).await,
            (true, true) => self.plain.get_or_try_init(build).await,
        }
    }
}

fn build(settings: &Settings, endpoint: &Endpoint) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.timeouts.connect)
        .timeout(settings.timeouts.request)
        // A redirected request would be signed for another host, and would hand its token to it.
        .redirect(redirect::Policy::none())
        // Each attempt needs a new signature, so retries happen in `retry.rs`.
        .retry(retry::never())
        .https_only(!endpoint.is_plain())
        .tls_version_min(tls::Version::TLS_1_2);
    let builder = match &settings.proxy {
        _ if endpoint.is_direct() => builder.no_proxy(),
        Some(proxy) => builder.proxy(proxy.build()?),
        None => builder,
    };
    if endpoint.is_plain() {
        // A machine without certificates can use the emulator, which needs no TLS.
        return builder.tls_certs_only([]).build();
    }
    if !settings.roots.is_empty()
        && !settings.insecure
        && let Ok(tls) = trusted_certificate::tls_config(&settings.roots)
    {
        return builder.tls_backend_preconfigured(tls).build();
    }
    // Without a verifier, this fails with the reason.
    let roots = settings.roots.iter().map(|root| Certificate::from_der(root)).collect::<Result<Vec<_>, _>>()?;
    builder.tls_certs_merge(roots).tls_danger_accept_invalid_certs(settings.insecure).build()
}

/// Reads the certificates of a PEM file, or of a text that is its content, and parses each, so that an invalid one
/// fails here and not in a handshake.
pub(super) fn read_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let content = file.to_str().filter(|text| text.contains("-----BEGIN"));
    let place = content.map_or_else(|| format!("the file {}", file.display()), |_| "its content".to_owned());
    let refuse = |problem: String| ConfigError::Certificate { problem: format!("{place} {problem}") };
    let pem = match content {
        Some(content) => content.as_bytes().to_vec(),
        None => fs::read(file).map_err(|error| refuse(format!("cannot be read: {error}")))?,
    };
    let roots = CertificateDer::pem_slice_iter(&pem)
        .enumerate()
        .map(|(index, certificate)| {
            let number = index + 1;
            let certificate =
                certificate.map_err(|error| refuse(format!("is not PEM at certificate {number}: {error}")))?;
            RootCertStore::empty().add(certificate.clone()).map_err(|error| {
                let problem = trusted_certificate::describe(&error);
                refuse(format!("holds an invalid certificate at position {number}: {problem}"))
            })?;
            Ok(certificate)
        })
        .collect::<Result<Vec<_>, _>>()?;
    if roots.is_empty() {
        return Err(refuse("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

    use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair, generate_simple_self_signed};
    use tempfile::NamedTempFile;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer, version::TLS12};

    use super::*;
    use crate::client::{
        Client, Config, Error, ErrorKind,
        test_server::{ID, config, tls_server},
    };
    use crate::dli::error_catalog::TransportFailure;

    fn certificate() -> CertifiedKey<KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
    }

    async fn call_with_tls(certificate: &CertifiedKey<KeyPair>, change: impl FnOnce(&mut Config)) -> Result<(), Error> {
        let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).expect("PKCS #8");
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS12])
            .expect("the provider has TLS 1.2")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], key)
            .expect("they belong together");
        let address = tls_server(server).await;
        let endpoint = Some(format!("https://localhost:{}", address.port()));
        let mut config = Config { endpoint, ..config(address) };
        change(&mut config);
        Client::new(config)
            .expect("valid configuration")
            .project(None, None)
            .expect("complete settings")
            .delete_connection(ID)
            .await
    }

    /// The server chooses TLS 1.1.
    #[tokio::test]
    async fn tls_older_than_1_2_is_rejected() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = server.local_addr().expect("a bound port");
        let config = Config { endpoint: Some(format!("https://localhost:{}", address.port())), ..config(address) };
        let refused = async {
            let (mut stream, _) = server.accept().await.expect("the client comes");
            let mut record = [0; 5];
            stream.read_exact(&mut record).await.expect("the head of a record");
            let mut hello = vec![0; usize::from(u16::from_be_bytes([record[3], record[4]]))];
            stream.read_exact(&mut hello).await.expect("its body");
            // Handshake, TLS 1.1, 42 bytes: ServerHello, 38 bytes: TLS 1.1, a random number, no session,
            // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, no compression.
            let response = [&[22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
            stream.write_all(&response).await.expect("the client listens");
            let mut alert = Vec::new();
            stream.read_to_end(&mut alert).await.expect("the client closes");
            alert
        };
        let client = Client::new(config).expect("valid configuration");
        let project = client.project(None, None).expect("complete settings");
        let (alert, outcome) = tokio::join!(refused, project.delete_connection(ID));
        let error = outcome.expect_err("too old");
        assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
        assert_eq!(error.transport_failure, Some(TransportFailure::TlsFailed));
        // An alert, fatal: protocol_version.
        assert_eq!((alert[0], &alert[3..]), (21, &[0, 2, 2, 70][..]), "{alert:?}");
    }

    fn file(content: &str) -> NamedTempFile {
        let file = NamedTempFile::new().expect("a temporary file");
        fs::write(&file, content).expect("it is written");
        file
    }

    #[tokio::test]
    async fn unknown_certificate_is_rejected() {
        let error = call_with_tls(&certificate(), |_| ()).await.expect_err("an unknown issuer");
        assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    }

    #[tokio::test]
    async fn cacert_file_adds_trusted_certificates() {
        let certificate = certificate();
        let pem = file(&(self::certificate().cert.pem() + &certificate.cert.pem()));
        call_with_tls(&certificate, |config| config.cacert_file = Some(pem.path().to_owned())).await.expect("trusted");
        let other = file(&self::certificate().cert.pem());
        let outcome = call_with_tls(&certificate, |config| config.cacert_file = Some(other.path().to_owned())).await;
        assert_eq!(outcome.expect_err("untrusted").kind(), ErrorKind::ConnectFailed);
    }

    /// `openssl req -x509` marks a self-signed certificate as a CA certificate.
    #[tokio::test]
    async fn self_signed_ca_certificate_is_trusted_if_named() {
        let ca_certificate = |host: &str| {
            let mut parameters = CertificateParams::new([host.to_owned()]).expect("a host name");
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let signing_key = KeyPair::generate().expect("a key");
            CertifiedKey { cert: parameters.self_signed(&signing_key).expect("a certificate"), signing_key }
        };
        let certificate = ca_certificate("localhost");
        let pem = certificate.cert.pem();
        call_with_tls(&certificate, |config| config.cacert_file = Some(pem.into())).await.expect("trusted");
        let other = self::certificate().cert.pem();
        let untrusted = call_with_tls(&certificate, |config| config.cacert_file = Some(other.into())).await;
        let text = untrusted.expect_err("another certificate is trusted").to_string();
        assert!(text.contains("with a CA certificate. Name this certificate in cacert_file"), "{text}");

        let of_other_host = ca_certificate("other.example");
        let pem = of_other_host.cert.pem();
        let refused = call_with_tls(&of_other_host, |config| config.cacert_file = Some(pem.into())).await;
        let text = refused.expect_err("the certificate of another host").to_string();
        assert!(text.contains("not valid for name \"localhost\""), "{text}");
    }

    #[tokio::test]
    async fn insecure_accepts_any_certificate() {
        call_with_tls(&certificate(), |config| config.insecure = true).await.expect("accepted");
    }

    #[test]
    fn invalid_cacert_file_is_rejected() {
        let refusal = |path: PathBuf| {
            let config = Config { cacert_file: Some(path), ..Config::default() };
            Client::new(config).expect_err("there are no certificates")
        };
        let missing = refusal("/nonexistent/ca.pem".into());
        let text = "cacert_file: the file /nonexistent/ca.pem cannot be read: No such file or directory (os error 2)";
        assert_eq!(missing.to_string(), text);

        let good = certificate().cert.pem();
        for (content, problem) in [
            (String::new(), "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"),
            ("just text".to_owned(), "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"),
            (good.replace("-----END CERTIFICATE-----", ""), "is not PEM at certificate 1: "),
            (
                good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "holds an invalid certificate at position 2: ",
            ),
        ] {
            let file = file(&content);
            let text = refusal(file.path().to_owned()).to_string();
            let start = format!("cacert_file: the file {} {problem}", file.path().display());
            assert!(text.starts_with(&start), "{text}");
        }
    }

    #[tokio::test]
    async fn http_client_is_created_once() {
        let client = Client::new(config(([127, 0, 0, 1], 9).into())).expect("valid configuration");
        let transport = &client.inner.transport;
        let endpoint = client.project(None, None).expect("complete settings").endpoint;
        assert!(!transport.plain.initialized());
        let first = transport.client(&endpoint).await.expect("made");
        assert!(std::ptr::eq(first, transport.client(&endpoint).await.expect("kept")));
        assert!(!transport.proxied.initialized() && !transport.direct.initialized());
        assert_eq!(transport.timeouts().connect, Duration::from_secs(10));
        assert_eq!(transport.timeouts().request, Duration::from_mins(1));
    }

    /// Runs another test of this module in a process whose environment names a proxy that does not exist.
    #[test]
    fn loopback_endpoint_bypasses_the_proxy() {
        let output = Command::new(std::env::current_exe().expect("this test's own program"))
            .args(["--exact", "client::queues::tests::list"])
            .envs(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .expect("it starts");
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(report.contains("1 passed; 0 failed"), "{report}");
    }
}
