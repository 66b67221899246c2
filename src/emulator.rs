//! An in-process server for DLI's enhanced datasource connections, as documented, with the gateway's authentication,
//! and for the parts of VPC, DNS, EPS, IAM and the metadata service that a client needs. It serves tests and users
//! without an account.
//!
//! The emulator depends on [`crate::dli`] only, so that it is independent of the client that it tests. Where the
//! documents are silent, a comment marks the behavior as an inference.
//!
//! A request passes through these files: `server` reads it, `pipeline` processes it, `routing` finds the operation,
//! `auth` authenticates it against `credential_store`, and the file of the objects (such as `connections`) runs it on
//! [`ProjectService`], which changes the data of `project`. `state_file` keeps the data and `request_log`
//! records the request. `iam` and `metadata` issue credentials, `vpc` and `network_tags` serve the `networks` of a
//! project, `name_servers` serves DNS, and `enterprise_projects` serves EPS. `throttle` enforces the request
//! limit, `faults` injects faults, and `response_quirks` rewrites responses. [`Emulator`] and `control` change the
//! `behavior` at run time. `access` rejects what a hostile web page could send, and `page` is what a browser sees.
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

mod access;
mod api_error;
mod auth;
mod behavior;
mod binding_state;
mod bindings;
mod caller;
mod client_environment;
mod clock;
mod connections;
mod connectivity;
mod control;
mod credential_store;
mod details;
mod durations;
mod enterprise_projects;
mod events;
mod faults;
mod iam;
mod limits;
mod metadata;
mod name_servers;
mod network_details;
mod network_limits;
mod network_tags;
mod networks;
mod operation;
mod page;
mod pipeline;
mod pool_lifecycle;
mod pools;
mod privileges;
mod project;
mod project_service;
mod provider_block;
mod queue_lifecycle;
mod queues;
mod quirks;
mod request;
mod request_log;
mod response;
mod response_quirks;
mod routes;
mod routing;
mod seed;
mod server;
mod settings;
mod snapshot;
mod state;
mod state_file;
mod tags;
mod throttle;
mod vpc;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::State, serve::ListenerExt};
use http::{Request, Response};
use parking_lot::Mutex;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::access::AccessRules;
use self::state::{AppState, World};
use self::state_file::StateFile;
pub use self::{
    api_error::ApiError,
    caller::{Caller, Credential, Identity},
    clock::{Clock, ManualClock, SystemClock},
    control::CONTROL_API,
    faults::{Fault, FaultError, FaultKind},
    networks::Networks,
    operation::{operation_name, operations_of},
    project_service::ProjectService,
    quirks::{Quirk, Quirks},
    request_log::{FaultEffect, LoggedRequest},
    seed::{Seed, SeedError},
    settings::{ACCESS_KEY, IamAccount, Metadata, SECRET_KEY, Settings},
    state_file::StateFileError,
    throttle::{Limit, LimitSyntax},
};
use self::{behavior::Behavior, credential_store::CredentialStore, faults::Faults};
use crate::dli::vpc::Subnet;
use crate::dli::wire::{Connection, Pool, Queue};

/// Why an emulator failed to start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StartError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Fault(#[from] FaultError),
    #[error(transparent)]
    State(#[from] StateFileError),
}

/// A running emulator. Dropping it stops it.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    state: Arc<AppState>,
    /// Stops the server when it is dropped.
    stop: DropGuard,
    serving: JoinHandle<()>,
}

impl Emulator {
    /// Starts the emulator on the caller's runtime. Port 0 selects a free port.
    pub async fn start(address: SocketAddr, settings: Settings) -> Result<Self, StartError> {
        let behavior = Behavior::new(settings)?;
        let (state_file, projects) = match &behavior.settings.state {
            Some(path) => StateFile::open(path).await.map(|(file, projects)| (Some(file), projects))?,
            None => (None, BTreeMap::new()),
        };
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        if let Some(file) = &state_file {
            file.record_user(&endpoint(address));
        }
        // Each response is written at once, so Nagle's algorithm would only delay the last segment.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let stopped = CancellationToken::new();
        let state = Arc::new(AppState {
            credentials: Mutex::new(CredentialStore::new(&behavior.settings)),
            world: Mutex::new(World::new(projects, behavior.clone())),
            state_file,
            written: Mutex::new(0),
            request_log: Mutex::default(),
            stopped: stopped.clone(),
            access: AccessRules::new(&behavior.settings, address.ip()),
            endpoint: endpoint(address),
            activity: watch::Sender::new(0),
            initial: behavior,
        });
        let router = Router::new().fallback(server::handle).with_state(Arc::clone(&state));
        let end = stopped.clone().cancelled_owned();
        // It returns no error: after a failed accept it waits and tries again.
        let serving =
            tokio::spawn(async move { drop(axum::serve(listener, router).with_graceful_shutdown(end).await) });
        Ok(Self { address, state, stop: stopped.drop_guard(), serving })
    }

    /// Handles one request without the network. A lost response has a body that fails.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        server::handle(State(Arc::clone(&self.state)), request).await
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint to configure, such as `http://127.0.0.1:7080`; the loopback address if it listens on all addresses.
    pub fn endpoint(&self) -> String {
        endpoint(self.address)
    }

    /// The provider block that makes Terraform use the emulator, formatted as by `terraform fmt`.
    pub fn provider_block(&self) -> String {
        provider_block::provider_block(&self.state.initial.settings, &self.endpoint())
    }

    /// Environment variables by name that make the provider and Huawei's SDKs use the emulator. Variables with an empty
    /// value clear other credentials, and those without a value must not be set. Hosts in this process's `NO_PROXY` or
    /// `no_proxy` stay there.
    pub fn client_environment(&self) -> BTreeMap<String, Option<String>> {
        let variable = |name| std::env::var(name).ok().filter(|hosts| !hosts.trim().is_empty());
        let no_proxy = variable("NO_PROXY").or_else(|| variable("no_proxy"));
        client_environment::client_environment(&self.state.initial.settings, &self.endpoint(), no_proxy)
    }

    /// The newest requests in response order: at most 100,000, and at most 256 MiB in all.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.state.request_log.lock().requests()
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

    /// The subnets of a project.
    pub fn subnets(&self, project: &str) -> Vec<Subnet> {
        self.read_project(project, |service| service.project.networks.subnets.clone())
    }

    /// Changes a project without a request, like a user of the console. The service's rules apply. Fails if the state
    /// file cannot be written.
    pub fn edit<T>(&self, project: &str, work: impl FnOnce(&mut ProjectService<'_>) -> T) -> Result<T, StateFileError> {
        self.state.edit(project, work)
    }

    /// Sets the delay of every response.
    pub fn set_latency(&self, latency: Duration) {
        self.state.behavior().settings.latency = latency;
    }

    /// Sets how long new bindings stay CREATING.
    pub fn set_binding_delay(&self, delay: Duration) {
        self.state.behavior().settings.binding_delay = delay;
    }

    /// Sets how long new connectivity tests run.
    pub fn set_connectivity_delay(&self, delay: Duration) {
        self.state.behavior().settings.connectivity_delay = delay;
    }

    /// Sets how long newly deleted connections stay ACTIVE.
    pub fn set_delete_delay(&self, delay: Duration) {
        self.state.behavior().settings.delete_delay = delay;
    }

    /// Makes new bindings of a queue or pool become FAILED with this `err_msg`, or ACTIVE if `None`.
    pub fn set_binding_outcome(&self, name: &str, failure: Option<&str>) {
        self.state.behavior().set_outcome(Some(name), failure.map(str::to_owned));
    }

    /// Sets the outcome of one binding, whatever its name: FAILED with this `err_msg`, or ACTIVE if `None`. Several
    /// outcomes are used in order.
    pub fn set_next_binding_outcome(&self, failure: Option<&str>) {
        self.state.behavior().set_outcome(None, failure.map(str::to_owned));
    }

    /// Advances the emulator's time: bindings settle, deletions end. The signature check still uses the clock.
    pub fn advance(&self, span: Duration) {
        self.state.behavior().advance(span);
    }

    /// Adds a fault after the existing ones.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        self.state.behavior().faults.inject(fault).map(drop)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state.behavior().faults = Faults::default();
    }

    /// Sets the request limit per user and restarts the count.
    pub fn set_limit(&self, limit: Option<Limit>) {
        self.state.behavior().set_limit(limit);
    }

    /// Sets the difference between the emulator's clock and the correct time. It affects signature checks and the
    /// `Date` header.
    pub fn set_clock_skew(&self, skew: time::Duration) {
        self.state.behavior().settings.clock_skew = skew;
    }

    /// Revokes all issued tokens and temporary keys.
    pub fn revoke_credentials(&self) {
        self.state.credentials.lock().revoke();
    }

    /// Sets the lifetime of credentials issued from now on; the documented lifetime if `None`.
    pub fn set_credential_lifetime(&self, lifetime: Option<Duration>) {
        self.state.credentials.lock().iam_account.lifetime = lifetime;
    }

    /// Sets the version of the metadata service.
    pub fn set_metadata(&self, metadata: Metadata) {
        self.state.behavior().settings.metadata = metadata;
    }

    /// Replaces the active quirks.
    pub fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        self.state.behavior().settings.quirks = quirks.into_iter().collect();
    }

    /// Restores the initial state and settings and clears the log. Request numbers continue. Fails if the state file
    /// cannot be written.
    pub fn reset(&self) -> Result<(), StateFileError> {
        self.state.reset()
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
        self.state.read(project, None, work)
    }
}

/// The endpoint of an address; the loopback address for all addresses.
fn endpoint(mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}
