//! The IAM account and the credentials issued to it: tokens, temporary keys, metadata tokens.
//!
//! There is one account ("domain") with one user, whose key pair is in the settings, and one agency that can be
//! assumed. Issued credentials are in memory only; a restart revokes them.

use std::{collections::BTreeMap, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use time::{OffsetDateTime, UtcDateTime, format_description::BorrowedFormatItem, macros::format_description};
use uuid::Uuid;

use super::caller::{Caller, Credential, Identity};
use super::clock::later;
use super::settings::{IamAccount, SECRET_KEY, Settings};

const TOKEN_LIFETIME: Duration = Duration::from_hours(24);
/// Number of credentials of one kind that are kept. The oldest are revoked first.
const MAX_CREDENTIALS: usize = 10_000;
/// Time format that Huawei's SDK reads, such as `2020-01-08T02:56:19.587000Z`.
const TIME: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) secret: SecretString,
    /// Required in every request signed with a temporary key.
    pub(super) security_token: Option<SecretString>,
    pub(super) caller: Caller,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) identity: Identity,
    pub(super) scope: Scope,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    Nothing,
    Domain,
    Project { name: Option<String>, id: String },
}

/// Issued credentials of one kind with their expiry. At the limit, the next to expire is revoked.
#[derive(Clone)]
struct Issued<T>(BTreeMap<String, (T, OffsetDateTime)>);

impl<T> Issued<T> {
    fn add(&mut self, name: String, credential: T, now: OffsetDateTime, expires_at: OffsetDateTime) {
        self.0.retain(|_, (_, expires_at)| now < *expires_at);
        while self.0.len() >= MAX_CREDENTIALS {
            let next = self.0.iter().min_by_key(|(_, (_, expires_at))| *expires_at).map(|(name, _)| name.clone());
            next.map(|name| self.0.remove(&name));
        }
        self.0.insert(name, (credential, expires_at));
    }

    /// The credential, unless it has expired.
    fn get(&self, name: &str, now: OffsetDateTime) -> Option<&T> {
        self.0.get(name).filter(|(_, expires_at)| now < *expires_at).map(|(credential, _)| credential)
    }
}

/// Shows no tokens, which are secrets.
#[derive(Clone, derive_more::Debug)]
#[debug("CredentialStore {{ iam_account: {iam_account:?}, .. }}")]
pub(super) struct CredentialStore {
    pub(super) iam_account: IamAccount,
    access_key: String,
    permanent: Key,
    tokens: Issued<Token>,
    keys: Issued<Key>,
    metadata_tokens: Issued<()>,
}

impl CredentialStore {
    /// A store without issued credentials. A key pair with a security token is temporary.
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { access_key, secret_key, security_token, iam_account, .. } = settings.clone();
        let credential = match &security_token {
            None => Credential::AccessKey(access_key.clone()),
            Some(_) => Credential::TemporaryKey(access_key.clone()),
        };
        let caller = Caller { credential, identity: Identity::User(iam_account.user_name.clone()) };
        let permanent = Key { secret: secret_key.into(), security_token: security_token.map(Into::into), caller };
        let (tokens, keys, metadata_tokens) =
            (Issued(BTreeMap::new()), Issued(BTreeMap::new()), Issued(BTreeMap::new()));
        Self { iam_account, access_key, permanent, tokens, keys, metadata_tokens }
    }

    /// Revokes all issued credentials. The key pair and the password remain valid.
    pub(super) fn revoke(&mut self) {
        self.tokens.0.clear();
        self.keys.0.clear();
        self.metadata_tokens.0.clear();
    }

    /// The key pair with this access key. Treating an expired key as unknown is an inference.
    pub(super) fn key(&self, access_key: &str, now: OffsetDateTime) -> Option<Key> {
        if access_key == self.access_key {
            return Some(self.permanent.clone());
        }
        self.keys.get(access_key, now).cloned()
    }

    pub(super) fn token(&self, token: &str, now: OffsetDateTime) -> Option<Token> {
        self.tokens.get(token, now).cloned()
    }

    /// Whether the metadata service issued this token and it is valid.
    pub(super) fn is_metadata_token(&self, token: &str, now: OffsetDateTime) -> bool {
        self.metadata_tokens.get(token, now).is_some()
    }

    /// Issues a token. Returns it with its expiry.
    pub(super) fn issue_token(&mut self, token: Token, now: OffsetDateTime) -> (String, OffsetDateTime) {
        let expires_at = later(now, self.iam_account.lifetime.unwrap_or(TOKEN_LIFETIME));
        let text = format!("MII{}", secret());
        self.tokens.add(text.clone(), token, now, expires_at);
        (text, expires_at)
    }

    /// Issues a pair of temporary keys. Returns the response of IAM and of the metadata service.
    pub(super) fn issue_key(&mut self, identity: Identity, lifetime: Duration, now: OffsetDateTime) -> Value {
        let expires_at = later(now, self.iam_account.lifetime.unwrap_or(lifetime));
        let access_key = format!("HST{}", &Uuid::new_v4().simple().to_string().to_ascii_uppercase()[..17]);
        let caller = Caller { credential: Credential::TemporaryKey(access_key.clone()), identity };
        let [secret_key, security_token] = [(); 2].map(|()| SecretString::from(secret()));
        let response = json!({"credential": {
            "access": access_key, "secret": secret_key.expose_secret(), "securitytoken": security_token.expose_secret(),
            "expires_at": format_time(expires_at),
        }});
        let key = Key { secret: secret_key, security_token: Some(security_token), caller };
        self.keys.add(access_key, key, now, expires_at);
        response
    }

    pub(super) fn issue_metadata_token(&mut self, lifetime: Duration, now: OffsetDateTime) -> String {
        let token = secret();
        self.metadata_tokens.add(token.clone(), (), now, later(now, lifetime));
        token
    }
}

pub(super) fn format_time(time: OffsetDateTime) -> String {
    UtcDateTime::from(time).format(TIME).expect("a UTC time has all the parts that the format names")
}

/// A random secret with a recognizable prefix, so that leaked secrets can be found.
fn secret() -> String {
    format!("{SECRET_KEY}-{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
