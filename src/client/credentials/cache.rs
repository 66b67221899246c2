//! Whatever proves who calls, got when the first call needs it, kept as long as it is good, and renewed once where the
//! service does not believe it any more.
//!
//! Two steps at most lie between what was configured and what a request is sent with: a key or token for what is none (a
//! password, this machine), and the agency that is assumed with that.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use http::StatusCode;

use super::{
    Credentials, CredentialsSource, ExpiringCache, ResolvedCredentials,
    expiring_cache::Cached,
    is_key_rejected, is_password_rejected,
    lockout_guard::LockoutGuard,
    resolved::{AuthScheme, renewal},
};
use crate::client::{
    Inner,
    config::{ConfigError, Setting},
    endpoint::Endpoint,
    error::Error,
    request::{Dispatch, Request},
    response::Response,
};

/// What the process has got so far.
#[derive(Debug, Default)]
pub(in crate::client) struct CredentialsCache {
    tokens: Mutex<BTreeMap<TokenScope, Arc<ExpiringCache<Arc<ResolvedCredentials>>>>>,
    machine: ExpiringCache<Arc<ResolvedCredentials>>,
    agency: ExpiringCache<Arc<ResolvedCredentials>>,
    projects: Mutex<BTreeMap<ProjectKey, Arc<ExpiringCache<String>>>>,
    /// Of the key that is configured, at each host.
    keys: Mutex<BTreeMap<String, Arc<LockoutGuard>>>,
    /// Of the password that is configured, whatever the token is to be good for.
    pub(in crate::client) password: LockoutGuard,
}

/// A project before its id is known: the host of the identity service, and the name.
type ProjectKey = (String, String);

/// What a token is good for. A key is good for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::client) enum TokenScope {
    /// The account itself: to find projects, and to assume an agency.
    Domain,
    /// The project of this id.
    Project(String),
    /// The project of this name, whose id the answer tells.
    NameOrId(String),
}

/// Who is to ask.
#[derive(Debug, Clone, Copy)]
pub(in crate::client) struct CredentialsScope<'a> {
    /// Where the identity service is asked, if it has to be.
    pub(in crate::client) region: Option<&'a str>,
    pub(in crate::client) token_scope: &'a TokenScope,
    /// As the agency, where one is assumed.
    pub(in crate::client) as_agency: bool,
}

impl Inner {
    /// What the next request is to be sent with.
    pub(in crate::client) async fn resolve(
        &self,
        scope: CredentialsScope<'_>,
    ) -> Result<Arc<ResolvedCredentials>, Error> {
        match self.credentials()?.agency {
            Some(_) if scope.as_agency => {
                self.credentials_cache.agency.get(self.clocks.now(), self.assume(scope.region)).await
            }
            _ => self.base(scope).await,
        }
    }

    /// Makes a call. Where the service does not believe who calls (HTTP 401), which means that nothing was done, it is made
    /// once more: with another key or token where one can be got, or by the service's clock where the own one is wrong.
    ///
    /// Boxed: to prove who calls may take such a call itself, and what all calls go through is better kept off the stack.
    pub(in crate::client) fn authenticated<'a>(
        &'a self,
        request: &'a Request<'a>,
        endpoint: &'a Endpoint,
        project_id: Option<&'a str>,
        scope: CredentialsScope<'a>,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        Box::pin(self.authenticate(request, endpoint, project_id, scope))
    }

    async fn authenticate(
        &self,
        request: &Request<'_>,
        endpoint: &Endpoint,
        project_id: Option<&str>,
        scope: CredentialsScope<'_>,
    ) -> Result<Response, Error> {
        let resolved = self.resolve(scope).await?;
        let made = self.make(request, (endpoint, project_id), scope, &resolved);
        match resolved.scheme {
            AuthScheme::Key(_) if !resolved.renewable => {
                self.key_guard(&endpoint.host()).with(made, is_key_rejected).await
            }
            _ => made.await,
        }
    }

    /// Makes a call, and once more where it is not believed and that may help.
    async fn make(
        &self,
        request: &Request<'_>,
        (endpoint, project_id): (&Endpoint, Option<&str>),
        scope: CredentialsScope<'_>,
        resolved: &Arc<ResolvedCredentials>,
    ) -> Result<Response, Error> {
        let attempt = async |resolved: &ResolvedCredentials, skew| {
            let dispatch = Dispatch { endpoint, project_id, resolved: Some(resolved), skew };
            self.exchange(request, dispatch).await.inspect(|_| resolved.succeed())
        };
        let skew = self.clocks.skew();
        let refusal = match attempt(resolved, skew).await {
            Err(Error::Api(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => refusal,
            outcome => return outcome,
        };
        let is_signed = matches!(resolved.scheme, AuthScheme::Key(_));
        let is_for_date = is_signed && self.clocks.corrects(&refusal, skew);
        if !is_for_date {
            if !resolved.renewable || resolved.is_no_better() {
                return Err(Error::Api(refusal));
            }
            tracing::info!(caller = resolved.caller, "the service does not believe who calls any more; asking anew");
            self.forget(scope, resolved).await;
        }
        let again = self.resolve(scope).await?;
        if !is_for_date {
            again.replace();
        }
        attempt(&again, self.clocks.skew()).await
    }

    /// What is configured, or got for it, the agency aside.
    async fn base(&self, scope: CredentialsScope<'_>) -> Result<Arc<ResolvedCredentials>, Error> {
        let credentials = self.credentials()?;
        let fixed = |scheme| {
            let caller = credentials.base();
            Ok(Arc::new(ResolvedCredentials::new(scheme, caller, None, false)))
        };
        match &credentials.source {
            CredentialsSource::Key(key) => fixed(AuthScheme::Key(key.clone())),
            CredentialsSource::Token(token) => fixed(AuthScheme::Token(token.clone())),
            CredentialsSource::Password(login) => {
                let cache = self.token_cache(scope.token_scope);
                // What was refused for this project is refused again.
                if let Some(refusal) = cache.refusal().await {
                    return Err(Error::Identity(refusal));
                }
                let token = self
                    .credentials_cache
                    .password
                    .with(self.token(login, credentials.base(), scope), is_password_rejected);
                cache.get(self.clocks.now(), token).await
            }
            CredentialsSource::Metadata { searched } => {
                // A machine that has no key once has none later. One that only failed is asked again.
                if let Some(failure) =
                    self.credentials_cache.machine.failure().await.filter(|failure| failure.missing().is_some())
                {
                    return Err(Error::Identity(failure));
                }
                self.credentials_cache
                    .machine
                    .get(self.clocks.now(), self.machine_key(credentials.base(), searched))
                    .await
            }
        }
    }

    /// Gives up what was not believed.
    async fn forget(&self, scope: CredentialsScope<'_>, resolved: &Arc<ResolvedCredentials>) {
        let matches = |cached: &Arc<ResolvedCredentials>| Arc::ptr_eq(cached, resolved);
        match self.credentials.as_ref() {
            Some(Credentials { agency: Some(_), .. }) if scope.as_agency => {
                self.credentials_cache.agency.forget(matches).await
            }
            Some(Credentials { source: CredentialsSource::Password(_), .. }) => {
                self.token_cache(scope.token_scope).forget(matches).await
            }
            _ => self.credentials_cache.machine.forget(matches).await,
        }
    }

    /// Where the id of a project is kept.
    pub(in crate::client) fn project_cache(&self, key: ProjectKey) -> Arc<ExpiringCache<String>> {
        let mut projects = self.credentials_cache.projects.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(projects.entry(key).or_default())
    }

    /// The trial of the key at this host, for another host may be of another cloud.
    fn key_guard(&self, host: &str) -> Arc<LockoutGuard> {
        let mut keys = self.credentials_cache.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(keys.entry(host.to_owned()).or_default())
    }

    /// Where the token for a project or the account is kept.
    pub(in crate::client) fn token_cache(
        &self,
        token_scope: &TokenScope,
    ) -> Arc<ExpiringCache<Arc<ResolvedCredentials>>> {
        let mut tokens = self.credentials_cache.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(token_scope.clone()).or_default())
    }

    /// What is configured.
    pub(in crate::client) fn credentials(&self) -> Result<&Credentials, Error> {
        let missing = || ConfigError::Missing { settings: vec![Setting::Credentials { searched: Vec::new() }] };
        self.credentials.as_ref().ok_or_else(|| missing().into())
    }

    /// Something that is good until it expires, to be renewed that much before.
    pub(in crate::client) fn cached(
        &self,
        resolved: ResolvedCredentials,
        early: time::Duration,
    ) -> Cached<Arc<ResolvedCredentials>> {
        let (now, expires) = (self.clocks.now(), resolved.expires);
        let renew = expires.map(|expires| renewal(now, expires, early));
        Cached { value: Arc::new(resolved), renew, expires }
    }
}
