//! Settings of an emulator, and the errors of starting one.

use std::{collections::BTreeMap, fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use super::{
    clock::{Clock, SystemClock},
    credential_store::{ACCESS_KEY, CredentialStore, IamAccount, SECRET_KEY},
    faults::{Fault, FaultError},
    metadata::Metadata,
    quirks::Quirks,
    snapshot::SnapshotError,
    throttle::Limit,
};

/// Settings of an emulator.
#[derive(Clone)]
pub struct Settings {
    /// The only accepted permanent access key.
    pub access_key: String,
    /// The secret key of `access_key`.
    pub secret_key: String,
    /// Makes the key pair temporary: every request must carry this security token.
    pub security_token: Option<String>,
    /// The IAM account, its user and its agency.
    pub iam_account: IamAccount,
    /// The version of the metadata service.
    pub metadata: Metadata,
    /// Delay before each response, after the request has taken effect.
    pub latency: Duration,
    /// How long a binding stays CREATING.
    pub binding_delay: Duration,
    /// Names of queues (lower case) and pools whose bindings become FAILED, with their `err_msg`.
    pub failing: BTreeMap<String, String>,
    /// File that keeps the state across restarts; in memory if `None`.
    pub state: Option<PathBuf>,
    /// The time source for bindings and signatures.
    pub clock: Arc<dyn Clock>,
    /// Whether to log each request to standard error.
    pub log: bool,
    /// How long a deleted connection stays ACTIVE.
    pub delete_delay: Duration,
    /// Deviations from the documented behavior.
    pub quirks: Quirks,
    /// Faults that are active from the start.
    pub faults: Vec<Fault>,
    /// Request limit per user.
    pub limit: Option<Limit>,
    /// Difference between the emulator's clock and the correct time, positive or negative. It affects signature
    /// checks, the `Date` header and all timestamps.
    pub clock_skew: time::Duration,
    /// Random seed for the order of lists.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            security_token: None,
            iam_account: IamAccount::default(),
            metadata: Metadata::default(),
            latency: Duration::ZERO,
            binding_delay: Duration::ZERO,
            failing: BTreeMap::new(),
            state: None,
            clock: Arc::new(SystemClock),
            log: false,
            delete_delay: Duration::ZERO,
            quirks: Quirks::new(),
            faults: Vec::new(),
            limit: None,
            clock_skew: time::Duration::ZERO,
            seed: 0,
        }
    }
}

impl Settings {
    /// The initial credentials.
    pub(super) fn credentials(&self) -> CredentialStore {
        CredentialStore::new(
            self.iam_account.clone(),
            &self.access_key,
            &self.secret_key,
            self.security_token.as_deref(),
        )
    }
}

impl fmt::Debug for Settings {
    /// Omits the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("access_key", &self.access_key)
            .field("iam_account", &self.iam_account)
            .field("metadata", &self.metadata)
            .field("latency", &self.latency)
            .field("binding_delay", &self.binding_delay)
            .field("failing", &self.failing)
            .field("state", &self.state)
            .field("clock", &self.clock)
            .field("log", &self.log)
            .field("delete_delay", &self.delete_delay)
            .field("quirks", &self.quirks)
            .field("faults", &self.faults)
            .field("limit", &self.limit)
            .field("clock_skew", &self.clock_skew)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Why an emulator failed to start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is in use or does not belong to this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// A fault is invalid.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] SnapshotError),
}
