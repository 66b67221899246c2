//! An emulator that can be killed.
//!
//! It has its own thread and runtime. Killing it drops all requests in progress; a restart uses the same address and
//! the state file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use terraform_provider_dli::dli::wire::{BINDING_ACTIVE, Binding, Connection};
use terraform_provider_dli::emulator::{ApiError, Emulator, LoggedRequest, ProjectService, Settings};
use tokio::sync::oneshot;

use super::blocks::ConnectionDetails;

pub(super) const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// The region of that project.
pub(super) const REGION: &str = "eu-west-101";

/// An emulator that can be killed and restarted, and stops on drop.
pub(super) struct Cloud {
    running: Mutex<Option<Running>>,
    address: SocketAddr,
    settings: Settings,
    /// The request logs before each kill.
    earlier_requests: Mutex<Vec<LoggedRequest>>,
    /// The directory of the state file.
    _directory: Option<TempDir>,
}

/// A running emulator.
struct Running {
    emulator: Arc<Emulator>,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(address: SocketAddr, settings: Settings) -> Self {
        let (started, starting) = mpsc::channel();
        let (end, ending) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let emulator = Arc::new(listen(address, settings).await);
                started.send(Arc::clone(&emulator)).expect("the receiver waits");
                // An error means that the sender was dropped.
                let _ = ending.await;
            });
        });
        let emulator = starting.recv().expect("a started emulator");
        Self { emulator, end, thread }
    }

    /// Stops the thread and drops all requests in progress.
    fn kill(self) -> Arc<Emulator> {
        drop(self.end);
        self.thread.join().expect("no panic");
        self.emulator
    }
}

/// Starts to listen; the port of a killed emulator can stay in use for a moment.
async fn listen(address: SocketAddr, settings: Settings) -> Emulator {
    let started = Instant::now();
    loop {
        match Emulator::start(address, settings.clone()).await {
            Ok(emulator) => return emulator,
            Err(error) if started.elapsed() > Duration::from_secs(10) => panic!("could not start: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

impl Cloud {
    /// Starts an emulator that is never killed.
    pub(super) fn start(settings: Settings) -> Self {
        Self::start_in(settings, None)
    }

    /// Starts an emulator with a state file, so that it can be killed.
    pub(super) fn start_killable(settings: Settings) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let settings = Settings { state: Some(directory.path().join("cloud.json")), ..settings };
        Self::start_in(settings, Some(directory))
    }

    fn start_in(settings: Settings, directory: Option<TempDir>) -> Self {
        let running = Running::start(([127, 0, 0, 1], 0).into(), settings.clone());
        let address = running.emulator.address();
        Self {
            running: Mutex::new(Some(running)),
            address,
            settings,
            earlier_requests: Mutex::default(),
            _directory: directory,
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().expect("no panic")
    }

    /// The running emulator. A kill discards its faults and settings.
    pub(super) fn emulator(&self) -> Arc<Emulator> {
        Arc::clone(&self.running().as_ref().expect("a running emulator").emulator)
    }

    /// The URL, which stays the same after a restart.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn kill(&self) {
        let killed = self.running().take().expect("a running emulator").kill();
        self.earlier_requests.lock().expect("no panic").extend(killed.requests());
    }

    pub(super) fn is_running(&self) -> bool {
        self.running().is_some()
    }

    pub(super) fn restart(&self) {
        *self.running() = Some(Running::start(self.address, self.settings.clone()));
    }

    /// Changes the project as a user of the console would. Does nothing while the emulator is killed.
    pub(super) fn edit<T>(&self, work: impl FnOnce(&mut ProjectService<'_>) -> Result<T, ApiError>) -> Option<T> {
        let emulator = Arc::clone(&self.running().as_ref()?.emulator);
        emulator.edit(PROJECT, work).expect("a writable state file").ok()
    }

    /// All requests, including those before a kill.
    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        let mut requests = self.earlier_requests.lock().expect("no panic").clone();
        requests.extend(self.emulator().requests());
        requests
    }

    /// The number of creations that took effect, with or without a response.
    pub(super) fn creation_count(&self) -> usize {
        let is_create = |request: &&LoggedRequest| request.operation == Some("CreateEnhancedConnection");
        self.requests().iter().filter(is_create).filter(|request| request.is_done()).count()
    }

    /// All connections, including deleted ones.
    pub(super) fn all_connections(&self) -> Vec<Connection> {
        self.emulator().connections(PROJECT)
    }

    /// The connections that are not deleted.
    pub(super) fn connections(&self) -> Vec<Connection> {
        self.all_connections().into_iter().filter(|connection| !connection.is_deleted()).collect()
    }

    pub(super) fn details(&self, connection: &Connection) -> ConnectionDetails {
        let names = |bindings: &[Binding]| -> BTreeSet<String> {
            let shown = |binding: &Binding| match binding.status.as_str() {
                BINDING_ACTIVE => binding.name.clone(),
                status => format!("{} ({status})", binding.name),
            };
            bindings.iter().map(shown).collect()
        };
        let shared_with = self.edit(|account| account.shared_with(&connection.id).cloned());
        ConnectionDetails {
            name: connection.name.clone(),
            vpc: connection.dest_vpc_id.clone(),
            network: connection.dest_network_id.clone(),
            queues: names(&connection.available_queue_info),
            pools: names(&connection.elastic_resource_pools),
            hosts: connection.hosts.iter().map(|host| (host.name.clone(), host.ip.clone())).collect(),
            routes: connection.routes.iter().map(|route| (route.name.clone(), route.cidr.clone())).collect(),
            tags: self.emulator().tags(PROJECT, &connection.id),
            shared_with: shared_with.unwrap_or_default(),
        }
    }

    /// All connections except `foreign`, by name. Two connections of one name are an error.
    pub(super) fn own_connections(
        &self,
        foreign: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, ConnectionDetails>, String> {
        let mut by_name = BTreeMap::new();
        for connection in self.connections().iter().filter(|connection| !foreign.contains(&connection.id)) {
            if let Some(duplicate) = by_name.insert(connection.name.clone(), self.details(connection)) {
                return Err(format!("two connections of the same name: {duplicate:?} and {}", connection.id));
            }
        }
        Ok(by_name)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(running) = self.running.get_mut().ok().and_then(Option::take) {
            running.kill();
        }
    }
}
