//! A client like go-plugin's: starts the program, reads the handshake line and connects.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use terraform_provider_dli::protocol::tfplugin6::get_provider_schema;
use terraform_provider_dli::protocol::tfplugin6::provider_client::ProviderClient;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tonic::transport::{Channel, Endpoint};

/// The time limit of each step, long enough for a busy machine.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// A certificate and key as from go-plugin's `generateCert`: self-signed CA with P-521 for `localhost`.
pub(super) struct Certificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) pem: String,
    key: KeyPair,
}

impl Certificate {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.distinguished_name.push(DnType::OrganizationName, "HashiCorp");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyAgreement,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

/// How the client authenticates.
#[derive(Clone, Copy)]
pub(super) enum ClientIdentity<'a> {
    /// A certificate with its key.
    Own(&'a Certificate),
    /// The first certificate with the key of the second.
    WrongKey(&'a Certificate, &'a Certificate),
    /// TLS without a certificate.
    Nothing,
    /// No TLS.
    Plaintext,
}

/// A running program and its output.
pub(super) struct Plugin {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    /// Its own directory for temporary files.
    pub(super) temp: TempDir,
}

/// The program with an empty environment except `TMPDIR`.
pub(super) fn program(temp: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_terraform-provider-dli"));
    command.env_clear().env("TMPDIR", temp);
    command
}

impl Plugin {
    /// Starts it as Terraform does, with `extra` in the environment.
    pub(super) fn launch(certificate: Option<&Certificate>, extra: &[(&str, &str)]) -> Self {
        Self::start(|command| {
            command.envs([COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5,6")]);
            command.envs([("PLUGIN_MIN_PORT", "10000"), ("PLUGIN_MAX_PORT", "25000")]);
            command.envs(certificate.map(|certificate| ("PLUGIN_CLIENT_CERT", &certificate.pem)));
            command.envs(extra.iter().copied());
        })
    }

    /// Starts it with the changes of `prepare`.
    pub(super) fn start(prepare: impl FnOnce(&mut Command)) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let mut command = program(temp.path());
        prepare(&mut command);
        Self::spawn(command, temp)
    }

    /// Starts `command` and reads its output.
    pub(super) fn spawn(mut command: Command, temp: TempDir) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a started program");
        let (sender, stdout) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut output = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).expect("UTF-8 on standard error");
            text
        });
        Self { child, stdout, stderr: Some(stderr), temp }
    }

    /// The process ID.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line on stdout.
    pub(super) fn line(&self) -> String {
        self.stdout.recv_timeout(TIMEOUT).expect("a line on stdout")
    }

    /// Sends a signal by name.
    pub(super) fn signal(&self, name: &str) {
        // Not every system has a `kill` program, but every shell has it built in.
        let status = Command::new("sh").args(["-c", &format!("kill -s {name} {}", self.pid())]).status().unwrap();
        assert!(status.success());
    }

    /// Requires that stdout closes within `bound` without more output.
    pub(super) fn expect_stdout_closed(&self, bound: Duration) {
        let line = self.stdout.recv_timeout(bound);
        assert_eq!(line, Err(mpsc::RecvTimeoutError::Disconnected), "stdout at its end within {bound:?}");
    }

    /// Waits at most `bound` for the exit. Returns the status and standard error.
    pub(super) fn wait_exit(mut self, bound: Duration) -> (ExitStatus, String) {
        self.expect_stdout_closed(bound);
        let status = self.child.wait().unwrap();
        (status, self.stderr.take().unwrap().join().unwrap())
    }

    /// Kills the process. Returns standard error.
    pub(super) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.stderr.take().unwrap().join().unwrap()
    }

    /// The number of entries in its directory for temporary files.
    pub(super) fn leftover_files(&self) -> usize {
        self.temp.path().read_dir().unwrap().count()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // Both fail if the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The parsed handshake line.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) fields: Vec<String>,
}

impl Handshake {
    pub(super) fn of(plugin: &Plugin) -> Self {
        Self { fields: plugin.line().split('|').map(str::to_owned).collect() }
    }

    pub(super) fn socket(&self) -> &Path {
        Path::new(&self.fields[3])
    }

    /// Connects to the plugin.
    ///
    /// With TLS 1.3, a rejected client gets an error only when it reads, so this can succeed where every call fails.
    pub(super) async fn channel(&self, identity: ClientIdentity<'_>) -> Result<Channel, tonic::transport::Error> {
        let socket = self.socket().to_owned();
        let tls = match identity {
            ClientIdentity::Plaintext => None,
            _ => Some(TlsConnector::from(Arc::new(self.tls(identity)))),
        };
        Endpoint::from_static("http://localhost")
            .connect_with_connector(tower::service_fn(move |_| {
                let (socket, tls) = (socket.clone(), tls.clone());
                async move {
                    let stream = UnixStream::connect(socket).await?;
                    let Some(tls) = tls else {
                        return Ok::<_, std::io::Error>(TokioIo::new(Box::new(stream) as Box<dyn IoStream>));
                    };
                    let stream = tls.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
                    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
                    Ok(TokioIo::new(Box::new(stream) as Box<dyn IoStream>))
                }
            }))
            .await
    }

    /// go-plugin's TLS settings: the only root is the certificate in the handshake line, and the name is `localhost`.
    fn tls(&self, identity: ClientIdentity<'_>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let server = BASE64_STANDARD_NO_PAD.decode(&self.fields[5]).expect("base64 without padding");
        roots.add(CertificateDer::from(server)).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            ClientIdentity::Own(own) => config.with_client_auth_cert(vec![own.der.clone()], own.key()).unwrap(),
            ClientIdentity::WrongKey(shown, own) => {
                let key = aws_lc_rs::sign::any_supported_type(&own.key()).unwrap();
                let pair = Arc::new(CertifiedKey::new(vec![shown.der.clone()], key));
                config.with_client_cert_resolver(Arc::new(FixedCertificate(pair)))
            }
            ClientIdentity::Nothing | ClientIdentity::Plaintext => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    /// Requests the schema.
    pub(super) async fn request_schema(&self, identity: ClientIdentity<'_>) -> Result<(), String> {
        let channel = timeout(TIMEOUT, self.channel(identity)).await.expect("a response in time");
        let mut provider = ProviderClient::new(channel.map_err(|error| error.to_string())?);
        let response = timeout(TIMEOUT, provider.get_provider_schema(get_provider_schema::Request {}));
        let response = response.await.expect("a response in time").map_err(|status| status.to_string())?;
        assert!(response.into_inner().provider.expect("a provider schema").block.is_some());
        Ok(())
    }
}

/// A resolver that does not check that certificate and key match, unlike rustls' own.
#[derive(Debug)]
struct FixedCertificate(Arc<CertifiedKey>);

impl ResolvesClientCert for FixedCertificate {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

trait IoStream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> IoStream for T {}
