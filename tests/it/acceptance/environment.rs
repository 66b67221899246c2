//! Settings from the environment alone: the cloud's domain and the trusted certificates.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use terraform_provider_dli::emulator::{ACCESS_KEY, SECRET_KEY};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::connection::{ADDRESS, EXAMPLE};
use super::harness::{Cloud, Diagnostic, PROJECT, Workspace, for_one_terraform};

/// A provider block with a key and a project.
fn block(arguments: &str) -> String {
    format!(
        "provider \"dli\" {{\n  project_id = {PROJECT:?}\n  access_key = {ACCESS_KEY:?}\n  \
        secret_key = {SECRET_KEY:?}\n  \
         plan_checks = false\n{arguments}\n}}\n"
    )
}

/// Serves a plain HTTP server at `plain` over TLS with a self-signed certificate for `host`. Returns the URL and the
/// certificate as PEM. The thread lives as long as the test process.
pub(super) fn behind_tls(plain: &str, host: &str) -> (String, String) {
    behind_tls_with(plain, host, false)
}

/// As [`behind_tls`]; the certificate may be a CA certificate.
fn behind_tls_with(plain: &str, host: &str, is_ca: bool) -> (String, String) {
    let mut parameters = CertificateParams::new([host.to_owned()]).expect("a host name");
    if is_ca {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let signing_key = KeyPair::generate().expect("a key");
    let cert = parameters.self_signed(&signing_key).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("PKCS #8");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("supported TLS versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a matching key and certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = format!("https://{host}:{}", listener.local_addr().expect("a bound socket").port());
    let plain = plain.trim_start_matches("http://").to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let serve = async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, plain) = (acceptor.clone(), plain.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate aborts the handshake.
                let mut tls = acceptor.accept(stream).await?;
                let mut plain = tokio::net::TcpStream::connect(plain).await?;
                tokio::io::copy_bidirectional(&mut tls, &mut plain).await
            });
        }
    };
    thread::spawn(move || runtime.block_on(serve));
    (address, cert.pem())
}

#[test]
fn ca_certificates_come_from_the_environment() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let (address, pem) = behind_tls(&cloud.emulator().endpoint(), "localhost");
        let workspace = || {
            let workspace =
                Workspace::new(terraform).with_provider(&block(&format!("  endpoints = {{ dli = {address:?} }}")));
            workspace.write("ca.pem", &pem);
            workspace.configure(EXAMPLE);
            workspace
        };
        let apply = ["apply", "-auto-approve", "-json"];

        let error = workspace().run(&apply).expect_code(1).error_of(ADDRESS);
        assert!(error.contains("UnknownIssuer") && error.contains("cacert_file"), "{error}");
        assert!(cloud.requests().is_empty());

        let trusting = workspace().with_variable("OS_CACERT", "ca.pem");
        trusting.run(&apply).expect_code(0).expect_no_diagnostics();
        trusting.destroy();
        cloud.expect_empty();

        let nowhere = workspace().with_variable("OS_CACERT", "nowhere.pem").run(&["plan", "-json"]).expect_code(1);
        assert!(
            nowhere.diagnostics().iter().any(|diagnostic| diagnostic.text.contains("nowhere.pem cannot be read")),
            "{nowhere}"
        );

        for name in ["HW_INSECURE", "OS_INSECURE"] {
            let careless = workspace().with_variable(name, "true");
            let diagnostics = careless.run(&apply).expect_code(0).diagnostics();
            let is_warning = |diagnostic: &Diagnostic| {
                !diagnostic.is_error && diagnostic.text.contains(&format!("{name} in the environment"))
            };
            assert!(!diagnostics.is_empty() && diagnostics.iter().all(is_warning), "{diagnostics:#?}");
            careless.destroy();
            cloud.expect_empty();
        }
        let wrong = workspace().with_variable("HW_INSECURE", "yes").run(&["plan", "-json"]).expect_code(1);
        assert!(
            wrong
                .diagnostics()
                .iter()
                .any(|diagnostic| diagnostic.text.contains("HW_INSECURE in the environment is \"yes\"")),
            "{wrong}"
        );
    });
}

/// `openssl req -x509` marks a self-signed certificate as a CA certificate.
#[test]
fn self_signed_certificate_is_trusted_if_named() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let (address, pem) = behind_tls_with(&cloud.emulator().endpoint(), "localhost", true);
        let apply = ["apply", "-auto-approve", "-json"];
        let workspace = |cacert_file: &str| {
            let arguments = format!("  endpoints = {{ dli = {address:?} }}\n  cacert_file = {cacert_file}");
            let workspace = Workspace::new(terraform).with_provider(&block(&arguments));
            workspace.write("ca.pem", &pem);
            workspace.configure(EXAMPLE);
            workspace
        };
        let error = workspace("null").run(&apply).expect_code(1).error_of(ADDRESS);
        assert!(error.contains("cacert_file") && !error.contains("OtherError"), "{error}");
        // The home directory of the tests is the workspace.
        for file in ["\"ca.pem\"", "\"~/ca.pem\"", "file(\"ca.pem\")"] {
            let workspace = workspace(file);
            workspace.run(&apply).expect_code(0).expect_no_diagnostics();
            workspace.destroy();
            cloud.expect_empty();
        }
    });
}

/// Arguments override the environment.
#[test]
fn cloud_domain_comes_from_the_environment() {
    for_one_terraform(|terraform| {
        for (written, host) in
            [("", "dli.nowhere-1.one.invalid"), ("  cloud = \"two.invalid\"", "dli.nowhere-1.two.invalid")]
        {
            let workspace = Workspace::new(terraform)
                .with_provider(&block(&format!("  region = \"nowhere-1\"\n{written}")))
                .with_variable("HW_CLOUD", "one.invalid");
            workspace.configure(EXAMPLE);
            let error = workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1).error_of(ADDRESS);
            assert!(error.contains(&format!("no connection to {host}")), "{error}");
        }
    });
}
