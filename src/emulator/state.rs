//! The state of a running emulator.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::{after, milliseconds};
use super::snapshot;
use super::state_file::{StateFile, StateFileError};
use super::{
    access::AccessRules,
    behavior::Behavior,
    credential_store::CredentialStore,
    project::{Project, Record},
    project_service::ProjectService,
    request_log::RequestLog,
};

/// The state of a running emulator.
///
/// A lock is held within one method only, never across an await. Only [`persist`](Self::persist) takes a second one.
#[derive(Debug)]
pub(super) struct AppState {
    pub(super) credentials: Mutex<CredentialStore>,
    pub(super) world: Mutex<World>,
    pub(super) state_file: Option<StateFile>,
    /// Number of the last change written to the state file.
    pub(super) written: Mutex<u64>,
    pub(super) request_log: Mutex<RequestLog>,
    pub(super) stopped: CancellationToken,
    /// Who may send requests.
    pub(super) access: AccessRules,
    /// The address for clients, such as `http://127.0.0.1:7080`.
    pub(super) endpoint: String,
    /// Number of requests and changes, which the event stream watches.
    pub(super) activity: watch::Sender<u64>,
    /// Restored by a reset.
    pub(super) initial: Behavior,
}

/// The projects, the behavior of the emulator and the number of changes.
#[derive(Debug)]
pub(super) struct World {
    pub(super) projects: BTreeMap<String, Project>,
    /// Earlier states of projects, for stale reads.
    past: History,
    pub(super) behavior: Behavior,
    changes: u64,
}

impl World {
    pub(super) fn new(projects: BTreeMap<String, Project>, behavior: Behavior) -> Self {
        Self { projects, past: History::default(), behavior, changes: 0 }
    }

    /// The current time in milliseconds since the Unix epoch.
    pub(super) fn now(&self) -> i64 {
        milliseconds(self.behavior.time())
    }

    /// The project as it was `lag` ago.
    pub(super) fn past_project(&self, name: &str, lag: Duration) -> Project {
        let now = self.now();
        let current = || {
            let project = self.projects.get(name).cloned();
            let mut project = project.unwrap_or_else(|| self.behavior.settings.initial_project());
            project.connections.extend(lend(&self.projects, name, now));
            project
        };
        self.past.at(name, now, lag).cloned().unwrap_or_else(current)
    }
}

impl AppState {
    /// Tells the event streams that something may have changed.
    pub(super) fn announce(&self) {
        self.activity.send_modify(|count| *count += 1);
    }

    pub(super) fn behavior(&self) -> MappedMutexGuard<'_, Behavior> {
        MutexGuard::map(self.world.lock(), |world| &mut world.behavior)
    }

    /// Restores the initial state and behavior but keeps the request numbers.
    pub(super) fn reset(&self) -> Result<(), StateFileError> {
        *self.credentials.lock() = CredentialStore::new(&self.initial.settings);
        self.request_log.lock().clear();
        self.change_all(|world| {
            world.projects.clear();
            world.behavior = self.initial.clone();
        })
    }

    /// Changes all projects and writes the state file.
    pub(super) fn change_all(&self, work: impl FnOnce(&mut World)) -> Result<(), StateFileError> {
        let mut world = self.world.lock();
        work(&mut world);
        world.past = History::default();
        world.changes += 1;
        let change = world.changes;
        drop(world);
        self.persist(change)
    }

    /// Changes a project and writes the state file.
    pub(super) fn edit<T>(
        &self,
        project: &str,
        work: impl FnOnce(&mut ProjectService<'_>) -> T,
    ) -> Result<T, StateFileError> {
        let (result, change) = self.with_project(project, true, work);
        self.persist(change)?;
        self.announce();
        Ok(result)
    }

    /// Runs `work` on a project and returns its result and the change number. A read of an unknown project sees the
    /// seeded objects without storing them.
    pub(super) fn with_project<T>(
        &self,
        project: &str,
        changes: bool,
        work: impl FnOnce(&mut ProjectService<'_>) -> T,
    ) -> (T, u64) {
        let mut world = self.world.lock();
        let World { projects, past, behavior, changes: count } = &mut *world;
        let now = milliseconds(behavior.time());
        let name = project;
        let lent = lend(projects, name, now);
        let mut seeded;
        let project = match projects.get_mut(name) {
            Some(project) => project,
            None if changes => projects.entry(name.to_owned()).or_insert_with(|| behavior.settings.initial_project()),
            None => {
                seeded = behavior.settings.initial_project();
                &mut seeded
            }
        };
        project.connections.extend(lent);
        project.connections.sort_by_key(|record| record.create_time);
        match behavior.faults.longest_lag() {
            Some(longest) if changes => past.store(name, project, now, longest),
            Some(_) => {}
            None => *past = History::default(),
        }
        let mut service = ProjectService::new(project, now, behavior);
        let result = work(&mut service);
        if changes {
            service.project.prune(now);
        }
        let lent: Vec<_> = project.connections.extract_if(.., |record| record.is_lent).collect();
        for record in lent.into_iter().filter(|_| changes) {
            take_back(projects, name, record);
        }
        *count += u64::from(changes);
        (result, *count)
    }

    /// Runs `work` on the current project, or on a past state whose changes are discarded.
    pub(super) fn read<T>(
        &self,
        project: &str,
        past: Option<Project>,
        work: impl FnOnce(&mut ProjectService<'_>) -> T,
    ) -> T {
        let Some(mut past) = past else { return self.with_project(project, false, work).0 };
        let mut behavior = self.behavior();
        let now = milliseconds(behavior.time());
        work(&mut ProjectService::new(&mut past, now, &mut behavior))
    }

    /// Writes the state file up to this change number. Changes made during a write share the next one.
    pub(super) fn persist(&self, change: u64) -> Result<(), StateFileError> {
        let Some(file) = &self.state_file else { return Ok(()) };
        let mut written = self.written.lock();
        if *written >= change {
            return Ok(());
        }
        let (document, newest) = {
            let world = self.world.lock();
            (snapshot::encode(&world.projects), world.changes)
        };
        file.write(&document)?;
        *written = newest;
        Ok(())
    }
}

/// The connections that other projects share with this one, with the bindings of this one only.
fn lend(projects: &BTreeMap<String, Project>, borrower: &str, now: i64) -> Vec<Record> {
    let others = projects.iter().filter(|(owner, _)| *owner != borrower).flat_map(|(_, owner)| &owner.connections);
    let shared = others.filter(|record| record.shared_with.contains(borrower) && !record.is_gone(now));
    let lent = |record: &Record| {
        let peerings = record.guest_peerings.get(borrower).cloned().unwrap_or_default();
        Record { peerings, is_lent: true, ..record.clone() }
    };
    shared.map(lent).collect()
}

/// Stores what the borrower may have changed of a connection of another project.
fn take_back(projects: &mut BTreeMap<String, Project>, borrower: &str, lent: Record) {
    let mut records = projects.values_mut().flat_map(|owner| &mut owner.connections);
    if let Some(record) = records.find(|record| record.id == lent.id) {
        record.routes = lent.routes;
        record.guest_peerings.insert(borrower.to_owned(), lent.peerings);
    }
}

/// Earlier states of projects with the time until which they were current. It is empty unless a stale fault is active.
#[derive(Debug, Default)]
struct History(BTreeMap<String, VecDeque<(i64, Project)>>);

impl History {
    /// Stores a project before a change and drops states that are too old.
    fn store(&mut self, name: &str, project: &Project, now: i64, longest: Duration) {
        let states = self.0.entry(name.to_owned()).or_default();
        states.push_back((now, project.clone()));
        while states.front().is_some_and(|(until, _)| after(*until, longest) <= now) {
            states.pop_front();
        }
    }

    /// The state `lag` ago; `None` if the project has not changed since.
    fn at(&self, name: &str, now: i64, lag: Duration) -> Option<&Project> {
        let mut states = self.0.get(name)?.iter();
        states.find(|(until, _)| after(*until, lag) > now).map(|(_, project)| project)
    }
}
