//! What a client says through the environment, and the one line that answers it. Pure: the environment is an argument.
//!
//! The cookie is no secret. It tells a start by a client from a start by hand, where a line of machine text would only
//! puzzle; what proves the client is its certificate.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use tokio_rustls::rustls::pki_types::CertificateDer;

use super::listener::Address;
use super::tls::{self, TlsError};

/// The version of go-plugin's own handshake.
const CORE: u32 = 1;

/// The plugin protocol spoken here.
pub const PROTOCOL: u32 = 6;

/// Fixed by Terraform, shared by OpenTofu.
const COOKIE_NAME: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// What the client asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginEnv {
    /// The client's certificate, PEM. None: the client speaks plain text (`TF_DISABLE_PLUGIN_TLS`).
    pub client_certificate: Option<String>,
    /// The protocol versions on offer, as sent: numbers with commas, in no order. Empty: a client too old to say.
    pub protocol_versions: String,
    /// Ports for a TCP listener. None: any.
    pub ports: Option<RangeInclusive<u16>>,
    /// Where the client wants the socket. None: the system's directory for temporary files.
    pub socket_dir: Option<PathBuf>,
    /// The group that shall be able to connect, by name or number.
    pub socket_group: Option<String>,
    /// The client asks whether one connection can carry several; it waits for an answer.
    pub multiplex: bool,
}

impl PluginEnv {
    /// The client's certificate, read. One that cannot be read is an error and never none, which would mean plain text.
    pub fn certificate(&self) -> Result<Option<CertificateDer<'static>>, TlsError> {
        self.client_certificate.as_deref().map(tls::certificate).transpose()
    }

    /// Whether protocol 6 is on offer.
    ///
    /// If not, the line is written all the same: the client compares the version in it with its own, says so in plain
    /// words and ends the process. A silent exit would only read "plugin exited before we could connect".
    pub fn offers_protocol_6(&self) -> bool {
        self.protocol_versions.is_empty()
            || self.protocol_versions.split(',').any(|version| version.trim().parse() == Ok(PROTOCOL))
    }
}

/// Why this is not a start by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLaunched {
    /// The usual start by hand.
    #[error("{COOKIE_NAME} is not set")]
    NoCookie,
    /// A go-plugin client of another program.
    #[error("{COOKIE_NAME} is not the one of Terraform and OpenTofu")]
    WrongCookie,
}

/// Reads a client's wishes from `environment`, which looks up one variable. A variable set to nothing is not set.
pub fn launch(environment: impl Fn(&str) -> Option<String>) -> Result<PluginEnv, NotLaunched> {
    let get = |name: &str| environment(name).filter(|value| !value.is_empty());
    match get(COOKIE_NAME).as_deref() {
        None => return Err(NotLaunched::NoCookie),
        Some(COOKIE) => {}
        Some(_) => return Err(NotLaunched::WrongCookie),
    }
    let port = |name: &str| get(name).and_then(|value| value.parse::<u16>().ok());
    Ok(PluginEnv {
        client_certificate: get("PLUGIN_CLIENT_CERT"),
        protocol_versions: get("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default(),
        ports: port("PLUGIN_MIN_PORT").zip(port("PLUGIN_MAX_PORT")).map(|(min, max)| min..=max),
        socket_dir: get("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from),
        socket_group: get("PLUGIN_UNIX_SOCKET_GROUP"),
        multiplex: get("PLUGIN_MULTIPLEX_GRPC").is_some(),
    })
}

/// The handshake line, without its newline: `CORE|APP|NETWORK|ADDRESS|PROTOCOL|CERTIFICATE[|MULTIPLEX]`.
///
/// `certificate` is this side's, DER; it is written without padding, which Go's decoder refuses. The last field is there
/// only when it was asked for: clients that never ask split into six and would take it for a part of the certificate.
pub(super) fn line(address: &Address, certificate: Option<&[u8]>, multiplex: bool) -> String {
    let certificate = certificate.map(|der| BASE64_STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    let Address { network, address } = address;
    let multiplex = if multiplex { "|false" } else { "" };
    format!("{CORE}|{PROTOCOL}|{network}|{address}|grpc|{certificate}{multiplex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<PluginEnv, NotLaunched> {
        launch(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn only_the_cookie_makes_a_launch() {
        assert_eq!(with(&[]), Err(NotLaunched::NoCookie));
        assert_eq!(with(&[(COOKIE_NAME, "")]), Err(NotLaunched::NoCookie));
        assert_eq!(with(&[(COOKIE_NAME, &COOKIE[1..])]), Err(NotLaunched::WrongCookie));
        assert_eq!(with(&[(COOKIE_NAME, COOKIE)]), Ok(PluginEnv::default()));
    }

    #[test]
    fn everything_a_client_may_say_is_heard() {
        let launch = with(&[
            (COOKIE_NAME, COOKIE),
            ("PLUGIN_PROTOCOL_VERSIONS", "6,5"),
            ("PLUGIN_MIN_PORT", "10000"),
            ("PLUGIN_MAX_PORT", "25000"),
            ("PLUGIN_CLIENT_CERT", "-----BEGIN"),
            ("PLUGIN_UNIX_SOCKET_DIR", "/run/plugins"),
            ("PLUGIN_UNIX_SOCKET_GROUP", "staff"),
            ("PLUGIN_MULTIPLEX_GRPC", "true"),
        ]);
        let expected = PluginEnv {
            client_certificate: Some("-----BEGIN".to_owned()),
            protocol_versions: "6,5".to_owned(),
            ports: Some(10000..=25000),
            socket_dir: Some(PathBuf::from("/run/plugins")),
            socket_group: Some("staff".to_owned()),
            multiplex: true,
        };
        assert_eq!(launch, Ok(expected));
    }

    #[test]
    fn versions_are_found_in_any_order() {
        let offers_protocol_6 = |protocol_versions: &str| {
            PluginEnv { protocol_versions: protocol_versions.to_owned(), ..PluginEnv::default() }.offers_protocol_6()
        };
        assert!(offers_protocol_6("5,6"));
        assert!(offers_protocol_6("6,5"));
        assert!(offers_protocol_6(""));
        assert!(!offers_protocol_6("5"));
        assert!(!offers_protocol_6("5,66"));
    }

    #[test]
    fn the_line_has_go_plugins_fields() {
        let address = Address { network: "unix", address: "/tmp/p/s".to_owned() };
        // RFC 4648, section 10: BASE64("foob") = "Zm9vYg==", here without the padding.
        assert_eq!(line(&address, Some(b"foob"), false), "1|6|unix|/tmp/p/s|grpc|Zm9vYg");
        assert_eq!(line(&address, None, false), "1|6|unix|/tmp/p/s|grpc|");
        assert_eq!(line(&address, None, true), "1|6|unix|/tmp/p/s|grpc||false");
        let address = Address { network: "tcp", address: "127.0.0.1:10001".to_owned() };
        assert_eq!(line(&address, None, false), "1|6|tcp|127.0.0.1:10001|grpc|");
    }
}
