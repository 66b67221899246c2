//! The IAM operations that a DLI client needs: tokens, temporary keys, projects, domains.
//!
//! They are served on the emulator's listener. IAM errors have a nested body; gateway errors have the gateway's.
//! Error texts and statuses are inferences where the documents have no sample.

use std::{fmt::Display, time::Duration};

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::caller::{Caller, Credential, Identity};
use super::credential_store::{CredentialStore, Scope, Token, format_time};
use super::{api_error::ApiError, request::ApiRequest, response::ApiResponse, settings::IamAccount};
use crate::dli::operation::Operation;

const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");
/// Default lifetime of temporary keys.
const KEY_LIFETIME: Duration = Duration::from_mins(15);

/// Runs an operation. Sets the caller if the operation authenticates it.
pub(super) fn run(
    operation: Operation,
    request: &ApiRequest,
    caller: &mut Option<Caller>,
    credentials: &mut CredentialStore,
    now: OffsetDateTime,
) -> Result<ApiResponse, ApiError> {
    let account = &credentials.iam_account;
    match operation {
        Operation::CreateToken => {
            let auth = read(request)?;
            let user: Option<User> = part(&auth, "/identity/password/user")?;
            let identity = user.ok_or_else(|| missing("identity.password"))?.authenticate(account)?;
            *caller = Some(Caller { credential: Credential::Password, identity: identity.clone() });
            let scope = requested_scope(&auth, account)?;
            Ok(issue_token(Token { identity, scope }, "password", credentials, now))
        }
        Operation::CreateAgencyToken => {
            let auth = read(request)?;
            let identity = AssumeRole::read(&auth)?.agency(account)?;
            let scope = requested_scope(&auth, account)?;
            Ok(issue_token(Token { identity, scope }, "assume_role", credentials, now))
        }
        Operation::ListProjects => Ok(projects(request.parameter("name"), account)),
        Operation::ListDomains => Ok(domains(account)),
        Operation::CreateTemporaryKey => {
            let TokenRequest { id, duration_seconds } = part(&read(request)?, "/identity/token")?.unwrap_or_default();
            if caller.is_none() {
                let token = id.and_then(|token| credentials.token(&token, now)).ok_or_else(unauthorized)?;
                *caller = Some(Caller { credential: Credential::Token, identity: token.identity });
            }
            let identity = caller.as_ref().ok_or_else(unauthorized)?.identity.clone();
            Ok(ApiResponse::json(201, &credentials.issue_key(identity, lifetime(duration_seconds)?, now)))
        }
        Operation::AssumeAgency => {
            let role = AssumeRole::read(&read(request)?)?;
            let lifetime = lifetime(role.duration_seconds)?;
            let identity = role.agency(account)?;
            Ok(ApiResponse::json(201, &credentials.issue_key(identity, lifetime, now)))
        }
        _ => Err(ApiError::not_published()),
    }
}

/// Whether a body asks for a token or key of an agency.
pub(super) fn assumes_agency(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.pointer("/auth/identity/methods/0").is_some_and(|method| method == "assume_role")
}

/// The body of a login request for the log, with secrets replaced.
pub(super) fn without_secrets(body: &[u8]) -> Vec<u8> {
    let Ok(mut body) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    for secret in ["/auth/identity/password/user/password", "/auth/identity/token/id"] {
        if let Some(value) = body.pointer_mut(secret) {
            *value = "withheld".into();
        }
    }
    body.to_string().into_bytes()
}

/// A response body of IAM or the metadata service for the request log, without keys and tokens.
pub(super) fn response_without_secrets(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice(body) {
        Ok(mut value @ (Value::Object(_) | Value::Array(_))) => {
            withhold(&mut value);
            value.to_string().into_bytes()
        }
        _ if body.is_empty() => Vec::new(),
        _ => b"withheld".to_vec(),
    }
}

fn withhold(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(withhold),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if ["secret", "securitytoken", "access"].contains(&name.as_str()) => {
                        "withheld".clone_into(text);
                    }
                    field => withhold(field),
                }
            }
        }
        _ => {}
    }
}

fn issue_token(token: Token, method: &str, credentials: &mut CredentialStore, now: OffsetDateTime) -> ApiResponse {
    let IamAccount { domain_name, domain_id, user_id, .. } = &credentials.iam_account;
    let domain = json!({"id": domain_id, "name": domain_name});
    let (name, id) = match &token.identity {
        Identity::User(name) => (name.clone(), user_id),
        Identity::Agency(name) => (format!("{domain_name}/{name}"), name),
    };
    let mut body = json!({
        "methods": [method],
        "issued_at": format_time(now),
        "roles": [{"id": "0", "name": "te_admin"}],
        "catalog": [],
        "user": {"id": id, "name": name, "domain": domain, "password_expires_at": ""},
    });
    match &token.scope {
        Scope::Nothing => {}
        Scope::Domain => body["domain"] = domain,
        Scope::Project { name, id } => body["project"] = json!({"id": id, "name": name, "domain": domain}),
    }
    let (text, expires_at) = credentials.issue_token(token, now);
    body["expires_at"] = format_time(expires_at).into();
    let header = HeaderValue::from_str(&text).expect("tokens are letters and digits");
    ApiResponse { headers: vec![(SUBJECT_TOKEN, header)], ..ApiResponse::json(201, &json!({"token": body})) }
}

fn projects(name: Option<&str>, account: &IamAccount) -> ApiResponse {
    let found = account.projects.iter().filter(|(project, _)| name.is_none_or(|name| project == name));
    let project = |(name, id): &(String, String)| {
        json!({
            "id": id, "name": name, "description": "", "enabled": true, "is_domain": false,
            "domain_id": account.domain_id, "parent_id": account.domain_id,
            "links": {"self": format!("/v3/projects/{id}")},
        })
    };
    let links = json!({"self": "/v3/projects", "next": null, "previous": null});
    ApiResponse::ok(&json!({"projects": found.map(project).collect::<Vec<_>>(), "links": links}))
}

fn domains(account: &IamAccount) -> ApiResponse {
    let links = json!({"self": "/v3/auth/domains", "next": null, "previous": null});
    let domain = json!({
        "id": account.domain_id, "name": account.domain_name, "description": "", "enabled": true,
        "links": {"self": format!("/v3/domains/{}", account.domain_id)},
    });
    ApiResponse::ok(&json!({"domains": [domain], "links": links}))
}

fn requested_scope(auth: &Value, account: &IamAccount) -> Result<Scope, ApiError> {
    if auth["scope"].is_null() {
        return Ok(Scope::Nothing);
    }
    let project: Option<NameOrId> = part(auth, "/scope/project")?;
    let domain: Option<NameOrId> = part(auth, "/scope/domain")?;
    let known = |matches: &dyn Fn(&(String, String)) -> bool| account.projects.iter().find(|row| matches(row)).cloned();
    match (project, domain) {
        (Some(NameOrId { id: Some(id), .. }), _) => {
            let name = known(&|(_, known)| *known == id).map(|(name, _)| name);
            Ok(Scope::Project { name, id })
        }
        (Some(NameOrId { name: Some(name), .. }), _) => {
            let found = known(&|(known, _)| *known == name);
            let (name, id) = found.ok_or_else(|| ApiError::iam(404, format!("Could not find project: {name}.")))?;
            Ok(Scope::Project { name: Some(name), id })
        }
        (_, Some(domain)) if domain.is_domain_of(account) => Ok(Scope::Domain),
        (_, Some(_)) => Err(unauthorized()),
        _ => Err(missing("scope.project or scope.domain")),
    }
}

/// The documented range is 15 minutes to 24 hours.
fn lifetime(seconds: Option<u64>) -> Result<Duration, ApiError> {
    match seconds {
        None => Ok(KEY_LIFETIME),
        Some(seconds @ 900..=86_400) => Ok(Duration::from_secs(seconds)),
        Some(other) => {
            Err(ApiError::iam(400, format!("The duration_seconds must be from 900 to 86400, and it is {other}.")))
        }
    }
}

fn unauthorized() -> ApiError {
    ApiError::iam(401, "The request you have made requires authentication.")
}

fn missing(field: &str) -> ApiError {
    ApiError::iam(400, format!("Expecting to find {field} in auth."))
}

/// The "auth" object of a body.
fn read(request: &ApiRequest) -> Result<Value, ApiError> {
    let mut body: Value = serde_json::from_slice(&request.body).map_err(invalid_body)?;
    let auth = body.get_mut("auth").map(Value::take).filter(|auth| auth["identity"].is_object());
    auth.ok_or_else(|| invalid_body("missing field `auth.identity`"))
}

/// The value at this JSON pointer; `None` if there is none.
fn part<T: DeserializeOwned>(auth: &Value, pointer: &str) -> Result<Option<T>, ApiError> {
    auth.pointer(pointer).map_or(Ok(None), Option::deserialize).map_err(invalid_body)
}

fn invalid_body(error: impl Display) -> ApiError {
    ApiError::iam(400, format!("The request body is invalid: {error}"))
}

#[derive(Deserialize)]
struct User {
    id: Option<String>,
    name: Option<String>,
    domain: Option<NameOrId>,
    password: String,
}

#[derive(Default, Deserialize)]
struct TokenRequest {
    id: Option<String>,
    duration_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct AssumeRole {
    domain_name: Option<String>,
    domain_id: Option<String>,
    /// The documents use the first name, the SDKs the second.
    #[serde(alias = "xrole_name")]
    agency_name: String,
    duration_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct NameOrId {
    id: Option<String>,
    name: Option<String>,
}

impl NameOrId {
    fn is_domain_of(&self, account: &IamAccount) -> bool {
        match (&self.id, &self.name) {
            (Some(id), _) => *id == account.domain_id,
            (None, Some(name)) => *name == account.domain_name,
            (None, None) => false,
        }
    }
}

impl User {
    fn authenticate(self, account: &IamAccount) -> Result<Identity, ApiError> {
        let is_known = match (self.id, self.name) {
            (Some(id), _) => id == account.user_id,
            (None, Some(name)) => {
                let domain = self.domain.ok_or_else(|| missing("domain"))?;
                name == account.user_name && domain.is_domain_of(account)
            }
            (None, None) => return Err(missing("user.id or user.name")),
        };
        if is_known && self.password == account.password {
            return Ok(Identity::User(account.user_name.clone()));
        }
        Err(ApiError::iam(401, "The username or password is wrong."))
    }
}

impl AssumeRole {
    fn read(auth: &Value) -> Result<Self, ApiError> {
        part(auth, "/identity/assume_role")?.ok_or_else(|| missing("identity.assume_role"))
    }

    fn agency(self, account: &IamAccount) -> Result<Identity, ApiError> {
        let domain = NameOrId { id: self.domain_id, name: self.domain_name };
        if domain.id.is_none() && domain.name.is_none() {
            return Err(missing("domain_name or domain_id"));
        }
        if !domain.is_domain_of(account) || self.agency_name != account.agency {
            return Err(ApiError::iam(404, format!("Could not find agency: {}.", self.agency_name)));
        }
        Ok(Identity::Agency(self.agency_name))
    }
}
