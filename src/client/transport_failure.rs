//! Classification of transport failures by the sources of the HTTP client's errors.

use std::{error::Error as StdError, io};

use tokio_rustls::rustls;

use super::trusted_certificate;
use crate::dli::error_catalog::TransportFailure;

/// Why no connection came about.
pub(super) fn of_connect(source: &reqwest::Error) -> TransportFailure {
    // Proxy errors have no public type. They may wrap a failed connection to the proxy, so they come first.
    if causes(source).any(|cause| cause.to_string().starts_with("tunnel error")) {
        return TransportFailure::Proxy;
    }
    if causes(source).any(|cause| cause.to_string().starts_with("dns error")) {
        return TransportFailure::Unresolved;
    }
    if let Some(error) = causes(source).find_map(of_tls) {
        return match error {
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                TransportFailure::UntrustedCertificate
            }
            _ => TransportFailure::TlsFailed,
        };
    }
    if source.is_timeout() {
        return TransportFailure::ConnectTimeout;
    }
    match causes(source).filter_map(|cause| cause.downcast_ref()).map(kind).last() {
        Some(io::ErrorKind::ConnectionRefused) => TransportFailure::Refused,
        Some(io::ErrorKind::TimedOut) => TransportFailure::ConnectTimeout,
        // The peer closed the connection before the TLS handshake.
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => TransportFailure::TlsFailed,
        _ => TransportFailure::Unreachable,
    }
}

/// The TLS error. An I/O error does not list the error that it wraps as its source.
fn of_tls<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = || cause.downcast_ref::<io::Error>()?.get_ref();
    cause.downcast_ref().or_else(|| of_tls(wrapped()?))
}

/// The kind of the innermost I/O error.
fn kind(error: &io::Error) -> io::ErrorKind {
    error.get_ref().and_then(|inner| inner.downcast_ref()).map_or(error.kind(), kind)
}

/// The innermost cause, such as "connection refused", without the number that the operating system gives it.
pub(super) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    if let Some(error) = causes(error).find_map(of_tls) {
        return trusted_certificate::describe(error);
    }
    let cause = causes(error).last().unwrap_or(error).to_string();
    cause.split(" (os error").next().unwrap_or_default().to_owned()
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |error: &&'a (dyn StdError + 'static)| (*error).source())
}
