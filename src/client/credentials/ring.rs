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
    Access, Cell, Credentials, Form,
    access::{Proof, renewal},
    cell::Kept,
    is_of_key, is_of_login,
    trial::Trial,
};
use crate::client::{
    Inner,
    answer::Answer,
    call::{Call, Way},
    config::{ConfigError, Setting},
    endpoint::Endpoint,
    error::Error,
};

/// What the process has got so far.
#[derive(Debug, Default)]
pub(in crate::client) struct Ring {
    tokens: Mutex<BTreeMap<Scope, Arc<Cell<Arc<Access>>>>>,
    machine: Cell<Arc<Access>>,
    agency: Cell<Arc<Access>>,
    projects: Mutex<BTreeMap<ProjectKey, Arc<Cell<String>>>>,
    /// Of the key that is configured, at each host.
    keys: Mutex<BTreeMap<String, Arc<Trial>>>,
    /// Of the password that is configured, whatever the token is to be good for.
    pub(in crate::client) password: Trial,
}

/// A project before its id is known: the host of the identity service, and the name.
type ProjectKey = (String, String);

/// What a token is good for. A key is good for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::client) enum Scope {
    /// The account itself: to find projects, and to assume an agency.
    Domain,
    /// The project of this id.
    Project(String),
    /// The project of this name, whose id the answer tells.
    Named(String),
}

/// Who is to ask.
#[derive(Debug, Clone, Copy)]
pub(in crate::client) struct Asker<'a> {
    /// Where the identity service is asked, if it has to be.
    pub(in crate::client) region: Option<&'a str>,
    pub(in crate::client) scope: &'a Scope,
    /// As the agency, where one is assumed.
    pub(in crate::client) acting: bool,
}

impl Inner {
    /// What the next request is to be sent with.
    pub(in crate::client) async fn access(&self, asker: Asker<'_>) -> Result<Arc<Access>, Error> {
        match self.credentials()?.agency {
            Some(_) if asker.acting => self.ring.agency.get(self.clocks.now(), self.assume(asker.region)).await,
            _ => self.base(asker).await,
        }
    }

    /// Makes a call. Where the service does not believe who calls (HTTP 401), which means that nothing was done, it is made
    /// once more: with another key or token where one can be got, or by the service's clock where the own one is wrong.
    ///
    /// Boxed: to prove who calls may take such a call itself, and what all calls go through is better kept off the stack.
    pub(in crate::client) fn proven<'a>(
        &'a self,
        call: &'a Call<'a>,
        endpoint: &'a Endpoint,
        project_id: Option<&'a str>,
        asker: Asker<'a>,
    ) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(self.prove(call, endpoint, project_id, asker))
    }

    async fn prove(
        &self,
        call: &Call<'_>,
        endpoint: &Endpoint,
        project_id: Option<&str>,
        asker: Asker<'_>,
    ) -> Result<Answer, Error> {
        let access = self.access(asker).await?;
        let made = self.make(call, (endpoint, project_id), asker, &access);
        match access.proof {
            Proof::Key(_) if !access.renewable => self.key_trial(&endpoint.host()).with(made, is_of_key).await,
            _ => made.await,
        }
    }

    /// Makes a call, and once more where it is not believed and that may help.
    async fn make(
        &self,
        call: &Call<'_>,
        (endpoint, project_id): (&Endpoint, Option<&str>),
        asker: Asker<'_>,
        access: &Arc<Access>,
    ) -> Result<Answer, Error> {
        let attempt = async |access: &Access, correction| {
            let way = Way { endpoint, project_id, access: Some(access), correction };
            self.exchange(call, way).await.inspect(|_| access.succeed())
        };
        let correction = self.clocks.correction();
        let refusal = match attempt(access, correction).await {
            Err(Error::Api(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => refusal,
            outcome => return outcome,
        };
        let is_signed = matches!(access.proof, Proof::Key(_));
        let is_for_date = is_signed && self.clocks.corrects(&refusal, correction);
        if !is_for_date {
            if !access.renewable || access.is_no_better() {
                return Err(Error::Api(refusal));
            }
            tracing::info!(caller = access.caller, "the service does not believe who calls any more; asking anew");
            self.forget(asker, access).await;
        }
        let again = self.access(asker).await?;
        if !is_for_date {
            again.replace();
        }
        attempt(&again, self.clocks.correction()).await
    }

    /// What is configured, or got for it, the agency aside.
    async fn base(&self, asker: Asker<'_>) -> Result<Arc<Access>, Error> {
        let credentials = self.credentials()?;
        let fixed = |proof| {
            let caller = credentials.base();
            Ok(Arc::new(Access::new(proof, caller, None, false)))
        };
        match &credentials.form {
            Form::Key(key) => fixed(Proof::Key(key.clone())),
            Form::Token(token) => fixed(Proof::Token(token.clone())),
            Form::Password(login) => {
                let cell = self.token_cell(asker.scope);
                // What was refused for this project is refused again.
                if let Some(refusal) = cell.refusal().await {
                    return Err(Error::Identity(refusal));
                }
                let token = self.ring.password.with(self.token(login, credentials.base(), asker), is_of_login);
                cell.get(self.clocks.now(), token).await
            }
            Form::Metadata { sought } => {
                // A machine that has no key once has none later. One that only failed is asked again.
                if let Some(failure) = self.ring.machine.failure().await.filter(|failure| failure.missing().is_some()) {
                    return Err(Error::Identity(failure));
                }
                self.ring.machine.get(self.clocks.now(), self.machine_key(credentials.base(), sought)).await
            }
        }
    }

    /// Gives up what was not believed.
    async fn forget(&self, asker: Asker<'_>, access: &Arc<Access>) {
        let is_it = |kept: &Arc<Access>| Arc::ptr_eq(kept, access);
        match self.credentials.as_ref() {
            Some(Credentials { agency: Some(_), .. }) if asker.acting => self.ring.agency.forget(is_it).await,
            Some(Credentials { form: Form::Password(_), .. }) => self.token_cell(asker.scope).forget(is_it).await,
            _ => self.ring.machine.forget(is_it).await,
        }
    }

    /// Where the id of a project is kept.
    pub(in crate::client) fn project_cell(&self, key: ProjectKey) -> Arc<Cell<String>> {
        let mut projects = self.ring.projects.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(projects.entry(key).or_default())
    }

    /// The trial of the key at this host, for another host may be of another cloud.
    fn key_trial(&self, host: &str) -> Arc<Trial> {
        let mut keys = self.ring.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(keys.entry(host.to_owned()).or_default())
    }

    /// Where the token for a project or the account is kept.
    pub(in crate::client) fn token_cell(&self, scope: &Scope) -> Arc<Cell<Arc<Access>>> {
        let mut tokens = self.ring.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(scope.clone()).or_default())
    }

    /// What is configured.
    pub(in crate::client) fn credentials(&self) -> Result<&Credentials, Error> {
        let missing = || ConfigError::Missing { settings: vec![Setting::Credentials { sought: Vec::new() }] };
        self.credentials.as_ref().ok_or_else(|| missing().into())
    }

    /// Something that is good until it expires, to be renewed that much before.
    pub(in crate::client) fn kept(&self, access: Access, early: time::Duration) -> Kept<Arc<Access>> {
        let (now, expires) = (self.clocks.now(), access.expires);
        let renew = expires.map(|expires| renewal(now, expires, early));
        Kept { value: Arc::new(access), renew, expires }
    }
}
