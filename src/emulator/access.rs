//! Protection from web pages in a browser on this machine: checks of the headers `Host`, `Origin` and `Sec-Fetch-Site`.
//!
//! The control API needs no signature, and the default keys are public. A hostile page could therefore send requests,
//! either across origins or, after DNS rebinding, under a host name of its own that resolves to this machine. A browser
//! always sends the host name that the page used, and a public DNS name is what rebinding needs: an IP address, a name
//! without a dot and `localhost` cannot be rebound.

use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method, request::Parts};
use std::net::IpAddr;

use super::settings::Settings;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    /// DLI and the other services, whose requests are signed.
    Service,
    /// The control API.
    Control,
    /// The page without data, to which other sites may link.
    Page,
}

/// Why a request is rejected.
#[derive(Debug, thiserror::Error)]
pub(super) enum AccessError {
    #[error(
        "the control API and the page need a loopback listen address or an allowed host name; start the emulator with \
         --allowed-host NAME and use that name"
    )]
    NotLoopback,
    #[error(
        "the host name {0:?} is not allowed, because a hostile web page could use it; start the emulator with \
         --allowed-host {0}"
    )]
    Host(String),
    #[error("a web page of another origin sent this request; the emulator accepts only those of its own page")]
    Origin,
}

/// Who may send requests.
#[derive(Debug, Clone)]
pub(super) struct AccessRules {
    allowed_hosts: Vec<String>,
    /// Whether only this machine can reach the emulator.
    is_loopback: bool,
}

impl AccessRules {
    pub(super) fn new(settings: &Settings, address: IpAddr) -> Self {
        let allowed_hosts = settings.allowed_hosts.iter().map(|host| normalized(host)).collect();
        Self { allowed_hosts, is_loopback: address.is_loopback() }
    }

    pub(super) fn check(&self, request: &Parts, area: Area) -> Result<(), AccessError> {
        let host = text(&request.headers, &HOST);
        self.check_host(host.map(host_name), area)?;
        let is_own = |origin: &str| {
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            authority.is_some_and(|authority| host.is_some_and(|host| host.eq_ignore_ascii_case(authority)))
        };
        let has_foreign_origin =
            request.headers.get_all(ORIGIN).iter().any(|origin| !origin.to_str().is_ok_and(is_own));
        if has_foreign_origin || !is_own_fetch(request, area) {
            return Err(AccessError::Origin);
        }
        Ok(())
    }

    /// A request without a host name does not come from a browser.
    fn check_host(&self, host: Option<String>, area: Area) -> Result<(), AccessError> {
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let is_permitted = match area {
            _ if self.allowed_hosts.contains(&host) => true,
            Area::Service => !is_dns_name(&host),
            Area::Control | Area::Page if !self.is_loopback => return Err(AccessError::NotLoopback),
            Area::Control | Area::Page => is_loopback_name(&host),
        };
        if is_permitted { Ok(()) } else { Err(AccessError::Host(host)) }
    }
}

/// Whether the browser says that the request comes from the emulator's page or from the user. Other clients do not
/// send the header. Sites of the same host with another port are `same-site`.
fn is_own_fetch(request: &Parts, area: Area) -> bool {
    let is_navigation = || {
        area == Area::Page && request.method == Method::GET && text(&request.headers, &FETCH_MODE) == Some("navigate")
    };
    match request.headers.get(FETCH_SITE).map(|site| site.to_str()) {
        None | Some(Ok("same-origin" | "none")) => true,
        Some(_) => is_navigation(),
    }
}

/// The value of a header; an empty one if it is not text.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// The host name of a `Host` header, without the port.
fn host_name(host: &str) -> String {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    normalized(name)
}

fn normalized(name: &str) -> String {
    name.trim_end_matches('.').trim_matches(['[', ']']).to_ascii_lowercase()
}

fn is_loopback_name(host: &str) -> bool {
    is_localhost(host) || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// Whether DNS can resolve the name, so that its owner decides about the address.
fn is_dns_name(host: &str) -> bool {
    host.contains('.') && !is_localhost(host) && host.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check(listen: &str, area: Area, headers: &[(&str, &str)]) -> Result<(), AccessError> {
        let settings = Settings { allowed_hosts: vec!["Dli.Example.com".to_owned()], ..Settings::default() };
        let request = headers.iter().fold(Request::get("/"), |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        AccessRules::new(&settings, listen.parse().expect("an address")).check(&parts, area)
    }

    #[test]
    fn host_name_decides() {
        use Area::{Control, Service};
        // Each host with whether the service and the control API accept it, on a loopback address and on all.
        for (host, on_loopback, on_all) in [
            ("127.0.0.1:7080", [true, true], [true, false]),
            ("localhost:7080", [true, true], [true, false]),
            ("LOCALHOST.", [true, true], [true, false]),
            ("dli.localhost", [true, true], [true, false]),
            ("[::1]:7080", [true, true], [true, false]),
            ("127.9.9.9", [true, true], [true, false]),
            ("192.168.0.9:7080", [true, false], [true, false]),
            ("dli-emulator:7080", [true, false], [true, false]),
            ("dli.example.com:7080", [true, true], [true, true]),
            ("DLI.example.com.", [true, true], [true, true]),
            ("evil.example.com:7080", [false, false], [false, false]),
            ("127.0.0.1.evil.com", [false, false], [false, false]),
            ("localhost.evil.com", [false, false], [false, false]),
            ("evil.com:7080@localhost", [false, false], [false, false]),
            ("", [true, false], [true, false]),
        ] {
            let found = |listen| [Service, Control].map(|area| check(listen, area, &[("host", host)]).is_ok());
            assert_eq!((found("127.0.0.1"), found("0.0.0.0")), (on_loopback, on_all), "{host}");
        }
        assert!(check("127.0.0.1", Control, &[]).is_ok() && check("0.0.0.0", Control, &[]).is_err());
    }

    #[test]
    fn foreign_origin_is_rejected() {
        let own = [("host", "localhost:7080"), ("origin", "http://localhost:7080"), ("sec-fetch-site", "same-origin")];
        let with = |index: usize, value| {
            let mut headers = own;
            headers[index].1 = value;
            headers
        };
        for area in [Area::Service, Area::Control, Area::Page] {
            assert!(check("127.0.0.1", area, &own).is_ok());
            assert!(check("127.0.0.1", area, &with(2, "none")).is_ok());
            for origin in ["http://localhost:3000", "https://evil.com", "null", "", "http://127.0.0.1:7080"] {
                assert!(check("127.0.0.1", area, &with(1, origin)).is_err(), "{origin}");
            }
            for site in ["cross-site", "same-site", "new"] {
                assert!(check("127.0.0.1", area, &with(2, site)).is_err(), "{site}");
            }
        }
        let link = [("host", "localhost"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        let allowed = [Area::Service, Area::Control, Area::Page].map(|area| check("127.0.0.1", area, &link).is_ok());
        assert_eq!(allowed, [false, false, true]);
    }
}
