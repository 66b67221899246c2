//! How an emulator behaves, and why one does not start.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::{
    binding_state::{Behavior, BindingOutcomes},
    clock::{Clock, SystemClock},
    credential_store::{ACCESS_KEY, CredentialStore, IamAccount, SECRET_KEY},
    faults::{Fault, FaultError},
    metadata::Metadata,
    quirks::Quirks,
    snapshot::SnapshotError,
    throttle::Limit,
};

/// How an emulator behaves.
#[derive(Clone)]
pub struct Settings {
    /// The one access key that is known.
    pub access_key: String,
    /// Its secret key.
    pub secret_key: String,
    /// Makes the keys temporary ones: every request must carry this token.
    pub security_token: Option<String>,
    /// Who may log in, and what the account is called.
    pub iam_account: IamAccount,
    /// Which metadata service there is.
    pub metadata: Metadata,
    /// Added before each answer, after its effect.
    pub latency: Duration,
    /// How long a binding stays CREATING.
    pub binding_delay: Duration,
    /// Queues (in lower case) and pools whose bindings end FAILED, with their `err_msg`.
    pub failing: BTreeMap<String, String>,
    /// Keeps the state across restarts; in memory only where it is `None`.
    pub state: Option<PathBuf>,
    /// The time by which bindings settle and signatures expire.
    pub clock: Arc<dyn Clock>,
    /// Writes one readable line for each request to standard error.
    pub log: bool,
    /// How long a deleted connection stays ACTIVE.
    pub delete_delay: Duration,
    /// In which ways the service differs from its pages.
    pub quirks: Quirks,
    /// Troubles that are brought on from the start.
    pub faults: Vec<Fault>,
    /// How often one user may ask.
    pub limit: Option<Limit>,
    /// How far the emulator's clock is ahead of the right time; behind where it is negative. Signatures, the `Date` of
    /// answers and all times follow it.
    pub clock_skew: time::Duration,
    /// Where chance begins; the same seed gives the same orders.
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
    /// How an emulator of these settings behaves at first.
    pub(super) fn behavior(&self) -> Behavior {
        Behavior {
            outcomes: BindingOutcomes {
                delay: self.binding_delay,
                failing: self.failing.clone(),
                next: VecDeque::new(),
            },
            quirks: self.quirks.clone(),
            delete_delay: self.delete_delay,
        }
    }
}

impl Settings {
    /// Whom an emulator of these settings believes at first.
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
    /// Without the secrets.
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

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A fault that could never happen.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// The state file is of no use.
    #[error(transparent)]
    State(#[from] SnapshotError),
}
