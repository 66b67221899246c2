//! The service in a process: the API of DLI's enhanced datasource connections, as the documents describe it, behind
//! the gateway's signature check. For a newcomer without an account, and for tests.
//!
//! It stands on [`crate::dli`] and knows nothing of the client, the framework or the provider: it is their judge. Where
//! the documents are silent, the choice is marked as an inference beside the code that makes it.
//!
//! The way of a request: `server` reads it, `operation` names the operation, `gateway` believes its signature, a group's
//! file (`connections`, `bindings`, `routes`, `privileges`, `tags`, `queues`, `pools`, `quotas`) turns it into a method of
//! [`Account`], which keeps the rules of `limits` and `lifecycle` over the data of `project`; `snapshot` keeps that in a
//! file, `journal` remembers it.
//!
//! ```no_run
//! # async fn example() -> Result<(), terraform_provider_dli::emulator::StartError> {
//! use terraform_provider_dli::emulator::{Emulator, Settings};
//!
//! let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await?;
//! println!("listening on {}", emulator.endpoint());
//! emulator.stop().await;
//! # Ok(())
//! # }
//! ```

mod account;
mod bindings;
mod clock;
mod connections;
mod gateway;
mod journal;
mod lifecycle;
mod limits;
mod operation;
mod pools;
mod privileges;
mod project;
mod queues;
mod quotas;
mod refusal;
mod routes;

mod server;
mod snapshot;
mod tags;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, serve::ListenerExt};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub use self::{
    account::Account,
    clock::{Clock, ManualClock, SystemClock},
    journal::LoggedRequest,
    refusal::Refusal,
    snapshot::SnapshotError,
};
use self::{
    gateway::Keys,
    lifecycle::Fate,
    server::{Held, Shared, StateFile, lock},
};
use crate::dli::wire::{Connection, Queue};

/// Access key of an emulator that was given none.
pub const ACCESS_KEY: &str = "emulator";
/// Secret key of an emulator that was given none.
pub const SECRET_KEY: &str = "emulator-secret";

/// How an emulator behaves.
#[derive(Clone)]
pub struct Settings {
    /// The one access key that is known.
    pub access_key: String,
    /// Its secret key.
    pub secret_key: String,
    /// Makes the keys temporary ones: every request must carry this token.
    pub security_token: Option<String>,
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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            security_token: None,
            latency: Duration::ZERO,
            binding_delay: Duration::ZERO,
            failing: BTreeMap::new(),
            state: None,
            clock: Arc::new(SystemClock),
            log: false,
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("access_key", &self.access_key)
            .field("latency", &self.latency)
            .field("binding_delay", &self.binding_delay)
            .field("failing", &self.failing)
            .field("state", &self.state)
            .field("clock", &self.clock)
            .field("log", &self.log)
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
    /// The state file is of no use.
    #[error(transparent)]
    State(#[from] SnapshotError),
}

/// A running emulator; dropping it ends it.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<()>,
    serving: JoinHandle<()>,
}

impl Emulator {
    /// Starts listening; port 0 takes a free one. Runs on the caller's runtime until it is stopped or dropped.
    pub async fn start(address: SocketAddr, settings: Settings) -> Result<Self, StartError> {
        let projects = settings.state.as_deref().map(snapshot::load).transpose()?.unwrap_or_default();
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        // Answers are written whole; gathering small pieces would only delay the last of them.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let (stop, stopped) = watch::channel(());
        let shared = Arc::new(Shared {
            keys: Keys {
                access_key: settings.access_key,
                secret_key: settings.secret_key.into(),
                security_token: settings.security_token.map(Into::into),
            },
            clock: settings.clock,
            fate: Fate { delay: settings.binding_delay, failing: settings.failing },
            state: Mutex::new(Held::new(projects)),
            file: settings.state.map(StateFile::new),
            journal: Mutex::default(),
            latency: Mutex::new(settings.latency),
            log: settings.log,
            stopped: stopped.clone(),
        });
        let router = Router::new().fallback(server::answer).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            let mut stopped = stopped;
            let end = async move {
                let _ = stopped.changed().await;
            };
            // It never ends with an error: where accepting fails, it waits and accepts again.
            let _ = axum::serve(listener, router).with_graceful_shutdown(end).await;
        });
        Ok(Self { address, shared, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint to configure: `http://127.0.0.1:PORT`. One that listens everywhere is reached there, too.
    pub fn endpoint(&self) -> String {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("http://{address}")
    }

    /// The requests so far, in the order in which they were answered: the newest 100,000, or less where their bodies
    /// come to more than 256 MiB.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.shared.journal).requests()
    }

    /// All connections of a project in the order of their creation, deleted ones too.
    pub fn connections(&self, project: &str) -> Vec<Connection> {
        self.look(project, |account| account.connections())
    }

    /// The tags of a connection; none where there is no such connection, or it was deleted.
    pub fn tags(&self, project: &str, id: &str) -> BTreeMap<String, String> {
        self.look(project, |account| account.tags(id).cloned().unwrap_or_default())
    }

    /// The route table with which a connection was created, which no request can read.
    pub fn routetable_id(&self, project: &str, id: &str) -> Option<String> {
        self.look(project, |account| account.record(id)?.routetable_id.clone())
    }

    /// The queues of a project.
    pub fn queues(&self, project: &str) -> Vec<Queue> {
        self.look(project, |account| account.project.queues.clone())
    }

    /// Changes things without a request, as somebody in the console would; the service's rules hold here too. An
    /// error is that of the state file.
    pub fn edit<T>(&self, project: &str, work: impl FnOnce(&mut Account<'_>) -> T) -> Result<T, SnapshotError> {
        let (result, change) = self.shared.with_account(project, true, work);
        self.shared.keep(change)?;
        Ok(result)
    }

    /// Changes the latency of every answer that has not begun to wait.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    /// Ends it: no new connections, no further waiting, and no more than half a second for the requests under way.
    pub async fn stop(self) {
        let Self { stop, mut serving, .. } = self;
        drop(stop);
        if tokio::time::timeout(Duration::from_millis(500), &mut serving).await.is_err() {
            serving.abort();
        }
    }

    fn look<T>(&self, project: &str, work: impl FnOnce(&mut Account<'_>) -> T) -> T {
        self.shared.with_account(project, false, work).0
    }
}
