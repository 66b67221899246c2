//! The identity service (IAM), version 3: tokens for passwords, temporary keys for agencies, project ids for names.
//!
//! The responses contain secrets and are never quoted. The requests are never logged.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::config_error::ConfigError;
use super::credentials::{
    AccessKey, AuthScheme, Cached, Credentials, CredentialsScope, CredentialsSource, NameOrId, PasswordCredentials,
    ResolvedCredentials, TokenScope, is_password_rejected, shared,
};
use super::endpoint::Endpoint;
use super::error::Error;
use super::project::Inner;
use super::request::{Dispatch, Request};
use super::response::Response;
use crate::dli::operation::Operation;

/// How long before expiry a token or an agency's key is renewed.
const RENEWAL_MARGIN: Duration = Duration::minutes(5);

/// A response with a temporary key, of IAM and of the metadata service.
#[derive(Deserialize)]
pub(super) struct TemporaryKey {
    credential: Credential,
}

#[derive(Deserialize)]
struct Credential {
    access: String,
    secret: SecretString,
    securitytoken: SecretString,
    /// If the time is missing or invalid, the key is used until the service rejects it.
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct NewToken {
    token: TokenDetails,
}

#[derive(Deserialize)]
struct TokenDetails {
    #[serde(default)]
    expires_at: Option<String>,
    /// The project that the token is scoped to.
    #[serde(default)]
    project: Option<ProjectEntry>,
}

#[derive(Deserialize)]
struct Projects {
    projects: Vec<ProjectEntry>,
}

#[derive(Deserialize)]
struct ProjectEntry {
    id: String,
    #[serde(default)]
    name: String,
}

impl Inner {
    /// Creates a token for a project or the account; also returns the id of its project. A rejected password is not
    /// sent again.
    pub(super) async fn log_in(
        &self,
        login: &PasswordCredentials,
        scope: CredentialsScope<'_>,
    ) -> Result<(Cached<Arc<ResolvedCredentials>>, Option<String>), Error> {
        let caller = self.credentials()?.base();
        let endpoint = self.identity_endpoint(scope.region, || format!("to log in as {caller}"))?;
        let request = Request::new(Operation::CreateToken, &[])
            // Omits the service catalog from the response.
            .query("nocatalog", "true")
            .body(&json!({"auth": login_body(login, scope.token_scope)}))
            .with_secret(&login.password);
        let response = self.exchange(&request, Dispatch::anonymous(&endpoint));
        let response = self.credentials_cache.password.with(response, is_password_rejected).await;
        let response = response.map_err(|error| error.by(&caller))?;
        let token = response.token.clone().ok_or_else(|| response.undecodable("it has no X-Subject-Token"))?;
        let NewToken { token: TokenDetails { expires_at, project } } = response.decode()?;
        let resolved = ResolvedCredentials::new(AuthScheme::Token(token), caller, read_time(expires_at), true);
        Ok((self.cached(resolved, RENEWAL_MARGIN), project.map(|project| project.id)))
    }

    pub(super) async fn assume(&self, region: Option<&str>) -> Result<Cached<Arc<ResolvedCredentials>>, Error> {
        let credentials = self.credentials()?;
        let agency = credentials.agency.as_ref().expect("called only with an agency");
        let endpoint = self.identity_endpoint(region, || format!("to assume the agency {:?}", agency.name))?;
        let mut role = json!({"agency_name": agency.name});
        match &agency.domain {
            NameOrId::Id(id) => role["domain_id"] = id.as_str().into(),
            NameOrId::Name(name) => role["domain_name"] = name.as_str().into(),
        }
        if let Some(duration) = agency.duration {
            role["duration_seconds"] = duration.as_secs().into();
        }
        let body = json!({"auth": {"identity": {"methods": ["assume_role"], "assume_role": role}}});
        let request = Request::new(Operation::AssumeAgency, &[]).body(&body);
        let scope = CredentialsScope { region, token_scope: &TokenScope::Domain, as_agency: false };
        let response = self.authenticated(&request, &endpoint, None, scope).await?;
        Ok(self.cached(temporary(&response, credentials.caller())?, RENEWAL_MARGIN))
    }

    /// Returns the id of the project with this name, cached. Errors are not preliminary: they are of this call itself.
    pub(super) async fn project_id(&self, region: Option<&str>, name: &str) -> Result<String, Error> {
        let endpoint = self.project_endpoint(region, name)?;
        let lookup = async {
            let id = match self.listed_project(&endpoint, region, name).await {
                Err(refusal) => self.project_by_login(region, name, refusal).await?,
                Ok(id) => id,
            };
            super::config_error::check_header_text("the project's id", &id)?;
            Ok(Cached { value: id, renew: None, expires: None })
        };
        let cache = shared(&self.credentials_cache.projects, (endpoint.host(), name.to_owned()));
        cache.get(self.clocks.now(), lookup).await.map_err(|error| Error { is_preliminary: false, ..error })
    }

    /// Returns the cached id of the project with this name.
    pub(super) async fn known_project_id(&self, region: Option<&str>, name: &str) -> Option<String> {
        let endpoint = self.project_endpoint(region, name).ok()?;
        shared(&self.credentials_cache.projects, (endpoint.host(), name.to_owned())).known(self.clocks.now()).await
    }

    fn project_endpoint(&self, region: Option<&str>, name: &str) -> Result<Endpoint, ConfigError> {
        self.identity_endpoint(region, || format!("to find the project {name:?}"))
    }

    async fn listed_project(&self, endpoint: &Endpoint, region: Option<&str>, name: &str) -> Result<String, Error> {
        let list = Request::new(Operation::ListProjects, &[]).query("name", name);
        let scope = CredentialsScope { region, token_scope: &TokenScope::Domain, as_agency: true };
        let response = self.authenticated(&list, endpoint, None, scope).await?;
        let Projects { projects } = response.decode()?;
        // A server without the filter lists all projects.
        let mut ids: Vec<_> = projects.into_iter().filter(|entry| entry.name == name).map(|entry| entry.id).collect();
        match (ids.pop(), ids.is_empty()) {
            (Some(id), true) => Ok(id),
            (other, _) => {
                ids.extend(other);
                let caller = self.credentials()?.caller();
                let found = ids.iter().map(|id| response.sanitize_id(id)).collect();
                Err(ConfigError::Project { name: name.to_owned(), found, caller }.into())
            }
        }
    }

    /// Finds the project by creating a token for its name: a user with rights in one project may not list projects.
    /// Returns `refusal` if that fails, too.
    async fn project_by_login(&self, region: Option<&str>, name: &str, refusal: Error) -> Result<String, Error> {
        let is_refused = refusal.status.is_some_and(|status| matches!(status.as_u16(), 401 | 403));
        let Credentials { source: CredentialsSource::Password(login), agency: None, .. } = self.credentials()? else {
            return Err(refusal);
        };
        if !is_refused {
            return Err(refusal);
        }
        let token_scope = TokenScope::ProjectName(name.to_owned());
        // A rejected login for this project is not repeated.
        let name_cache = shared(&self.credentials_cache.tokens, token_scope.clone());
        if name_cache.refusal().await.is_some() {
            return Err(refusal);
        }
        let scope = CredentialsScope { region, token_scope: &token_scope, as_agency: false };
        let mut found = None;
        let attempt = async {
            let (token, id) = self.log_in(login, scope).await?;
            found = id.map(|id| (id, token.renew, token.expires));
            Ok(token)
        };
        let token = name_cache.get(self.clocks.now(), attempt).await;
        match (token, found) {
            (Ok(value), Some((id, renew, expires))) => {
                let cached = Cached { value, renew, expires };
                let cache = shared(&self.credentials_cache.tokens, TokenScope::Project(id.clone()));
                cache.get(self.clocks.now(), async { Ok(cached) }).await?;
                Ok(id)
            }
            (Err(error), _) if error.is_transient() => Err(error),
            _ => Err(refusal),
        }
    }

    fn identity_endpoint(
        &self,
        region: Option<&str>,
        purpose: impl FnOnce() -> String,
    ) -> Result<Endpoint, ConfigError> {
        match (&self.identity_endpoint, &self.endpoint) {
            (Some(endpoint), _) => Ok(endpoint.clone()),
            (None, Some(service)) if service.is_loopback() => {
                Err(ConfigError::Identity { purpose: purpose(), endpoint: service.to_string() })
            }
            (None, _) => Endpoint::of("iam", region, self.config.cloud.as_deref()),
        }
    }
}

pub(super) fn temporary(response: &Response, caller: String) -> Result<ResolvedCredentials, Error> {
    let TemporaryKey { credential } = response.decode()?;
    let Credential { access: id, secret, securitytoken, expires_at } = credential;
    let key = AccessKey { id, secret, security_token: Some(securitytoken) };
    key.check().map_err(|error| response.undecodable(&format!("{error}")))?;
    Ok(ResolvedCredentials::new(AuthScheme::Key(key), caller, read_time(expires_at), true))
}

fn login_body(login: &PasswordCredentials, token_scope: &TokenScope) -> Value {
    let named = |value: &NameOrId| match value {
        NameOrId::Id(id) => json!({"id": id}),
        NameOrId::Name(name) => json!({"name": name}),
    };
    let mut user = named(&login.user);
    user["password"] = login.password.expose_secret().into();
    // A user ID already identifies the account.
    if let (NameOrId::Name(_), Some(domain)) = (&login.user, &login.domain) {
        user["domain"] = named(domain);
    }
    let mut body = json!({"identity": {"methods": ["password"], "password": {"user": user}}});
    match (token_scope, &login.domain) {
        (TokenScope::Project(id), _) => body["scope"] = json!({"project": {"id": id}}),
        (TokenScope::ProjectName(name), Some(domain)) => {
            body["scope"] = json!({"project": {"name": name, "domain": named(domain)}});
        }
        (TokenScope::ProjectName(name), None) => body["scope"] = json!({"project": {"name": name}}),
        (TokenScope::Domain, Some(domain)) => body["scope"] = json!({"domain": named(domain)}),
        // IAM uses the user's own account.
        (TokenScope::Domain, None) => {}
    }
    body
}

fn read_time(text: Option<String>) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&text?, &Rfc3339).ok()
}
