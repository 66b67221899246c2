//! The cache of resolved credentials.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use super::{expiring_cache::ExpiringCache, lockout_guard::LockoutGuard, resolved::ResolvedCredentials};

/// The resolved credentials of the process.
#[derive(Debug, Default)]
pub(in crate::client) struct CredentialsCache {
    pub(in crate::client) tokens: Mutex<BTreeMap<TokenScope, Arc<ExpiringCache<Arc<ResolvedCredentials>>>>>,
    pub(in crate::client) machine: ExpiringCache<Arc<ResolvedCredentials>>,
    pub(in crate::client) agency: ExpiringCache<Arc<ResolvedCredentials>>,
    pub(in crate::client) projects: Mutex<BTreeMap<ProjectKey, Arc<ExpiringCache<String>>>>,
    /// Lockout guards of the configured key, by host.
    pub(in crate::client) keys: Mutex<BTreeMap<String, Arc<LockoutGuard>>>,
    pub(in crate::client) password: LockoutGuard,
}

/// Host of the identity service and name of the project.
pub(in crate::client) type ProjectKey = (String, String);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::client) enum TokenScope {
    /// The account: to list projects and to assume an agency.
    Domain,
    Project(String),
    /// The project with this name; the response holds its id.
    ProjectName(String),
}

/// What credentials are needed for.
#[derive(Debug, Clone, Copy)]
pub(in crate::client) struct CredentialsScope<'a> {
    /// Region of the identity service.
    pub(in crate::client) region: Option<&'a str>,
    pub(in crate::client) token_scope: &'a TokenScope,
    pub(in crate::client) as_agency: bool,
}

/// The value with this key, which is created by the first caller.
pub(in crate::client) fn shared<K: Ord, V: Default>(values: &Mutex<BTreeMap<K, Arc<V>>>, key: K) -> Arc<V> {
    Arc::clone(values.lock().entry(key).or_default())
}
