//! The client's side of go-plugin: starts the real program, reads its line, connects.

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

/// Longer than anything takes on a machine that is busy with other things; a test that fails waits this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// A certificate and its key, made as go-plugin's `generateCert` does: P-521, self-signed, a CA, for `localhost`.
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

/// What the client shows to prove itself.
#[derive(Clone, Copy)]
pub(super) enum Proof<'a> {
    /// A certificate, signed for with its key.
    Own(&'a Certificate),
    /// The first certificate, signed for with the key of the second.
    Stolen(&'a Certificate, &'a Certificate),
    /// TLS without a certificate.
    Nothing,
    /// No TLS.
    Plaintext,
}

/// The program and what is heard of it.
pub(super) struct Plugin {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    /// The directory for temporary files, all its own.
    pub(super) temp: TempDir,
}

/// The program with nothing in its environment but a directory for temporary files.
pub(super) fn program(temp: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_terraform-provider-dli"));
    command.env_clear().env("TMPDIR", temp);
    command
}

impl Plugin {
    /// Starts it as Terraform would, with `extra` in the environment.
    pub(super) fn launch(certificate: Option<&Certificate>, extra: &[(&str, &str)]) -> Self {
        Self::start(|command| {
            command.envs([COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5,6")]);
            command.envs([("PLUGIN_MIN_PORT", "10000"), ("PLUGIN_MAX_PORT", "25000")]);
            command.envs(certificate.map(|certificate| ("PLUGIN_CLIENT_CERT", &certificate.pem)));
            command.envs(extra.iter().copied());
        })
    }

    /// Starts it with what `prepare` adds.
    pub(super) fn start(prepare: impl FnOnce(&mut Command)) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let mut command = program(temp.path());
        prepare(&mut command);
        Self::spawn(command, temp)
    }

    /// Starts `command` and listens.
    pub(super) fn spawn(mut command: Command, temp: TempDir) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (sender, stdout) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut output = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).expect("stderr is UTF-8");
            text
        });
        Self { child, stdout, stderr: Some(stderr), temp }
    }

    /// The process's number.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line on stdout.
    pub(super) fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line on stdout")
    }

    /// Sends a signal by name.
    pub(super) fn signal(&self, name: &str) {
        // The shell has it built in; the program of that name is not everywhere.
        let status = Command::new("sh").args(["-c", &format!("kill -s {name} {}", self.pid())]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until every holder of stdout is gone, at most `bound`, and asserts that nothing more was written there.
    pub(super) fn silent_end(&self, bound: Duration) {
        let heard = self.stdout.recv_timeout(bound);
        assert_eq!(heard, Err(mpsc::RecvTimeoutError::Disconnected), "stdout at its end within {bound:?}");
    }

    /// Waits for the end, at most `bound`: how it ended, and all of stderr.
    pub(super) fn end(mut self, bound: Duration) -> (ExitStatus, String) {
        self.silent_end(bound);
        let status = self.child.wait().unwrap();
        (status, self.stderr.take().unwrap().join().unwrap())
    }

    /// Ends the process, whatever it does: all of stderr.
    pub(super) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.stderr.take().unwrap().join().unwrap()
    }

    /// How many files and directories it has left in its directory for temporary files.
    pub(super) fn traces(&self) -> usize {
        self.temp.path().read_dir().unwrap().count()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // Both fail where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The handshake line, taken apart as the client does.
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

    /// A channel to the plugin. With TLS 1.3 a client learns of its refusal only when it reads, so this may succeed where
    /// no call will.
    pub(super) async fn channel(&self, proof: Proof<'_>) -> Result<Channel, tonic::transport::Error> {
        let socket = self.socket().to_owned();
        let tls = match proof {
            Proof::Plaintext => None,
            _ => Some(TlsConnector::from(Arc::new(self.tls(proof)))),
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

    /// go-plugin's settings: the one root is the certificate in the line, the name is `localhost`.
    fn tls(&self, proof: Proof<'_>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let server = BASE64_STANDARD_NO_PAD.decode(&self.fields[5]).expect("base64 without padding");
        roots.add(CertificateDer::from(server)).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match proof {
            Proof::Own(own) => config.with_client_auth_cert(vec![own.der.clone()], own.key()).unwrap(),
            Proof::Stolen(shown, own) => {
                let key = aws_lc_rs::sign::any_supported_type(&own.key()).unwrap();
                let pair = Arc::new(CertifiedKey::new(vec![shown.der.clone()], key));
                config.with_client_cert_resolver(Arc::new(Shown(pair)))
            }
            Proof::Nothing | Proof::Plaintext => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    /// Asks for the schema: `Ok` if it was answered, or else where it failed.
    pub(super) async fn ask(&self, proof: Proof<'_>) -> Result<(), String> {
        let channel = timeout(PATIENCE, self.channel(proof)).await.expect("an outcome in time");
        let mut provider = ProviderClient::new(channel.map_err(|error| error.to_string())?);
        let answer = timeout(PATIENCE, provider.get_provider_schema(get_provider_schema::Request {}));
        let answer = answer.await.expect("an outcome in time").map_err(|status| status.to_string())?;
        assert!(answer.into_inner().provider.expect("a provider schema").block.is_some());
        Ok(())
    }
}

/// A resolver that does not compare certificate and key, as rustls' own does.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

trait IoStream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> IoStream for T {}
