//! The cache of resolved credentials.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{expiring_cache::ExpiringCache, lockout_guard::LockoutGuard, resolved::ResolvedCredentials};

/// What the process has got so far.
#[derive(Debug, Default)]
pub(in crate::client) struct CredentialsCache {
    pub(in crate::client) tokens: Mutex<BTreeMap<TokenScope, Arc<ExpiringCache<Arc<ResolvedCredentials>>>>>,
    pub(in crate::client) machine: ExpiringCache<Arc<ResolvedCredentials>>,
    pub(in crate::client) agency: ExpiringCache<Arc<ResolvedCredentials>>,
    pub(in crate::client) projects: Mutex<BTreeMap<ProjectKey, Arc<ExpiringCache<String>>>>,
    /// Of the key that is configured, at each host.
    pub(in crate::client) keys: Mutex<BTreeMap<String, Arc<LockoutGuard>>>,
    /// Of the password that is configured, whatever the token is to be good for.
    pub(in crate::client) password: LockoutGuard,
}

/// A project before its id is known: the host of the identity service, and the name.
pub(in crate::client) type ProjectKey = (String, String);

/// What a token is good for. A key is good for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::client) enum TokenScope {
    /// The account itself: to find projects, and to assume an agency.
    Domain,
    /// The project of this id.
    Project(String),
    /// The project of this name, whose id the answer tells.
    ProjectName(String),
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
