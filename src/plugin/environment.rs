//! The environment that a go-plugin client starts the plugin with. Pure: the environment is an argument.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use tokio_rustls::rustls::pki_types::CertificateDer;

use super::tls::{self, TlsError};

/// The plugin protocol version of this server.
pub const PROTOCOL: u32 = 6;

/// The magic cookie of Terraform and OpenTofu. It is not a secret; it shows that a client, not a user, started the
/// plugin.
const COOKIE_NAME: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// The settings that the client passes in the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginEnv {
    /// The client's certificate, PEM; `None` means plaintext (`TF_DISABLE_PLUGIN_TLS`).
    pub client_certificate: Option<String>,
    /// Offered protocol versions as sent: numbers separated by commas, in any order. Old clients send none.
    pub protocol_versions: String,
    /// Port range for a TCP listener; `None` means any port.
    pub ports: Option<RangeInclusive<u16>>,
    /// Directory for the socket; `None` means the system's temporary directory.
    pub socket_dir: Option<PathBuf>,
    /// Name or number of the group that may connect.
    pub socket_group: Option<String>,
    /// Whether the client offers multiplexing and waits for the plugin's answer in the handshake.
    pub multiplex: bool,
}

impl PluginEnv {
    /// Parses the client's certificate. An invalid certificate is an error, because `None` means plaintext.
    pub fn certificate(&self) -> Result<Option<CertificateDer<'static>>, TlsError> {
        self.client_certificate.as_deref().map(tls::certificate).transpose()
    }

    /// Returns whether the client offers protocol 6.
    ///
    /// The handshake line is written in any case: the client then reports the version mismatch itself. Exiting would
    /// only make it print "plugin exited before we could connect".
    pub fn offers_protocol_6(&self) -> bool {
        self.protocol_versions.is_empty()
            || self.protocol_versions.split(',').any(|version| version.trim().parse() == Ok(PROTOCOL))
    }
}

/// The process was not started by Terraform or OpenTofu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLaunched {
    /// The cookie is missing: the usual start by hand.
    #[error("{COOKIE_NAME} is not set")]
    NoCookie,
    /// The cookie is that of another go-plugin program.
    #[error("{COOKIE_NAME} is not the one of Terraform and OpenTofu")]
    WrongCookie,
}

/// Reads the variables of go-plugin. `variable` returns the value of one; an empty value counts as unset.
pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<PluginEnv, NotLaunched> {
    let get = |name: &str| variable(name).filter(|value| !value.is_empty());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<PluginEnv, NotLaunched> {
        read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn cookie_is_required() {
        assert_eq!(with(&[]), Err(NotLaunched::NoCookie));
        assert_eq!(with(&[(COOKIE_NAME, "")]), Err(NotLaunched::NoCookie));
        assert_eq!(with(&[(COOKIE_NAME, &COOKIE[1..])]), Err(NotLaunched::WrongCookie));
        assert_eq!(with(&[(COOKIE_NAME, COOKIE)]), Ok(PluginEnv::default()));
    }

    #[test]
    fn all_variables_are_read() {
        let env = with(&[
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
        assert_eq!(env, Ok(expected));
    }

    #[test]
    fn order_of_protocol_versions_is_ignored() {
        let offers_protocol_6 = |protocol_versions: &str| {
            PluginEnv { protocol_versions: protocol_versions.to_owned(), ..PluginEnv::default() }.offers_protocol_6()
        };
        assert!(offers_protocol_6("5,6"));
        assert!(offers_protocol_6("6,5"));
        assert!(offers_protocol_6(""));
        assert!(!offers_protocol_6("5"));
        assert!(!offers_protocol_6("5,66"));
    }
}
