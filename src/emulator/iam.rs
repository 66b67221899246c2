//! The part of IAM that a client of the service needs: tokens, temporary keys, projects, accounts.
//!
//! It is answered on the service's own listener. Its refusals have IAM's nested form, those of the gateway in front of
//! it the gateway's. Texts and the statuses of what is not there are inferences where the pages have no sample.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, UtcDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{
    gateway::{self, Incoming},
    operation::Answer,
    people::{Caller, Credential, Directory, Identity, NewKey, Scope, Token},
    refusal::Refusal,
};

/// Header of an answer that carries a new token.
const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");
/// `2020-01-08T02:56:19.587000Z`, the one form that Huawei's SDK reads.
const TIME: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
/// How long temporary keys live that nothing is said about.
const KEY_LIFETIME: Duration = Duration::from_mins(15);

/// One operation, by the name that the SDKs give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    TokenByPassword,
    AgencyToken,
    Projects,
    Domains,
    KeyByToken,
    KeyByAgency,
}

impl Operation {
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

    /// What a request is meant to do, which for two paths the body decides.
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

    /// Whether the gateway has to believe the caller first. A password, and a token in the body, are looked at by the
    /// operation itself.
    pub(super) fn wants_caller(self, request: &Incoming<'_>) -> bool {
        match self {
            Self::TokenByPassword => false,
            Self::KeyByToken => request.headers.contains_key(gateway::TOKEN),
            _ => true,
        }
    }

    /// Does it, and says who asked.
    pub(super) fn run(
        self,
        request: &Incoming<'_>,
        caller: Option<Caller>,
        directory: &mut Directory,
        now: OffsetDateTime,
    ) -> Result<(Answer, Option<Caller>), Refusal> {
        match self {
            Self::TokenByPassword => {
                let Auth { identity, scope } = read(request)?;
                let user = identity.password.ok_or_else(|| missing("identity.password"))?.user;
                let identity = user.believe(directory)?;
                let caller = Caller { credential: Credential::Password, identity: identity.clone() };
                let scope = scoped(scope, directory)?;
                Ok((token(identity, scope, "password", directory, now), Some(caller)))
            }
            Self::AgencyToken => {
                let Auth { identity, scope } = read(request)?;
                let identity = identity.agency(directory)?;
                let scope = scoped(scope, directory)?;
                Ok((token(identity, scope, "assume_role", directory, now), caller))
            }
            Self::Projects => Ok((projects(request, directory), caller)),
            Self::Domains => Ok((domains(directory), caller)),
            Self::KeyByToken => {
                let asked = read(request)?.identity.token.unwrap_or_default();
                let caller = match (caller, &asked.id) {
                    (Some(caller), _) => caller,
                    (None, Some(token)) => {
                        let token = directory.token(token, now).ok_or_else(unauthorized)?;
                        Caller { credential: Credential::Token, identity: token.identity }
                    }
                    (None, None) => return Err(unauthorized()),
                };
                let key = directory.issue_key(caller.identity.clone(), lifetime(asked.duration_seconds)?, now);
                Ok((Answer::json(201, &credential(&key)), Some(caller)))
            }
            Self::KeyByAgency => {
                let asked = read(request)?.identity;
                let lifetime = lifetime(asked.assume_role.as_ref().and_then(|role| role.duration_seconds))?;
                let key = directory.issue_key(asked.agency(directory)?, lifetime, now);
                Ok((Answer::json(201, &credential(&key)), caller))
            }
        }
    }
}

/// The body of a request that logs in, for the log: what is secret in it is left out.
pub(super) fn without_secrets(body: &[u8]) -> Vec<u8> {
    let Ok(mut body) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    for secret in ["/auth/identity/password/user/password", "/auth/identity/token/id"] {
        if let Some(value) = body.pointer_mut(secret) {
            *value = "withheld".into();
        }
    }
    body.to_string().into_bytes()
}

/// Temporary keys as they are answered here and by the metadata service.
pub(super) fn credential(key: &NewKey) -> Value {
    let [access, secret, securitytoken] = key.exposed();
    let expires_at = format_time(key.expires_at);
    json!({"credential": {
        "access": access, "secret": secret, "securitytoken": securitytoken, "expires_at": expires_at,
    }})
}

fn token(identity: Identity, scope: Scope, method: &str, directory: &mut Directory, now: OffsetDateTime) -> Answer {
    let (text, token) = directory.issue_token(identity, scope, now);
    let mut answer = Answer::json(201, &json!({"token": shown(&token, method, directory)}));
    let text = HeaderValue::from_str(&text).expect("tokens are letters and digits");
    answer.headers.push((SUBJECT_TOKEN, text));
    answer
}

fn shown(token: &Token, method: &str, directory: &Directory) -> Value {
    let people = &directory.people;
    let domain = json!({"id": people.domain_id, "name": people.domain_name});
    let (name, id) = match &token.identity {
        Identity::User(name) => (name.clone(), people.user_id.as_str()),
        Identity::Agency(name) => (format!("{}/{name}", people.domain_name), name.as_str()),
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

fn projects(request: &Incoming<'_>, directory: &Directory) -> Answer {
    let people = &directory.people;
    let asked = request.query.iter().find(|(key, _)| key == "name").map(|(_, name)| name);
    let found = people.projects.iter().filter(|(name, _)| asked.is_none_or(|asked| asked == name));
    let project = |(name, id): &(String, String)| {
        json!({
            "id": id, "name": name, "description": "", "enabled": true, "is_domain": false,
            "domain_id": people.domain_id, "parent_id": people.domain_id,
            "links": {"self": format!("/v3/projects/{id}")},
        })
    };
    let links = json!({"self": "/v3/projects", "next": null, "previous": null});
    Answer::ok(&json!({"projects": found.map(project).collect::<Vec<_>>(), "links": links}))
}

fn domains(directory: &Directory) -> Answer {
    let people = &directory.people;
    let links = json!({"self": "/v3/auth/domains", "next": null, "previous": null});
    let domain = json!({
        "id": people.domain_id, "name": people.domain_name, "description": "", "enabled": true,
        "links": {"self": format!("/v3/domains/{}", people.domain_id)},
    });
    Answer::ok(&json!({"domains": [domain], "links": links}))
}

fn scoped(asked: Option<AskedScope>, directory: &Directory) -> Result<Scope, Refusal> {
    let people = &directory.people;
    let Some(AskedScope { project, domain }) = asked else { return Ok(Scope::Nothing) };
    match (project, domain) {
        (Some(Named { id: Some(id), .. }), _) => {
            let name = people.projects.iter().find(|(_, known)| *known == id).map(|(name, _)| name.clone());
            Ok(Scope::Project { name, id })
        }
        (Some(Named { name: Some(name), .. }), _) => {
            let found = people.projects.iter().find(|(known, _)| *known == name);
            let (name, id) = found.ok_or_else(|| Refusal::of_iam(404, format!("Could not find project: {name}.")))?;
            Ok(Scope::Project { name: Some(name.clone()), id: id.clone() })
        }
        (_, Some(domain)) if domain.is_domain(directory) => Ok(Scope::Domain),
        (_, Some(_)) => Err(unauthorized()),
        _ => Err(missing("scope.project or scope.domain")),
    }
}

/// The documents allow from 15 minutes to a day.
fn lifetime(seconds: Option<u64>) -> Result<Duration, Refusal> {
    match seconds {
        None => Ok(KEY_LIFETIME),
        Some(seconds @ 900..=86_400) => Ok(Duration::from_secs(seconds)),
        Some(other) => {
            Err(Refusal::of_iam(400, format!("The duration_seconds must be from 900 to 86400, and it is {other}.")))
        }
    }
}

fn format_time(time: OffsetDateTime) -> String {
    UtcDateTime::from(time).format(TIME).expect("a UTC time has all the parts that the format names")
}

fn unauthorized() -> Refusal {
    Refusal::of_iam(401, "The request you have made requires authentication.")
}

fn missing(what: &str) -> Refusal {
    Refusal::of_iam(400, format!("Expecting to find {what} in auth."))
}

fn read(request: &Incoming<'_>) -> Result<Auth, Refusal> {
    #[derive(Deserialize)]
    struct Body {
        auth: Auth,
    }
    let body: Body = serde_json::from_slice(request.body)
        .map_err(|error| Refusal::of_iam(400, format!("The request body is invalid: {error}")))?;
    Ok(body.auth)
}

#[derive(Deserialize)]
struct Auth {
    identity: AskedIdentity,
    scope: Option<AskedScope>,
}

#[derive(Deserialize)]
struct AskedIdentity {
    password: Option<Password>,
    token: Option<AskedToken>,
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
    domain: Option<Named>,
    password: String,
}

#[derive(Default, Deserialize)]
struct AskedToken {
    id: Option<String>,
    duration_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct AssumeRole {
    domain_name: Option<String>,
    domain_id: Option<String>,
    /// The older name is that of the pages, the newer one that of the SDKs.
    #[serde(alias = "xrole_name")]
    agency_name: String,
    duration_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct AskedScope {
    project: Option<Named>,
    domain: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
    name: Option<String>,
}

impl Named {
    fn is_domain(&self, directory: &Directory) -> bool {
        let people = &directory.people;
        match (&self.id, &self.name) {
            (Some(id), _) => *id == people.domain_id,
            (None, Some(name)) => *name == people.domain_name,
            (None, None) => false,
        }
    }
}

impl User {
    fn believe(self, directory: &Directory) -> Result<Identity, Refusal> {
        let people = &directory.people;
        let known = match (&self.id, &self.name) {
            (Some(id), _) => *id == people.user_id,
            (None, Some(name)) => {
                let domain = self.domain.ok_or_else(|| missing("domain"))?;
                *name == people.user_name && domain.is_domain(directory)
            }
            (None, None) => return Err(missing("user.id or user.name")),
        };
        if known && self.password == people.password {
            Ok(Identity::User(people.user_name.clone()))
        } else {
            Err(Refusal::of_iam(401, "The username or password is wrong."))
        }
    }
}

impl AskedIdentity {
    fn agency(self, directory: &Directory) -> Result<Identity, Refusal> {
        let people = &directory.people;
        let role = self.assume_role.ok_or_else(|| missing("identity.assume_role"))?;
        let domain = Named { id: role.domain_id, name: role.domain_name };
        if domain.id.is_none() && domain.name.is_none() {
            return Err(missing("domain_name or domain_id"));
        }
        if !domain.is_domain(directory) || role.agency_name != people.agency {
            return Err(Refusal::of_iam(404, format!("Could not find agency: {}.", role.agency_name)));
        }
        Ok(Identity::Agency(role.agency_name))
    }
}
