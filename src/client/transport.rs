//! The HTTP client: what is trusted, what is waited for, and what is never done (redirects, hidden retries).

use std::{fs, path::Path};

use reqwest::{Certificate, redirect, retry, tls};
use tokio::sync::OnceCell;
use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::config::{ConfigError, Timeouts};

/// What the HTTP client is made of.
pub(super) struct Settings {
    /// Trusted beside the system's.
    pub(super) roots: Vec<Certificate>,
    /// Accept any certificate.
    pub(super) insecure: bool,
    pub(super) timeouts: Timeouts,
    pub(super) user_agent: String,
    /// The one endpoint is on this machine, where a proxy for the world outside does not reach.
    pub(super) loopback: bool,
    /// The one endpoint has no TLS.
    pub(super) plain: bool,
}

/// The HTTP client, made at the first call: reading the system's certificates takes milliseconds, and Terraform starts
/// several processes for each run that never make a call.
pub(super) struct Transport {
    settings: Settings,
    client: OnceCell<reqwest::Client>,
}

impl Transport {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, client: OnceCell::new() }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        self.settings.timeouts
    }

    /// Fails where the system has no certificates to trust.
    pub(super) async fn client(&self) -> Result<&reqwest::Client, reqwest::Error> {
        self.client.get_or_try_init(async || build(&self.settings)).await
    }
}

fn build(settings: &Settings) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.timeouts.connect)
        .timeout(settings.timeouts.request)
        // A redirected request would be signed for another host, and would hand its token to it.
        .redirect(redirect::Policy::none())
        // A repetition must be signed anew, so it cannot be made down here.
        .retry(retry::never())
        .https_only(!settings.plain)
        .tls_version_min(tls::Version::TLS_1_2);
    let builder = if settings.loopback { builder.no_proxy() } else { builder };
    if settings.plain {
        // No TLS, so nobody to trust: a machine without certificates can try the emulator.
        return builder.tls_certs_only([]).build();
    }
    builder.tls_certs_merge(settings.roots.clone()).tls_danger_accept_invalid_certs(settings.insecure).build()
}

/// The certificates of a PEM file, each of them read to its end, so that a fault is told here and not by the first
/// handshake.
pub(super) fn read_roots(path: &Path) -> Result<Vec<Certificate>, ConfigError> {
    let refuse = |problem: String| ConfigError::Certificate { path: path.to_owned(), problem };
    let pem = fs::read(path).map_err(|source| ConfigError::CertificateFile { path: path.to_owned(), source })?;
    let roots = CertificateDer::pem_slice_iter(&pem)
        .enumerate()
        .map(|(index, certificate)| {
            let number = index + 1;
            let certificate =
                certificate.map_err(|error| refuse(format!("is not PEM at certificate {number}: {error}")))?;
            let unreadable = |error: &dyn std::error::Error| {
                refuse(format!("holds at place {number} what is not a certificate: {error}"))
            };
            RootCertStore::empty().add(certificate.clone()).map_err(|error| unreadable(&error))?;
            Certificate::from_der(&certificate).map_err(|error| unreadable(&error))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if roots.is_empty() {
        return Err(refuse("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(roots)
}
