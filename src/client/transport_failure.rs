//! Classification of transport failures by the sources of the HTTP client's errors.

use std::{error::Error as StdError, io};

use tokio_rustls::rustls;

use super::error::Error;
use crate::dli::error_catalog::TransportFailure;

impl Error {
    /// The transport failure; `None` if the service responded or nothing was to be sent.
    #[must_use]
    pub fn transport_failure(&self) -> Option<TransportFailure> {
        match self {
            Self::Configuration(_) | Self::Request { .. } | Self::Api(_) => None,
            Self::Identity(error) => error.transport_failure(),
            Self::Repeated { last, .. } => last.transport_failure(),
            Self::QueuedTooLong { .. } => Some(TransportFailure::QueuedTooLong),
            Self::Connect { source, .. } => Some(of_connect(source)),
            Self::Lost { .. } => Some(TransportFailure::Lost),
            Self::Timeout { .. } => Some(TransportFailure::Timeout),
            Self::Interrupted { .. } => Some(TransportFailure::TruncatedResponse),
            Self::TooLarge { .. } | Self::Undecodable { .. } => Some(TransportFailure::UnexpectedResponse),
        }
    }

    /// The innermost cause: "connection refused".
    #[must_use]
    pub fn root_cause(&self) -> Option<String> {
        causes(self).last().map(ToString::to_string)
    }
}

fn of_connect(source: &reqwest::Error) -> TransportFailure {
    // The proxy's own errors have no public type; a connection to it may fail like any other, beneath them.
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

/// The kind of the innermost one.
fn kind(error: &io::Error) -> io::ErrorKind {
    error.get_ref().and_then(|inner| inner.downcast_ref()).map_or(error.kind(), kind)
}

/// The chain of sources.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |error: &&'a (dyn StdError + 'static)| (*error).source())
}
