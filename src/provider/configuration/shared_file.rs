//! The configuration file of `KooCLI`, the command line of Huawei Cloud: profiles with access keys.
//!
//! `KooCLI` encrypts the keys by default, and only `KooCLI` can decrypt them. `hcloud configure set
//! --cli-auth-encrypt=false` turns the encryption off.

use std::{fs, io, path::Path};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::client::{AccessKey, Agency, Credentials, CredentialsSource, NameOrId};
use crate::dli::{rules, wire::or_default};
use crate::framework::diagnostic::Diagnostic;

/// Path of the file in the home directory.
pub(crate) const DEFAULT: &str = ".hcloud/config.json";

/// Credentials, and what their file says about region, project and agency.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) credentials: Credentials,
    /// Whether the credentials come from a file.
    pub(crate) is_file: bool,
    pub(crate) region: Option<String>,
    /// The project in that region.
    pub(crate) project_id: Option<String>,
    /// An agency that the file names without its account.
    pub(crate) agency_without_domain: Option<String>,
    /// About a source that could not be used.
    pub(crate) warning: Option<Diagnostic>,
}

impl Resolved {
    /// Credentials that do not come from a file.
    pub(crate) fn new(source: CredentialsSource, origin: String) -> Self {
        let credentials = Credentials::new(source, origin);
        Self { credentials, is_file: false, region: None, project_id: None, agency_without_domain: None, warning: None }
    }
}

/// Why the file or profile cannot be used, as the end of a sentence that begins with the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("does not exist")]
    Missing,
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// The message of the parser is left out: it quotes the input, which may be a secret.
    #[error("is not the configuration of KooCLI (line {line}, column {column})")]
    Form { line: usize, column: usize },
    #[error("names no current profile")]
    NoCurrent,
    #[error("has no profile {name:?}; it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    NoProfile { name: String, known: Vec<String> },
    #[error("has no accessKeyId with a secretAccessKey in the profile {name:?} (mode {mode:?})")]
    NoKey { name: String, mode: String },
    #[error(
        "holds no readable access key in the profile {name:?}: KooCLI has encrypted it. It stops doing so with hcloud \
         configure set --cli-auth-encrypt=false"
    )]
    Encrypted { name: String },
}

impl Unusable {
    /// Whether the file exists, but is not what `KooCLI` writes.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Form { .. })
    }
}

/// The file. `KooCLI` is written in Go, where `null` means the default value.
#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    #[serde(deserialize_with = "or_default")]
    current: String,
    #[serde(deserialize_with = "or_default")]
    profiles: Vec<Option<Entry>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    mode: String,
    #[serde(flatten)]
    key: Key,
    region: Option<String>,
    project_id: Option<String>,
    agency_name: Option<String>,
    agency_domain_name: Option<String>,
    agency_domain_id: Option<String>,
    #[serde(deserialize_with = "or_default")]
    sso_auth: SsoAuth,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct SsoAuth {
    #[serde(deserialize_with = "or_default")]
    sts_token: Key,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Key {
    #[serde(rename = "accessKeyId", deserialize_with = "or_default")]
    id: String,
    #[serde(rename = "secretAccessKey")]
    secret: Option<SecretString>,
    security_token: Option<SecretString>,
}

/// Reads the profile of this name, else the current one.
pub(crate) fn read(path: &Path, profile: Option<&str>) -> Result<Resolved, Unusable> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unusable::Missing,
        _ => Unusable::Unreadable(error),
    })?;
    find(&text, profile, &path.display().to_string())
}

fn find(text: &str, profile: Option<&str>, path: &str) -> Result<Resolved, Unusable> {
    let file: Option<File> = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| Unusable::Form { line: error.line(), column: error.column() })?;
    let File { current, profiles } = file.unwrap_or_default();
    let profiles: Vec<_> = profiles.into_iter().flatten().collect();
    let name = profile.map_or(current, str::to_owned);
    if name.is_empty() {
        return Err(Unusable::NoCurrent);
    }
    let known = profiles.iter().map(|entry| entry.name.clone()).collect();
    let Some(entry) = profiles.into_iter().find(|entry| entry.name == name) else {
        return Err(Unusable::NoProfile { name, known });
    };
    let key = if entry.mode.eq_ignore_ascii_case("SSO") { entry.sso_auth.sts_token } else { entry.key };
    let is_set = |secret: &SecretString| !secret.expose_secret().is_empty();
    let (id, security_token) = (key.id, key.security_token.filter(is_set));
    let Some(secret) = key.secret.filter(is_set).filter(|_| !id.is_empty()) else {
        return Err(Unusable::NoKey { name, mode: entry.mode });
    };
    // An access key consists of letters and digits, an encrypted one does not.
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return Err(Unusable::Encrypted { name });
    }
    let non_empty = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let origin = format!("the profile {name:?} in {path}");
    let domain = non_empty(entry.agency_domain_id).map(NameOrId::Id);
    let domain = domain.or_else(|| non_empty(entry.agency_domain_name).map(NameOrId::Name));
    let (agency, agency_without_domain) = match (non_empty(entry.agency_name), domain) {
        (Some(name), Some(domain)) => (Some(Agency { name, domain, duration: None, origin: origin.clone() }), None),
        (half, _) => (None, half),
    };
    let source = CredentialsSource::Key(AccessKey { id, secret, security_token });
    Ok(Resolved {
        is_file: true,
        credentials: Credentials { agency, ..Credentials::new(source, origin) },
        region: non_empty(entry.region).map(|region| rules::normal_region(&region)),
        project_id: non_empty(entry.project_id),
        agency_without_domain,
        warning: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form that `KooCLI` writes, including fields that the provider ignores.
    const FILE: &str = r#"{
      "current": "work",
      "language": "en",
      "profiles": [
        {"name": "work", "mode": "AKSK", "accessKeyId": "AKWORK", "secretAccessKey": "canary-work",
         "securityToken": "", "xDomainId": "", "region": "cn-north-4", "projectId": "48cc", "domainId": "d1",
         "readTimeout": 10, "agencyName": "", "ssoAuth": {"stsToken": {}}},
        {"name": "sso", "mode": "SSO", "accessKeyId": "", "secretAccessKey": "", "ssoAuth": {"stsToken":
         {"accessKeyId": "AKSSO", "secretAccessKey": "canary-sso", "securityToken": "canary-token"}}},
        {"name": "agency", "mode": "AKSK", "accessKeyId": "AKAGENCY", "secretAccessKey": "canary-agency",
         "agencyName": "dli", "agencyDomainName": "acme"},
        {"name": "half", "mode": "AKSK", "accessKeyId": "AKAGENCY", "secretAccessKey": "canary-agency",
         "agencyName": "dli"},
        {"name": "encrypted", "mode": "AKSK", "accessKeyId": "q83v/+==", "secretAccessKey": "canary/+=="},
        {"name": "empty", "mode": "ecsAgency"}
      ]
    }"#;

    fn key(profile: Option<&str>) -> (String, String, Option<String>) {
        let found = find(FILE, profile, "FILE").expect("it is there");
        let CredentialsSource::Key(AccessKey { id, secret, security_token }) = found.credentials.source else {
            panic!("a key")
        };
        (id, secret.expose_secret().to_owned(), security_token.map(|token| token.expose_secret().to_owned()))
    }

    #[test]
    fn profile_is_found_by_name_or_as_current() {
        assert_eq!(key(None), ("AKWORK".into(), "canary-work".into(), None));
        assert_eq!(key(Some("sso")), ("AKSSO".into(), "canary-sso".into(), Some("canary-token".into())));
        let work = find(FILE, None, "FILE").expect("it is there");
        assert_eq!((work.region.as_deref(), work.project_id.as_deref()), (Some("cn-north-4"), Some("48cc")));
        assert_eq!(work.credentials.origin, "the profile \"work\" in FILE");
        assert_eq!(work.credentials.agency, None);
        let half = find(FILE, Some("half"), "FILE").expect("it is there");
        assert_eq!((half.agency_without_domain.as_deref(), half.credentials.agency), (Some("dli"), None));
        let nulls = FILE.replace("\"\"", "null").replace("{\"stsToken\": {}}", "null");
        let work = find(&nulls, None, "FILE").expect("it is there").credentials;
        assert!(
            matches!(work.source, CredentialsSource::Key(AccessKey { security_token: None, .. }))
                && work.agency.is_none()
        );
        let agency = find(FILE, Some("agency"), "FILE").expect("it is there").credentials.agency.expect("named");
        assert_eq!((agency.name.as_str(), agency.domain), ("dli", NameOrId::Name("acme".into())));
    }

    #[test]
    fn error_does_not_quote_the_file() {
        let rejection = |text: &str, profile| find(text, profile, "FILE").expect_err("unusable").to_string();
        assert_eq!(
            rejection(FILE, Some("other")),
            "has no profile \"other\"; it has work, sso, agency, half, encrypted, empty"
        );
        assert_eq!(
            rejection(FILE, Some("empty")),
            "has no accessKeyId with a secretAccessKey in the profile \"empty\" (mode \"ecsAgency\")"
        );
        assert!(rejection(FILE, Some("encrypted")).contains("--cli-auth-encrypt=false"));
        assert_eq!(rejection("{}", None), "names no current profile");
        assert_eq!(rejection("{}", Some("a")), "has no profile \"a\"; it has none");
        for nothing in ["null", r#"{"profiles": null}"#, r#"{"current": null, "profiles": [null]}"#] {
            assert_eq!(rejection(nothing, Some("a")), "has no profile \"a\"; it has none", "{nothing}");
        }
        for text in ["", "canary", r#"{"profiles": [{"name": "a", "accessKeyId": ["canary"]}]}"#] {
            let text = rejection(text, Some("a"));
            assert!(
                text.starts_with("is not the configuration of KooCLI (line ") && !text.contains("canary"),
                "{text}"
            );
        }
        let shown = format!("{:?}", find(FILE, Some("sso"), "FILE").expect("it is there"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
