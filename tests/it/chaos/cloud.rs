//! The emulator as something that can be killed: it has a thread and a runtime of its own, which end with everything that is
//! under way in them, and it starts again at the same address from its state file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use terraform_provider_dli::dli::wire::{BINDING_ACTIVE, Binding, Connection};
use terraform_provider_dli::emulator::{ApiError, Emulator, LoggedRequest, ProjectService, Settings};
use tokio::sync::oneshot;

use super::blocks::Facts;

/// A project id of the form that real ones have.
pub(super) const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// A region, which has that project.
pub(super) const REGION: &str = "eu-west-101";

/// An emulator that can be killed. Dropping it ends it.
pub(super) struct Cloud {
    served: Mutex<Option<Served>>,
    address: SocketAddr,
    settings: Settings,
    /// The requests of those that were killed.
    before: Mutex<Vec<LoggedRequest>>,
    /// Where the state file is.
    _directory: Option<TempDir>,
}

/// One life of the emulator.
struct Served {
    emulator: Arc<Emulator>,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Served {
    fn start(address: SocketAddr, settings: Settings) -> Self {
        let (started, starting) = mpsc::channel();
        let (end, ending) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("threads can be started").block_on(async move {
                let emulator = Arc::new(listen(address, settings).await);
                started.send(Arc::clone(&emulator)).expect("somebody waits for it");
                // An error is an end, too.
                let _ = ending.await;
            });
        });
        let emulator = starting.recv().expect("it starts");
        Self { emulator, end, thread }
    }

    /// Ends it with all that is under way.
    fn kill(self) -> Arc<Emulator> {
        drop(self.end);
        self.thread.join().expect("it does not panic");
        self.emulator
    }
}

/// The port of one that was just killed may be taken for a moment.
async fn listen(address: SocketAddr, settings: Settings) -> Emulator {
    let began = Instant::now();
    loop {
        match Emulator::start(address, settings.clone()).await {
            Ok(emulator) => return emulator,
            Err(error) if began.elapsed() > Duration::from_secs(10) => panic!("it does not start: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

impl Cloud {
    /// One that is never killed.
    pub(super) fn start(settings: Settings) -> Self {
        Self::start_in(settings, None)
    }

    /// One that may be.
    pub(super) fn start_mortal(settings: Settings) -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        let settings = Settings { state: Some(directory.path().join("cloud.json")), ..settings };
        Self::start_in(settings, Some(directory))
    }

    fn start_in(settings: Settings, directory: Option<TempDir>) -> Self {
        let served = Served::start(([127, 0, 0, 1], 0).into(), settings.clone());
        let address = served.emulator.address();
        Self { served: Mutex::new(Some(served)), address, settings, before: Mutex::default(), _directory: directory }
    }

    fn served(&self) -> MutexGuard<'_, Option<Served>> {
        self.served.lock().expect("no test goes on after a panic")
    }

    /// All that the emulator can be asked or told. What is told to it, it forgets when it is killed.
    pub(super) fn emulator(&self) -> Arc<Emulator> {
        Arc::clone(&self.served().as_ref().expect("it lives").emulator)
    }

    /// Where it listens, in each of its lives.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it.
    pub(super) fn die(&self) {
        let killed = self.served().take().expect("it lives").kill();
        self.before.lock().expect("no panic").extend(killed.requests());
    }

    /// Whether it is not dead.
    pub(super) fn lives(&self) -> bool {
        self.served().is_some()
    }

    /// Starts it again.
    pub(super) fn revive(&self) {
        *self.served() = Some(Served::start(self.address, self.settings.clone()));
    }

    /// Changes something as somebody in the console would; nothing while it is dead.
    pub(super) fn edit<T>(&self, work: impl FnOnce(&mut ProjectService<'_>) -> Result<T, ApiError>) -> Option<T> {
        let emulator = Arc::clone(&self.served().as_ref()?.emulator);
        emulator.edit(PROJECT, work).expect("it can be kept").ok()
    }

    /// All requests of all its lives.
    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        let mut requests = self.before.lock().expect("no panic").clone();
        requests.extend(self.emulator().requests());
        requests
    }

    /// How many connections were made at the request of a client, whether or not it was told.
    pub(super) fn created(&self) -> usize {
        let is_creation = |request: &&LoggedRequest| request.operation == Some("CreateEnhancedConnection");
        self.requests().iter().filter(is_creation).filter(|request| request.is_done()).count()
    }

    /// All connections that there ever were.
    pub(super) fn ever(&self) -> Vec<Connection> {
        self.emulator().connections(PROJECT)
    }

    /// The connections that there are.
    pub(super) fn connections(&self) -> Vec<Connection> {
        self.ever().into_iter().filter(|connection| !connection.is_deleted()).collect()
    }

    /// What a connection is and has.
    pub(super) fn facts(&self, connection: &Connection) -> Facts {
        let names = |bindings: &[Binding]| -> BTreeSet<String> {
            let shown = |binding: &Binding| match binding.status.as_str() {
                BINDING_ACTIVE => binding.name.clone(),
                status => format!("{} ({status})", binding.name),
            };
            bindings.iter().map(shown).collect()
        };
        let shared_with = self.edit(|account| account.shared_with(&connection.id).cloned());
        Facts {
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

    /// What is there beside `foreign`, by name; two of one name are told.
    pub(super) fn ours(&self, foreign: &BTreeSet<String>) -> Result<BTreeMap<String, Facts>, String> {
        let mut ours = BTreeMap::new();
        for connection in self.connections().iter().filter(|connection| !foreign.contains(&connection.id)) {
            if let Some(twin) = ours.insert(connection.name.clone(), self.facts(connection)) {
                return Err(format!("two connections of one name: {twin:?} and {}", connection.id));
            }
        }
        Ok(ours)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(served) = self.served.get_mut().ok().and_then(Option::take) {
            served.kill();
        }
    }
}
