//! The IAM operations that a DLI client needs: tokens, temporary keys, projects, domains.
//!
//! They are served on the emulator's listener. IAM errors have a nested body; gateway errors have the gateway's.
//! Error texts and statuses are inferences where the documents have no sample.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, UtcDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{
    api_error::ApiError,
    auth::{self, IncomingRequest},
    credential_store::{Caller, Credential, CredentialStore, Identity, NewKey, Scope, Token},
    operation::ApiResponse,
};

/// Response header that carries a new token.
const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");
/// Time format that Huawei's SDK reads, such as `2020-01-08T02:56:19.587000Z`.
const TIME: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
/// Default lifetime of temporary keys.
const KEY_LIFETIME: Duration = Duration::from_mins(15);

/// An IAM operation, named as in the SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IamOperation {
    TokenByPassword,
    AgencyToken,
    Projects,
    Domains,
    KeyByToken,
    KeyByAgency,
}

impl IamOperation {
    pub(super) const ALL: [Self; 6] =
        [Self::TokenByPassword, Self::AgencyToken, Self::Projects, Self::Domains, Self::KeyByToken, Self::KeyByAgency];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TokenByPassword => "KeystoneCreateUserTokenByPassword",
            Self::AgencyToken => "KeystoneCreateAgencyToken",
            Self::Projects => "KeystoneListProjects",
            Self::Domains => "KeystoneListAuthDomains",
            Self::KeyByToken => "CreateTemporaryAccessKeyByToken",
            Self::KeyByAgency => "CreateTemporaryAccessKeyByAgency",
        }
    }

    /// Finds the operation. For two paths the body decides which one it is.
    pub(super) fn find(method: &str, path: &str, body: &[u8]) -> Option<Self> {
        let assumes = || {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            body.pointer("/auth/identity/methods/0").is_some_and(|method| method == "assume_role")
        };
        match (method, path) {
            ("POST", "/v3/auth/tokens") if assumes() => Some(Self::AgencyToken),
            ("POST", "/v3/auth/tokens") => Some(Self::TokenByPassword),
            ("GET", "/v3/projects") => Some(Self::Projects),
            ("GET", "/v3/auth/domains") => Some(Self::Domains),
            ("POST", "/v3.0/OS-CREDENTIAL/securitytokens") if assumes() => Some(Self::KeyByAgency),
            ("POST", "/v3.0/OS-CREDENTIAL/securitytokens") => Some(Self::KeyByToken),
            _ => None,
        }
    }

    /// Whether the gateway authenticates the caller first. The operation itself checks a password or a token in the
    /// body.
    pub(super) fn wants_caller(self, request: &IncomingRequest<'_>) -> bool {
        match self {
            Self::TokenByPassword => false,
            Self::KeyByToken => request.headers.contains_key(auth::TOKEN),
            _ => true,
        }
    }

    /// Runs the operation and returns the response and the caller.
    pub(super) fn run(
        self,
        request: &IncomingRequest<'_>,
        caller: Option<Caller>,
        credentials: &mut CredentialStore,
        now: OffsetDateTime,
    ) -> Result<(ApiResponse, Option<Caller>), ApiError> {
        match self {
            Self::TokenByPassword => {
                let Auth { identity, scope } = read(request)?;
                let user = identity.password.ok_or_else(|| missing("identity.password"))?.user;
                let identity = user.authenticate(credentials)?;
                let caller = Caller { credential: Credential::Password, identity: identity.clone() };
                let scope = requested_scope(scope, credentials)?;
                Ok((token(identity, scope, "password", credentials, now), Some(caller)))
            }
            Self::AgencyToken => {
                let Auth { identity, scope } = read(request)?;
                let identity = identity.agency(credentials)?;
                let scope = requested_scope(scope, credentials)?;
                Ok((token(identity, scope, "assume_role", credentials, now), caller))
            }
            Self::Projects => Ok((projects(request, credentials), caller)),
            Self::Domains => Ok((domains(credentials), caller)),
            Self::KeyByToken => {
                let asked = read(request)?.identity.token.unwrap_or_default();
                let caller = match (caller, &asked.id) {
                    (Some(caller), _) => caller,
                    (None, Some(token)) => {
                        let token = credentials.token(token, now).ok_or_else(unauthorized)?;
                        Caller { credential: Credential::Token, identity: token.identity }
                    }
                    (None, None) => return Err(unauthorized()),
                };
                let key = credentials.issue_key(caller.identity.clone(), lifetime(asked.duration_seconds)?, now);
                Ok((ApiResponse::json(201, &credential(&key)), Some(caller)))
            }
            Self::KeyByAgency => {
                let asked = read(request)?.identity;
                let lifetime = lifetime(asked.assume_role.as_ref().and_then(|role| role.duration_seconds))?;
                let key = credentials.issue_key(asked.agency(credentials)?, lifetime, now);
                Ok((ApiResponse::json(201, &credential(&key)), caller))
            }
        }
    }
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

/// Temporary keys as IAM and the metadata service return them.
pub(super) fn credential(key: &NewKey) -> Value {
    let [access, secret, securitytoken] = key.exposed();
    let expires_at = format_time(key.expires_at);
    json!({"credential": {
        "access": access, "secret": secret, "securitytoken": securitytoken, "expires_at": expires_at,
    }})
}

fn token(
    identity: Identity,
    scope: Scope,
    method: &str,
    credentials: &mut CredentialStore,
    now: OffsetDateTime,
) -> ApiResponse {
    let (text, token) = credentials.issue_token(identity, scope, now);
    let mut answer = ApiResponse::json(201, &json!({"token": token_body(&token, method, credentials)}));
    let text = HeaderValue::from_str(&text).expect("tokens are letters and digits");
    answer.headers.push((SUBJECT_TOKEN, text));
    answer
}

fn token_body(token: &Token, method: &str, credentials: &CredentialStore) -> Value {
    let iam_account = &credentials.iam_account;
    let domain = json!({"id": iam_account.domain_id, "name": iam_account.domain_name});
    let (name, id) = match &token.identity {
        Identity::User(name) => (name.clone(), iam_account.user_id.as_str()),
        Identity::Agency(name) => (format!("{}/{name}", iam_account.domain_name), name.as_str()),
    };
    let mut shown = Map::from_iter([
        ("methods".to_owned(), json!([method])),
        ("expires_at".to_owned(), format_time(token.expires_at).into()),
        ("issued_at".to_owned(), format_time(token.issued_at).into()),
        ("roles".to_owned(), json!([{"id": "0", "name": "te_admin"}])),
        ("catalog".to_owned(), json!([])),
        ("user".to_owned(), json!({"id": id, "name": name, "domain": domain, "password_expires_at": ""})),
    ]);
    match &token.scope {
        Scope::Nothing => {}
        Scope::Domain => {
            shown.insert("domain".to_owned(), domain);
        }
        Scope::Project { name, id } => {
            shown.insert("project".to_owned(), json!({"id": id, "name": name, "domain": domain}));
        }
    }
    shown.into()
}

fn projects(request: &IncomingRequest<'_>, credentials: &CredentialStore) -> ApiResponse {
    let iam_account = &credentials.iam_account;
    let asked = request.query.iter().find(|(key, _)| key == "name").map(|(_, name)| name);
    let found = iam_account.projects.iter().filter(|(name, _)| asked.is_none_or(|asked| asked == name));
    let project = |(name, id): &(String, String)| {
        json!({
            "id": id, "name": name, "description": "", "enabled": true, "is_domain": false,
            "domain_id": iam_account.domain_id, "parent_id": iam_account.domain_id,
            "links": {"self": format!("/v3/projects/{id}")},
        })
    };
    let links = json!({"self": "/v3/projects", "next": null, "previous": null});
    ApiResponse::ok(&json!({"projects": found.map(project).collect::<Vec<_>>(), "links": links}))
}

fn domains(credentials: &CredentialStore) -> ApiResponse {
    let iam_account = &credentials.iam_account;
    let links = json!({"self": "/v3/auth/domains", "next": null, "previous": null});
    let domain = json!({
        "id": iam_account.domain_id, "name": iam_account.domain_name, "description": "", "enabled": true,
        "links": {"self": format!("/v3/domains/{}", iam_account.domain_id)},
    });
    ApiResponse::ok(&json!({"domains": [domain], "links": links}))
}

fn requested_scope(asked: Option<ScopeRequest>, credentials: &CredentialStore) -> Result<Scope, ApiError> {
    let iam_account = &credentials.iam_account;
    let Some(ScopeRequest { project, domain }) = asked else { return Ok(Scope::Nothing) };
    match (project, domain) {
        (Some(NameOrId { id: Some(id), .. }), _) => {
            let name = iam_account.projects.iter().find(|(_, known)| *known == id).map(|(name, _)| name.clone());
            Ok(Scope::Project { name, id })
        }
        (Some(NameOrId { name: Some(name), .. }), _) => {
            let found = iam_account.projects.iter().find(|(known, _)| *known == name);
            let (name, id) = found.ok_or_else(|| ApiError::iam(404, format!("Could not find project: {name}.")))?;
            Ok(Scope::Project { name: Some(name.clone()), id: id.clone() })
        }
        (_, Some(domain)) if domain.is_domain(credentials) => Ok(Scope::Domain),
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

fn format_time(time: OffsetDateTime) -> String {
    UtcDateTime::from(time).format(TIME).expect("a UTC time has all the parts that the format names")
}

fn unauthorized() -> ApiError {
    ApiError::iam(401, "The request you have made requires authentication.")
}

fn missing(what: &str) -> ApiError {
    ApiError::iam(400, format!("Expecting to find {what} in auth."))
}

fn read(request: &IncomingRequest<'_>) -> Result<Auth, ApiError> {
    #[derive(Deserialize)]
    struct Body {
        auth: Auth,
    }
    let body: Body = serde_json::from_slice(request.body)
        .map_err(|error| ApiError::iam(400, format!("The request body is invalid: {error}")))?;
    Ok(body.auth)
}

#[derive(Deserialize)]
struct Auth {
    identity: IdentityRequest,
    scope: Option<ScopeRequest>,
}

#[derive(Deserialize)]
struct IdentityRequest {
    password: Option<Password>,
    token: Option<TokenRequest>,
    assume_role: Option<AssumeRole>,
}

#[derive(Deserialize)]
struct Password {
    user: User,
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
struct ScopeRequest {
    project: Option<NameOrId>,
    domain: Option<NameOrId>,
}

#[derive(Deserialize)]
struct NameOrId {
    id: Option<String>,
    name: Option<String>,
}

impl NameOrId {
    fn is_domain(&self, credentials: &CredentialStore) -> bool {
        let iam_account = &credentials.iam_account;
        match (&self.id, &self.name) {
            (Some(id), _) => *id == iam_account.domain_id,
            (None, Some(name)) => *name == iam_account.domain_name,
            (None, None) => false,
        }
    }
}

impl User {
    fn authenticate(self, credentials: &CredentialStore) -> Result<Identity, ApiError> {
        let iam_account = &credentials.iam_account;
        let known = match (&self.id, &self.name) {
            (Some(id), _) => *id == iam_account.user_id,
            (None, Some(name)) => {
                let domain = self.domain.ok_or_else(|| missing("domain"))?;
                *name == iam_account.user_name && domain.is_domain(credentials)
            }
            (None, None) => return Err(missing("user.id or user.name")),
        };
        if known && self.password == iam_account.password {
            Ok(Identity::User(iam_account.user_name.clone()))
        } else {
            Err(ApiError::iam(401, "The username or password is wrong."))
        }
    }
}

impl IdentityRequest {
    fn agency(self, credentials: &CredentialStore) -> Result<Identity, ApiError> {
        let iam_account = &credentials.iam_account;
        let role = self.assume_role.ok_or_else(|| missing("identity.assume_role"))?;
        let domain = NameOrId { id: role.domain_id, name: role.domain_name };
        if domain.id.is_none() && domain.name.is_none() {
            return Err(missing("domain_name or domain_id"));
        }
        if !domain.is_domain(credentials) || role.agency_name != iam_account.agency {
            return Err(ApiError::iam(404, format!("Could not find agency: {}.", role.agency_name)));
        }
        Ok(Identity::Agency(role.agency_name))
    }
}
