//! Requests with credentials.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::config_error::{ConfigError, Setting};
use super::credentials::{
    AuthScheme, Cached, Credentials, CredentialsScope, CredentialsSource, ResolvedCredentials, is_key_rejected,
    renewal, shared,
};
use super::endpoint::Endpoint;
use super::error::Error;
use super::project::Inner;
use super::request::{Dispatch, Request};
use super::response::Response;

impl Inner {
    /// Resolves the credentials for the next request.
    pub(super) async fn resolve(&self, scope: CredentialsScope<'_>) -> Result<Arc<ResolvedCredentials>, Error> {
        match self.credentials()?.agency {
            Some(_) if scope.as_agency => {
                self.credentials_cache.agency.get(self.clocks.now(), self.assume(scope.region)).await
            }
            _ => self.base(scope).await,
        }
    }

    /// Sends a request with credentials. After HTTP 401, which means that nothing was done, it is sent once more: with
    /// renewed credentials, or dated by the service's clock if the local one is wrong.
    ///
    /// Boxed: resolving credentials may send such a request itself.
    pub(super) fn authenticated<'a>(
        &'a self,
        request: &'a Request<'a>,
        endpoint: &'a Endpoint,
        project_id: Option<&'a str>,
        scope: CredentialsScope<'a>,
    ) -> BoxFuture<'a, Result<Response, Error>> {
        Box::pin(async move {
            let resolved = self.resolve(scope).await?;
            let sent = self.send_authenticated(request, (endpoint, project_id), scope, &resolved);
            match resolved.scheme {
                AuthScheme::Key(_) if !resolved.renewable => {
                    shared(&self.credentials_cache.keys, endpoint.host()).with(sent, is_key_rejected).await
                }
                _ => sent.await,
            }
        })
    }

    /// Sends a request, and once more after HTTP 401 if that may help.
    async fn send_authenticated(
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
            Err(refusal) if refusal.is_unauthorized() => refusal,
            outcome => return outcome,
        };
        let is_signed = matches!(resolved.scheme, AuthScheme::Key(_));
        let is_for_date = is_signed && self.clocks.corrects(&refusal, skew);
        if !is_for_date {
            if !resolved.renewable || resolved.is_no_better() {
                return Err(refusal);
            }
            tracing::info!(caller = resolved.caller, "credentials were rejected; refreshing");
            self.forget(scope, resolved).await;
        }
        let again = self.resolve(scope).await?;
        if !is_for_date {
            again.replace();
        }
        attempt(&again, self.clocks.skew()).await
    }

    /// Resolves the configured credentials, without the agency.
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
                let cache = shared(&self.credentials_cache.tokens, scope.token_scope.clone());
                // A rejection for this project is final.
                if let Some(refusal) = cache.refusal().await {
                    return Err(refusal.preliminary());
                }
                cache.get(self.clocks.now(), async { Ok(self.log_in(login, scope).await?.0) }).await
            }
            CredentialsSource::Metadata { searched } => {
                // "No credentials" is final; other failures are retried.
                let cache = &self.credentials_cache.machine;
                match cache.failure().await {
                    Some(failure) if failure.missing().is_some() => Err(failure.preliminary()),
                    _ => cache.get(self.clocks.now(), self.machine_key(credentials.base(), searched)).await,
                }
            }
        }
    }

    /// Drops rejected credentials from the cache.
    async fn forget(&self, scope: CredentialsScope<'_>, resolved: &Arc<ResolvedCredentials>) {
        let matches = |cached: &Arc<ResolvedCredentials>| Arc::ptr_eq(cached, resolved);
        match self.config.credentials.as_ref() {
            Some(Credentials { agency: Some(_), .. }) if scope.as_agency => {
                self.credentials_cache.agency.forget(matches).await;
            }
            Some(Credentials { source: CredentialsSource::Password(_), .. }) => {
                shared(&self.credentials_cache.tokens, scope.token_scope.clone()).forget(matches).await;
            }
            _ => self.credentials_cache.machine.forget(matches).await,
        }
    }

    pub(super) fn credentials(&self) -> Result<&Credentials, Error> {
        let missing = || ConfigError::Missing { settings: vec![Setting::Credentials { searched: Vec::new() }] };
        self.config.credentials.as_ref().ok_or_else(|| missing().into())
    }

    /// Wraps credentials with their renewal time, `early` before they expire.
    pub(super) fn cached(
        &self,
        resolved: ResolvedCredentials,
        early: time::Duration,
    ) -> Cached<Arc<ResolvedCredentials>> {
        let (now, expires) = (self.clocks.now(), resolved.expires);
        let renew = expires.map(|expires| renewal(now, expires, early));
        Cached { value: Arc::new(resolved), renew, expires }
    }
}
