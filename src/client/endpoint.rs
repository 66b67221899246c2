//! Endpoints of services: the region's own address, or a configured one.

use std::net::IpAddr;

use reqwest::Url;

use super::config_error::ConfigError;

const EXAMPLE: &str = "an address such as https://dli.cn-north-4.myhuaweicloud.com";

/// Scheme, host and port. Paths start at the root.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
#[display("{}", url.as_str().trim_end_matches('/'))]
pub(super) struct Endpoint {
    url: Url,
    /// Reached without a proxy, which could not reach a service on this machine.
    direct: bool,
}

/// The domain of a service in a region. The European site has its own domain and only one region; the SDK gives its VPC
/// service an address in the domain of the other sites.
fn domain_of(service: &str, region: &str) -> &'static str {
    if region == "eu-west-101" && service != "vpc" { "myhuaweicloud.eu" } else { "myhuaweicloud.com" }
}

/// The region in the address that the cloud publishes for a region; `None` for any other address.
pub(super) fn region_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let (region, domain) = url.host_str()?.strip_prefix("dli.")?.split_once('.')?;
    (domain == domain_of("dli", region)).then(|| region.to_owned())
}

impl Endpoint {
    /// The address of `service` in a region. `cloud` replaces the site's domain. Only the identity service has an
    /// address without a region.
    pub(super) fn of(service: &str, region: Option<&str>, cloud: Option<&str>) -> Result<Self, ConfigError> {
        let is_label =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if let Some(region) = region.filter(|region| !is_label(region)) {
            return Err(ConfigError::Region { region: region.to_owned() });
        }
        let domain = cloud.unwrap_or_else(|| domain_of(service, region.unwrap_or_default()));
        let refused = || ConfigError::Cloud { cloud: domain.to_owned() };
        if !domain.split('.').all(is_label) || !domain.contains('.') {
            return Err(refused());
        }
        let region = region.map(|region| format!("{region}.")).unwrap_or_default();
        let url = Url::parse(&format!("https://{service}.{region}{domain}")).map_err(|_| refused())?;
        Ok(Self { url, direct: false })
    }

    /// The ECS metadata service. Its address is link-local, so it needs no TLS; its responses must not pass a proxy.
    pub(super) fn of_metadata() -> Self {
        let url = Url::parse("http://169.254.169.254").expect("a constant");
        Self { url, direct: true }
    }

    pub(super) fn direct(self) -> Self {
        Self { direct: true, ..self }
    }

    /// Parses the address of the identity service, which is often written with the API version.
    pub(super) fn parse_identity(text: &str) -> Result<Self, ConfigError> {
        let bare = text.trim_end_matches('/');
        Self::parse(bare.strip_suffix("/v3").unwrap_or(bare))
    }

    /// Parses a configured address. Plain HTTP is accepted for this machine only, because requests could be read and
    /// replayed on the way.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: &str| {
            // The part before an "@" may hold a password.
            let endpoint = text.rsplit_once('@').map_or(text, |(_, host)| host).to_owned();
            Err(ConfigError::Endpoint { endpoint, problem: problem.to_owned() })
        };
        let endpoint = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "https" | "http") => {
                let found = Self { url, direct: false };
                Self { direct: found.is_loopback(), ..found }
            }
            _ if !text.contains("://") => return refuse(&format!("is not {EXAMPLE}: it does not start with https://")),
            Ok(_) => return refuse(&format!("is not {EXAMPLE}: the scheme is neither https nor http")),
            Err(error) => return refuse(&format!("is not {EXAMPLE}: {error}")),
        };
        if !endpoint.url.username().is_empty() || endpoint.url.password().is_some() {
            return refuse("holds a user name or a password; requests are signed with the access key");
        }
        if endpoint.url.path() != "/" || endpoint.url.query().is_some() || endpoint.url.fragment().is_some() {
            return refuse("has more than a host and a port; paths are added by each call");
        }
        if endpoint.is_plain() && !endpoint.is_loopback() {
            return refuse("is not safe: http is allowed for this machine only (localhost, 127.0.0.1, ::1), use https");
        }
        Ok(endpoint)
    }

    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    pub(super) fn is_direct(&self) -> bool {
        self.direct
    }

    pub(super) fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The `Host` header, with the port unless it is the default of the scheme.
    pub(super) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Host and port, to connect to.
    pub(super) fn address(&self) -> (&str, u16) {
        let host = self.url.host_str().unwrap_or_default();
        (host.trim_start_matches('[').trim_end_matches(']'), self.url.port_or_known_default().unwrap_or_default())
    }

    /// The URL of a request; `None` if it would not be sent exactly as it is signed.
    ///
    /// An identifier of a user may make a segment empty, `.` or `..`; the request would reach another object.
    pub(super) fn join(&self, path: &str, query: &str) -> Option<Url> {
        if path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
            return None;
        }
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query((!query.is_empty()).then_some(query));
        (url.path() == path && url.query().unwrap_or_default() == query).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_their_published_endpoints() {
        for (region, address, host) in [
            ("cn-north-4", "https://dli.cn-north-4.myhuaweicloud.com", "dli.cn-north-4.myhuaweicloud.com"),
            ("eu-west-0", "https://dli.eu-west-0.myhuaweicloud.com", "dli.eu-west-0.myhuaweicloud.com"),
            ("eu-west-101", "https://dli.eu-west-101.myhuaweicloud.eu", "dli.eu-west-101.myhuaweicloud.eu"),
        ] {
            let endpoint = Endpoint::of("dli", Some(region), None).expect("a region");
            assert_eq!((endpoint.to_string().as_str(), endpoint.host().as_str()), (address, host));
            assert!(!endpoint.is_plain() && !endpoint.is_loopback() && !endpoint.is_direct());
        }
        let vpc = Endpoint::of("vpc", Some("eu-west-101"), None).expect("a region");
        assert_eq!(vpc.host(), "vpc.eu-west-101.myhuaweicloud.com");
        for bad in ["", "a.b", "a/b", "a@b", "a b", "cn:443", "größe"] {
            assert!(Endpoint::of("dli", Some(bad), None).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn region_is_read_from_published_addresses() {
        assert_eq!(region_of("https://dli.cn-north-4.myhuaweicloud.com").as_deref(), Some("cn-north-4"));
        assert_eq!(region_of("https://dli.eu-west-101.myhuaweicloud.eu:443/").as_deref(), Some("eu-west-101"));
        for other in ["", "http://localhost:1", "https://dli.cn-north-4.example.com", "https://a.b.myhuaweicloud.com"] {
            assert_eq!(region_of(other), None, "{other}");
        }
    }

    #[test]
    fn cloud_replaces_the_domain() {
        let of =
            |service, region, cloud| Endpoint::of(service, region, Some(cloud)).map(|endpoint| endpoint.to_string());
        assert_eq!(of("dli", Some("r-1"), "cloud.example").expect("a cloud"), "https://dli.r-1.cloud.example");
        assert_eq!(of("iam", None, "cloud.example").expect("a cloud"), "https://iam.cloud.example");
        assert_eq!(Endpoint::of("iam", None, None).expect("the site's").to_string(), "https://iam.myhuaweicloud.com");
        for bad in ["", "cloud", "evil.com/", "a..b", "a@b.c", "a.b:443", ".a.b", "a.b."] {
            let error = of("dli", Some("r-1"), bad).expect_err(bad).to_string();
            assert_eq!(error, format!("the cloud {bad:?} is not a domain such as myhuaweicloud.com"));
        }
    }

    #[test]
    fn identity_endpoint_may_end_with_a_version() {
        for text in ["https://iam.example/v3", "https://iam.example/v3/", "https://iam.example", "https://iam.example/"]
        {
            let endpoint = Endpoint::parse_identity(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(endpoint.to_string(), "https://iam.example");
        }
        assert!(Endpoint::parse_identity("https://iam.example/v2.0").is_err());
    }

    #[test]
    fn safe_endpoints_are_accepted() {
        for (text, host) in [
            ("https://dli.example.com", "dli.example.com"),
            ("https://dli.example.com/", "dli.example.com"),
            ("https://dli.example.com:443", "dli.example.com"),
            ("https://dli.example.com:8443/", "dli.example.com:8443"),
            ("https://192.0.2.1", "192.0.2.1"),
            ("http://localhost:8080", "localhost:8080"),
            ("http://LOCALHOST:80", "localhost"),
            ("http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("http://127.255.0.9", "127.255.0.9"),
            ("http://[::1]:9000", "[::1]:9000"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap_or_else(|error| panic!("{error}")).host(), host, "{text}");
        }
    }

    #[test]
    fn unsafe_and_malformed_endpoints_are_rejected() {
        let base =
            "is not an address such as https://dli.cn-north-4.myhuaweicloud.com: it does not start with https://";
        let scheme =
            "is not an address such as https://dli.cn-north-4.myhuaweicloud.com: the scheme is neither https nor http";
        let host = "is not an address such as https://dli.cn-north-4.myhuaweicloud.com: empty host";
        let port = "is not an address such as https://dli.cn-north-4.myhuaweicloud.com: invalid port number";
        let plain = "is not safe: http is allowed for this machine only (localhost, 127.0.0.1, ::1), use https";
        let more = "has more than a host and a port; paths are added by each call";
        let user = "holds a user name or a password; requests are signed with the access key";
        for (text, shown, problem) in [
            ("", "", base),
            ("dli.example.com", "dli.example.com", base),
            ("localhost:8080", "localhost:8080", base),
            ("ftp://localhost", "ftp://localhost", scheme),
            ("https://", "https://", host),
            ("https://h:99999", "https://h:99999", port),
            ("http://dli.example.com", "http://dli.example.com", plain),
            ("http://10.0.0.1", "http://10.0.0.1", plain),
            ("http://0.0.0.0:80", "http://0.0.0.0:80", plain),
            ("http://localhost.example.com", "http://localhost.example.com", plain),
            ("http://127.0.0.1.example.com", "http://127.0.0.1.example.com", plain),
            ("http://[::2]", "http://[::2]", plain),
            ("https://me:hunter2@h", "h", user),
            ("http://127.0.0.1@example.com", "example.com", user),
            ("https://h/v2.0", "https://h/v2.0", more),
            ("https://h/?a=b", "https://h/?a=b", more),
            ("https://h#a", "https://h#a", more),
        ] {
            let error = Endpoint::parse(text).expect_err(text).to_string();
            assert_eq!(error, format!("the endpoint {shown:?} {problem}"));
        }
    }

    #[test]
    fn path_segments_cannot_be_empty_or_dots() {
        let endpoint = Endpoint::parse("https://h:8443").expect("an address");
        let sent = |path, query| endpoint.join(path, query).map(|url| url.to_string());
        assert_eq!(sent("/v2.0/p/a%20b", "").as_deref(), Some("https://h:8443/v2.0/p/a%20b"));
        assert_eq!(sent("/a", "x=%20%2B&y=").as_deref(), Some("https://h:8443/a?x=%20%2B&y="));
        for path in ["/v2.0/p/", "/v2.0//c", "/v2.0/p/..", "/v2.0/../c", "/v2.0/./c", "/v2.0/%2e%2E/c", "/a b", "/a?b"]
        {
            assert_eq!(sent(path, ""), None, "{path}");
        }
    }
}
