//! The IAM account and the credentials issued to it: tokens, temporary keys, metadata tokens.
//!
//! There is one account ("domain") with one user, whose key pair is in [`super::Settings`], and one agency that can
//! be assumed. Issued credentials are in memory only; a restart revokes them.

use std::{collections::BTreeMap, fmt, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;
use uuid::Uuid;

use super::api_error::ApiError;

/// Default access key.
pub const ACCESS_KEY: &str = "emulator";
/// Default secret key. Every secret that an emulator issues contains it.
pub const SECRET_KEY: &str = "emulator-secret";

/// Lifetime of a token.
const TOKEN_LIFETIME: Duration = Duration::from_hours(24);
/// Lifetime of the metadata service's keys. The documents only say that the keys change.
const METADATA_LIFETIME: Duration = Duration::from_hours(24);
/// Number of credentials of one kind that are kept. The oldest are revoked first.
const MAX_CREDENTIALS: usize = 10_000;

/// The IAM account, its user and its agencies.
#[derive(Clone)]
pub struct IamAccount {
    /// Account name.
    pub domain_name: String,
    /// Account id.
    pub domain_id: String,
    /// User name.
    pub user_name: String,
    /// User id.
    pub user_id: String,
    /// Password of the user.
    pub password: String,
    /// The agency that can be assumed.
    pub agency: String,
    /// The agency of the cloud server, whose keys the metadata service issues.
    pub machine: String,
    /// Name and id of each project that IAM knows, named after its region. DLI requests may use any other project as
    /// well.
    pub projects: Vec<(String, String)>,
    /// Lifetime of credentials issued from now on, whatever was requested; as documented if `None`.
    pub lifetime: Option<Duration>,
}

impl Default for IamAccount {
    fn default() -> Self {
        Self {
            domain_name: "emulator".to_owned(),
            domain_id: "d0000000000000000000000000000001".to_owned(),
            user_name: "terraform".to_owned(),
            user_id: "a0000000000000000000000000000001".to_owned(),
            password: "emulator-password".to_owned(),
            agency: "dli-agency".to_owned(),
            machine: "ecs-agency".to_owned(),
            projects: vec![("emulated".to_owned(), "0123456789abcdef0123456789abcdef".to_owned())],
            lifetime: None,
        }
    }
}

impl fmt::Debug for IamAccount {
    /// Omits the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IamAccount")
            .field("domain_name", &self.domain_name)
            .field("user_name", &self.user_name)
            .field("agency", &self.agency)
            .field("machine", &self.machine)
            .field("projects", &self.projects)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The user or agency of a caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The user with this name.
    User(String),
    /// The agency with this name.
    Agency(String),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Agency(name) => write!(f, "agency {name}"),
        }
    }
}

/// The credential of a request and its identity, without secrets. Displayed such as `token of user terraform`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The kind of credential.
    pub credential: Credential,
    /// The user or agency.
    pub identity: Identity,
}

/// The kind of credential of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A signature with this permanent access key.
    AccessKey(String),
    /// A signature with this temporary access key and its security token.
    TemporaryKey(String),
    /// A token.
    Token,
    /// A password in a token request.
    Password,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.credential {
            Credential::AccessKey(key) => write!(f, "access key {key} of {}", self.identity),
            Credential::TemporaryKey(key) => write!(f, "temporary key {key} of {}", self.identity),
            Credential::Token => write!(f, "token of {}", self.identity),
            Credential::Password => write!(f, "password of {}", self.identity),
        }
    }
}

/// A key pair for signatures.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) secret: SecretString,
    /// Required in every request signed with a temporary key.
    pub(super) security_token: Option<SecretString>,
    pub(super) caller: Caller,
}

/// The identity, scope and lifetime of a token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) identity: Identity,
    pub(super) scope: Scope,
    pub(super) issued_at: OffsetDateTime,
    pub(super) expires_at: OffsetDateTime,
}

/// The scope of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    Nothing,
    Domain,
    Project { name: Option<String>, id: String },
}

/// Temporary keys at the time they are issued.
#[derive(Debug)]
pub(super) struct NewKey {
    pub(super) access: String,
    pub(super) secret: SecretString,
    pub(super) security_token: SecretString,
    pub(super) expires_at: OffsetDateTime,
}

/// All valid credentials.
#[derive(Clone)]
pub(super) struct CredentialStore {
    pub(super) iam_account: IamAccount,
    access_key: String,
    permanent: Key,
    tokens: BTreeMap<String, Token>,
    keys: BTreeMap<String, (Key, OffsetDateTime)>,
    metadata_tokens: BTreeMap<String, OffsetDateTime>,
}

impl fmt::Debug for CredentialStore {
    /// Omits tokens, which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialStore").field("iam_account", &self.iam_account).finish_non_exhaustive()
    }
}

impl CredentialStore {
    /// A store without issued credentials. A key pair with a security token is temporary.
    pub(super) fn new(iam_account: IamAccount, access_key: &str, secret: &str, security_token: Option<&str>) -> Self {
        let credential = match security_token {
            None => Credential::AccessKey(access_key.to_owned()),
            Some(_) => Credential::TemporaryKey(access_key.to_owned()),
        };
        let caller = Caller { credential, identity: Identity::User(iam_account.user_name.clone()) };
        Self {
            iam_account,
            access_key: access_key.to_owned(),
            permanent: Key { secret: secret.into(), security_token: security_token.map(Into::into), caller },
            tokens: BTreeMap::new(),
            keys: BTreeMap::new(),
            metadata_tokens: BTreeMap::new(),
        }
    }

    /// Revokes all issued credentials. The key pair and the password remain valid.
    pub(super) fn revoke(&mut self) {
        self.tokens.clear();
        self.keys.clear();
        self.metadata_tokens.clear();
    }

    /// The key pair with this access key. Treating an expired key as unknown is an inference.
    pub(super) fn key(&self, access: &str, now: OffsetDateTime) -> Option<Key> {
        if access == self.access_key {
            return Some(self.permanent.clone());
        }
        self.keys.get(access).filter(|(_, expires_at)| now < *expires_at).map(|(key, _)| key.clone())
    }

    /// The token, unless it has expired.
    pub(super) fn token(&self, token: &str, now: OffsetDateTime) -> Option<Token> {
        self.tokens.get(token).filter(|held| now < held.expires_at).cloned()
    }

    /// Whether the metadata service issued this token and it is valid.
    pub(super) fn is_metadata_token(&self, token: &str, now: OffsetDateTime) -> bool {
        self.metadata_tokens.get(token).is_some_and(|expires_at| now < *expires_at)
    }

    /// Issues a token.
    pub(super) fn issue_token(&mut self, identity: Identity, scope: Scope, now: OffsetDateTime) -> (String, Token) {
        let expires_at = later(now, self.iam_account.lifetime.unwrap_or(TOKEN_LIFETIME));
        let token = Token { identity, scope, issued_at: now, expires_at };
        self.tokens.retain(|_, held| now < held.expires_at);
        make_room(&mut self.tokens, |held| held.expires_at);
        let text = format!("MII{}", secret());
        self.tokens.insert(text.clone(), token.clone());
        (text, token)
    }

    /// Issues a pair of temporary keys.
    pub(super) fn issue_key(&mut self, identity: Identity, asked: Duration, now: OffsetDateTime) -> NewKey {
        let expires_at = later(now, self.iam_account.lifetime.unwrap_or(asked));
        self.keys.retain(|_, (_, expires_at)| now < *expires_at);
        make_room(&mut self.keys, |(_, expires_at)| *expires_at);
        let access = format!("HST{}", &Uuid::new_v4().simple().to_string().to_ascii_uppercase()[..17]);
        let (secret, security_token) = (SecretString::from(secret()), SecretString::from(secret()));
        let caller = Caller { credential: Credential::TemporaryKey(access.clone()), identity };
        let key = Key { secret: secret.clone(), security_token: Some(security_token.clone()), caller };
        self.keys.insert(access.clone(), (key, expires_at));
        NewKey { access, secret, security_token, expires_at }
    }

    /// Issues temporary keys of the cloud server's agency.
    pub(super) fn issue_machine_key(&mut self, now: OffsetDateTime) -> NewKey {
        self.issue_key(Identity::Agency(self.iam_account.machine.clone()), METADATA_LIFETIME, now)
    }

    /// Issues a token of the metadata service.
    pub(super) fn issue_metadata_token(&mut self, lifetime: Duration, now: OffsetDateTime) -> String {
        self.metadata_tokens.retain(|_, expires_at| now < *expires_at);
        make_room(&mut self.metadata_tokens, |expires_at| *expires_at);
        let token = secret();
        self.metadata_tokens.insert(token.clone(), later(now, lifetime));
        token
    }

    /// Checks a token as the gateway does.
    pub(super) fn authenticate(&self, token: &str, now: OffsetDateTime) -> Result<Token, ApiError> {
        self.token(token, now).ok_or_else(|| ApiError::credentials("decrypt token fail"))
    }
}

impl NewKey {
    /// Access key, secret key and security token in plain text.
    pub(super) fn exposed(&self) -> [&str; 3] {
        [&self.access, self.secret.expose_secret(), self.security_token.expose_secret()]
    }
}

fn make_room<T>(held: &mut BTreeMap<String, T>, expires_at: impl Fn(&T) -> OffsetDateTime) {
    while held.len() >= MAX_CREDENTIALS {
        let oldest = held.iter().min_by_key(|(_, one)| expires_at(one)).map(|(name, _)| name.clone());
        let Some(oldest) = oldest else { break };
        held.remove(&oldest);
    }
}

fn later(now: OffsetDateTime, span: Duration) -> OffsetDateTime {
    now.saturating_add(span.try_into().unwrap_or(time::Duration::MAX))
}

/// A random secret with a recognizable prefix, so that leaked secrets can be found.
fn secret() -> String {
    format!("{SECRET_KEY}-{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
