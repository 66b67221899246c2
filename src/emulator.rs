//! An in-process server for DLI's enhanced datasource connections, as documented, with the gateway's authentication.
//! It serves tests and users without an account.
//!
//! The emulator depends on [`crate::dli`] only, so that it is independent of the client that it tests. Where the
//! documents are silent, a comment marks the behavior as an inference.
//!
//! A request passes through these files: `server` reads it, `routing` finds the operation, `auth` authenticates it
//! against `credential_store`, and the file of the operation group (such as `connections`) calls [`ProjectService`],
//! which changes the data of `project`. `snapshot` stores the data in a file and `request_log` records the request.
//! `iam` and `metadata` issue credentials. `throttle` enforces the request limit, `faults` injects faults, and
//! `response_quirks` rewrites responses. `runtime_settings` and `control` change the behavior at run time.
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
mod behavior;
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
use http::{Request, Response};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub use self::{
    api_error::ApiError,
    clock::{Clock, ManualClock, SystemClock, read_skew},
    control::CONTROL_API,
    credential_store::{ACCESS_KEY, Caller, Credential, IamAccount, Identity, SECRET_KEY},
    faults::{ANY_OPERATION, Fault, FaultError, FaultKind, FaultSyntax},
    metadata::Metadata,
    project_service::ProjectService,
    quirks::{Quirk, Quirks},
    request_log::{FaultEffect, LoggedRequest},
    routing::{iam_names as iam_operations, names as operations},
    settings::{Settings, StartError},
    snapshot::SnapshotError,
    throttle::{Limit, LimitSyntax},
};
use self::{
    behavior::Behavior,
    lock::lock,
    state::{AppState, StateFile, World},
};
use crate::dli::wire::{Connection, Pool, Queue};

/// A running emulator. Dropping it stops it.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    state: Arc<AppState>,
    stop: watch::Sender<()>,
    serving: JoinHandle<()>,
}

impl Emulator {
    /// Starts the emulator on the caller's runtime. Port 0 selects a free port.
    pub async fn start(address: SocketAddr, settings: Settings) -> Result<Self, StartError> {
        let projects = settings.state.as_deref().map(snapshot::load).transpose()?.unwrap_or_default();
        let behavior = Behavior::new(&settings)?;
        let credentials = settings.credentials();
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        // Responses are written whole, so Nagle's algorithm would only delay the last segment.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let (stop, stopped) = watch::channel(());
        let state = Arc::new(AppState {
            credentials: Mutex::new(credentials.clone()),
            clock: settings.clock,
            world: Mutex::new(World::new(projects, behavior.clone())),
            file: settings.state.map(StateFile::new),
            request_log: Mutex::default(),
            log: settings.log,
            stopped: stopped.clone(),
            is_loopback: address.ip().is_loopback(),
            initial: (behavior, credentials),
        });
        let router = Router::new().fallback(server::answer).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move {
            let mut stopped = stopped;
            let end = async move {
                let _ = stopped.changed().await;
            };
            // It returns no error: after a failed accept it waits and tries again.
            let _ = axum::serve(listener, router).with_graceful_shutdown(end).await;
        });
        Ok(Self { address, state, stop, serving })
    }

    /// Handles one request without the network. A lost response has a body that fails.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        server::answer(State(Arc::clone(&self.state)), request).await
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint to configure, such as `http://127.0.0.1:7080`; the loopback address if it listens on all addresses.
    pub fn endpoint(&self) -> String {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("http://{address}")
    }

    /// The newest requests in response order: at most 100,000, and at most 256 MiB in all.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.state.request_log).requests()
    }

    /// All connections of a project in order of creation, including the newest 1,000 deleted ones.
    pub fn connections(&self, project: &str) -> Vec<Connection> {
        self.read_project(project, |service| service.connections())
    }

    /// The tags of a connection; empty if it does not exist.
    pub fn tags(&self, project: &str, id: &str) -> BTreeMap<String, String> {
        self.read_project(project, |service| service.tags(id).cloned().unwrap_or_default())
    }

    /// The route table of a connection, which no API operation returns.
    pub fn routetable_id(&self, project: &str, id: &str) -> Option<String> {
        self.read_project(project, |service| service.record(id)?.routetable_id.clone())
    }

    /// The queues of a project.
    pub fn queues(&self, project: &str) -> Vec<Queue> {
        self.read_project(project, |service| service.project.queues.clone())
    }

    /// The elastic resource pools of a project, with their queue names.
    pub fn pools(&self, project: &str) -> Vec<Pool> {
        self.read_project(project, |service| service.project.filled_pools().collect())
    }

    /// Changes a project without a request, like a user of the console. The service's rules apply. Fails if the state
    /// file cannot be written.
    pub fn edit<T>(&self, project: &str, work: impl FnOnce(&mut ProjectService<'_>) -> T) -> Result<T, SnapshotError> {
        let (result, change) = self.state.with_project(project, true, work);
        self.state.persist(change)?;
        Ok(result)
    }

    /// Stops the emulator. Running requests have half a second to finish.
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
