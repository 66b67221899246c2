//! The service in a process: the API of DLI's enhanced datasource connections, as the documents describe it, behind
//! the gateway's signature check. For a newcomer without an account, and for tests.
//!
//! It stands on [`crate::dli`] and knows nothing of the client, the framework or the provider: it is their judge. Where
//! the documents are silent, the choice is marked as an inference beside the code that makes it.
//!
//! The way of a request: `server` reads it, `operation` names the operation, `gateway` believes its signature or token
//! by what `people` knows, a group's file (`connections`, `bindings`, `routes`, `privileges`, `tags`, `queues`,
//! `connectivity`, `pools`, `quotas`) turns it into a method of [`ProjectService`], which keeps the rules of `limits` and `lifecycle` over the data of
//! `project`; `snapshot` keeps that in a file, `journal` remembers it. Beside the service, `iam` and `metadata` hand out
//! credentials. On the way `throttle` counts, `faults` bring troubles on, and `disguise` gives the answer the form that the `quirks` want;
//! `steering` changes all of this at run time, and `control` lets it be changed from without.
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

mod api_error;
mod auth;
mod binding_state;
mod bindings;
mod clock;
mod connections;
mod connectivity;
mod control;
mod credential_store;
mod faults;
mod iam;
mod limits;
mod lock;
mod metadata;
mod operation;
mod pools;
mod privileges;
mod project;
mod project_service;
mod queues;
mod quirks;
mod quotas;
mod request_log;
mod response_quirks;
mod routes;
mod routing;
mod runtime_settings;
mod server;
mod settings;
mod snapshot;
mod state;
mod tags;
mod throttle;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::State, serve::ListenerExt};
use fastrand::Rng;
use http::{Request, Response};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub use self::{
    api_error::ApiError,
    clock::{Clock, ManualClock, SystemClock, read_skew},
    control::CONTROL_API,
    credential_store::{ACCESS_KEY, Caller, Credential, IamAccount, Identity, SECRET_KEY},
    faults::{ANY_OPERATION, Fault, FaultError, FaultKind, FaultSyntax},
    metadata::{Metadata, UnknownMetadata},
    project_service::ProjectService,
    quirks::{Quirk, Quirks, UnknownQuirk},
    request_log::{FaultEffect, LoggedRequest},
    routing::{iam_names as iam_operations, names as operations},
    settings::{Settings, StartError},
    snapshot::SnapshotError,
    throttle::{Limit, LimitSyntax},
};
use self::{
    faults::Faults,
    lock::lock,
    state::{AppState, StateFile, World},
    throttle::Throttle,
};
use crate::dli::wire::{Connection, Pool, Queue};

/// A running emulator; dropping it ends it.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    state: Arc<AppState>,
    stop: watch::Sender<()>,
    serving: JoinHandle<()>,
}

impl Emulator {
    /// Starts listening; port 0 takes a free one. Runs on the caller's runtime until it is stopped or dropped.
    pub async fn start(address: SocketAddr, settings: Settings) -> Result<Self, StartError> {
        let projects = settings.state.as_deref().map(snapshot::load).transpose()?.unwrap_or_default();
        let faults = Faults::new(&settings.faults)?;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        // Answers are written whole; gathering small pieces would only delay the last of them.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let (stop, stopped) = watch::channel(());
        let state = Arc::new(AppState {
            credentials: Mutex::new(settings.credentials()),
            metadata: Mutex::new(settings.metadata),
            clock: Arc::clone(&settings.clock),
            ahead: Mutex::default(),
            faults: Mutex::new(faults),
            rng: Mutex::new(Rng::with_seed(settings.seed)),
            world: Mutex::new(World::new(projects, settings.behavior())),
            file: settings.state.clone().map(StateFile::new),
            throttle: Mutex::new(Throttle::new(settings.limit)),
            skew: Mutex::new(settings.clock_skew),
            request_log: Mutex::default(),
            latency: Mutex::new(settings.latency),
            log: settings.log,
            stopped: stopped.clone(),
            is_loopback: address.ip().is_loopback(),
            settings,
        });
        let router = Router::new().fallback(server::answer).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move {
            let mut stopped = stopped;
            let end = async move {
                let _ = stopped.changed().await;
            };
            // It never ends with an error: where accepting fails, it waits and accepts again.
            let _ = axum::serve(listener, router).with_graceful_shutdown(end).await;
        });
        Ok(Self { address, state, stop, serving })
    }

    /// Answers one request without the network, as the listener would; a lost answer is a body that fails.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        server::answer(State(Arc::clone(&self.state)), request).await
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
        lock(&self.state.request_log).requests()
    }

    /// All connections of a project in the order of their creation, with the 1,000 that were deleted last.
    pub fn connections(&self, project: &str) -> Vec<Connection> {
        self.read_project(project, |service| service.connections())
    }

    /// The tags of a connection; none where there is no such connection, or it was deleted.
    pub fn tags(&self, project: &str, id: &str) -> BTreeMap<String, String> {
        self.read_project(project, |service| service.tags(id).cloned().unwrap_or_default())
    }

    /// The route table with which a connection was created, which no request can read.
    pub fn routetable_id(&self, project: &str, id: &str) -> Option<String> {
        self.read_project(project, |service| service.record(id)?.routetable_id.clone())
    }

    /// The queues of a project.
    pub fn queues(&self, project: &str) -> Vec<Queue> {
        self.read_project(project, |service| service.project.queues.clone())
    }

    /// The elastic resource pools of a project, with the names of their queues.
    pub fn pools(&self, project: &str) -> Vec<Pool> {
        self.read_project(project, |service| service.project.filled_pools().collect())
    }

    /// Changes things without a request, as somebody in the console would; the service's rules hold here too. An
    /// error is that of the state file.
    pub fn edit<T>(&self, project: &str, work: impl FnOnce(&mut ProjectService<'_>) -> T) -> Result<T, SnapshotError> {
        let (result, change) = self.state.with_project(project, true, work);
        self.state.keep(change)?;
        Ok(result)
    }

    /// Ends it: no new connections, no further waiting, and no more than half a second for the requests under way.
    pub async fn stop(self) {
        let Self { stop, mut serving, .. } = self;
        drop(stop);
        if tokio::time::timeout(Duration::from_millis(500), &mut serving).await.is_err() {
            serving.abort();
        }
    }

    fn read_project<T>(&self, project: &str, work: impl FnOnce(&mut ProjectService<'_>) -> T) -> T {
        self.state.with_project(project, false, work).0
    }
}
