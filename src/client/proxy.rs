//! The proxy for requests to other machines.

use reqwest::{NoProxy, Url};
use secrecy::{ExposeSecret, SecretString};

use super::config_error::ConfigError;

/// A configured proxy. The address may contain a password.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SecretString,
    bypass: String,
}

impl Proxy {
    /// Parses `http://[USER:PASSWORD@]HOST[:PORT]`; the scheme may be missing. `bypass` lists the hosts that are
    /// reached without the proxy, as `NO_PROXY` does. The error does not show the text.
    pub fn parse(setting: &'static str, text: &str, bypass: &str) -> Result<Self, ConfigError> {
        let refuse = |problem| Err(ConfigError::Text { setting, problem });
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return refuse("contains white space");
        }
        if text.contains(['"', '\'']) {
            return refuse("contains a quotation mark");
        }
        let address = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let Ok(url) = Url::parse(&address) else { return refuse("is not an address such as http://HOST:PORT") };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("has a scheme other than http and https");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return refuse("has more than a user, a host and a port: http://HOST:PORT is expected");
        }
        Ok(Self { address: address.into(), bypass: bypass.to_owned() })
    }

    pub(super) fn build(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        let proxy = reqwest::Proxy::all(self.address.expose_secret())?;
        Ok(proxy.no_proxy(NoProxy::from_string(&self.bypass)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_http_proxies_are_accepted() {
        for text in ["http://proxy:3128", "https://me:p%40ss@proxy", "proxy:3128", "10.0.0.1:3128", "http://[::1]:1/"] {
            let proxy = Proxy::parse("HTTPS_PROXY", text, "").unwrap_or_else(|error| panic!("{text}: {error}"));
            proxy.build().unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        for text in [
            "\"http://proxy:3128\"",
            "'proxy'",
            "http//proxy:3128",
            "http:/proxy",
            "http://pro\nxy",
            "http://proxy:port",
            "socks5://proxy:1080",
            "http://canary@proxy/path",
            "http://",
            ":3128",
        ] {
            let error = Proxy::parse("HTTPS_PROXY", text, "").expect_err(text).to_string();
            assert!(error.starts_with("HTTPS_PROXY ") && !error.contains("canary"), "{error}");
        }
    }
}
