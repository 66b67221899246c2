//! The state of a running emulator, and the processing of one request.
//!
//! Checks run in the gateway's order: unknown paths and oversized bodies are rejected before authentication.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::request::Parts;
use percent_encoding::percent_decode_str;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::{
    api_error::ApiError,
    auth::{self, IncomingRequest},
    behavior::Behavior,
    binding_state::after,
    clock::{Clock, milliseconds},
    credential_store::{Caller, CredentialStore, Scope},
    faults::ActiveFaults,
    iam, limits,
    lock::lock,
    metadata,
    operation::{ApiRequest, ApiResponse, query_pairs},
    project::Project,
    project_service::ProjectService,
    quirks::Quirk,
    request_log::RequestLog,
    routing,
    snapshot::{self, SnapshotError},
};
use crate::dli::{operation::Operation, rules};

/// The state of a running emulator.
///
/// A lock is held within one method only, never across an await, and no other lock is taken meanwhile.
#[derive(Debug)]
pub(super) struct AppState {
    pub(super) credentials: Mutex<CredentialStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) world: Mutex<World>,
    pub(super) file: Option<StateFile>,
    pub(super) request_log: Mutex<RequestLog>,
    pub(super) log: bool,
    pub(super) stopped: watch::Receiver<()>,
    /// Whether only this machine can reach the emulator.
    pub(super) is_loopback: bool,
    /// Restored by a reset.
    pub(super) initial: (Behavior, CredentialStore),
}

/// The projects, the behavior of the emulator and the number of changes.
#[derive(Debug)]
pub(super) struct World {
    pub(super) projects: BTreeMap<String, Project>,
    /// Earlier states of projects, for stale reads.
    past: History,
    pub(super) behavior: Behavior,
    pub(super) changes: u64,
}

impl World {
    pub(super) fn new(projects: BTreeMap<String, Project>, behavior: Behavior) -> Self {
        Self { projects, past: History::default(), behavior, changes: 0 }
    }

    /// The project as it was `lag` ago.
    fn past_project(&self, project: &str, now: i64, lag: Duration) -> Project {
        let past = self.past.at(project, now, lag).or_else(|| self.projects.get(project));
        past.cloned().unwrap_or_else(Project::seeded)
    }
}

/// The path of the state file and the number of the last change written to it.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    written: Mutex<u64>,
}

impl StateFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, written: Mutex::new(0) }
    }
}

impl AppState {
    /// Restores the initial state and behavior but keeps the request numbers. Returns the change number.
    pub(super) fn reset(&self) -> u64 {
        let (behavior, credentials) = self.initial.clone();
        *lock(&self.credentials) = credentials;
        lock(&self.request_log).clear();
        self.change(|world| {
            world.projects.clear();
            world.behavior = behavior;
        })
    }

    /// Changes all projects and returns the change number.
    pub(super) fn change(&self, work: impl FnOnce(&mut World)) -> u64 {
        let mut world = lock(&self.world);
        work(&mut world);
        world.past = History::default();
        world.changes += 1;
        world.changes
    }

    /// Runs `work` on a project and returns its result and the change number. A read of an unknown project sees the
    /// seeded objects without storing them.
    pub(super) fn with_project<T>(
        &self,
        project: &str,
        changes: bool,
        work: impl FnOnce(&mut ProjectService<'_>) -> T,
    ) -> (T, u64) {
        let mut world = lock(&self.world);
        let now = milliseconds(world.behavior.time(&*self.clock));
        let longest_lag = world.behavior.faults.longest_lag();
        let World { projects, past, behavior, .. } = &mut *world;
        let name = project;
        let mut seeded;
        let project = match projects.get_mut(name) {
            Some(project) => project,
            None if changes => projects.entry(name.to_owned()).or_insert_with(Project::seeded),
            None => {
                seeded = Project::seeded();
                &mut seeded
            }
        };
        match longest_lag {
            Some(longest) if changes => past.store(name, project, now, longest),
            Some(_) => {}
            None => *past = History::default(),
        }
        let mut service = ProjectService::new(project, now, &mut behavior.service);
        let result = work(&mut service);
        if changes {
            service.project.prune(now);
        }
        world.changes += u64::from(changes);
        (result, world.changes)
    }

    /// Runs `work` on the current project, or on a past state whose changes are discarded.
    fn read<T>(&self, project: &str, past: Option<Project>, work: impl FnOnce(&mut ProjectService<'_>) -> T) -> T {
        let Some(mut past) = past else { return self.with_project(project, false, work).0 };
        let mut world = lock(&self.world);
        let now = milliseconds(world.behavior.time(&*self.clock));
        work(&mut ProjectService::new(&mut past, now, &mut world.behavior.service))
    }

    /// Writes the state file up to this change number. Changes made during a write share the next one.
    pub(super) fn persist(&self, change: u64) -> Result<(), SnapshotError> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut written = lock(&file.written);
        if *written >= change {
            return Ok(());
        }
        let (document, newest) = {
            let world = lock(&self.world);
            (snapshot::encode(&world.projects), world.changes)
        };
        snapshot::write(&file.path, &document)?;
        *written = newest;
        Ok(())
    }

    /// The emulator's clock as clients see it.
    pub(super) fn now(&self) -> OffsetDateTime {
        lock(&self.world).behavior.now(&*self.clock)
    }

    /// The emulator's clock with the additional skew of one request.
    pub(super) fn now_off_by(&self, skew: time::Duration) -> OffsetDateTime {
        self.now().saturating_add(skew)
    }

    /// The time that decides about bindings, deletions and expiry.
    pub(super) fn time(&self) -> OffsetDateTime {
        lock(&self.world).behavior.time(&*self.clock)
    }

    /// Returns the response and the number of the change to persist before it is sent. Fills in `trace`.
    pub(super) fn run(
        &self,
        parts: &Parts,
        body: Result<&[u8], ApiError>,
        trace: &mut RequestTrace,
    ) -> Result<(ApiResponse, Option<u64>), ApiError> {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let query = query_pairs(parts.uri.query().unwrap_or_default());
        let request = |body| IncomingRequest { method, path, query: &query, headers: &parts.headers, body };
        let unchanged = |answer| (answer, None);
        if let Some(asked) = metadata::MetadataOperation::find(method, path) {
            trace.operation = Some(asked.name());
            let body = body?;
            self.apply_clock_skew(asked.name(), parts, body, trace);
            self.apply_faults(asked.name(), None, parts, body, trace)?;
            let now = self.time();
            let metadata = lock(&self.world).behavior.metadata;
            return asked.run(metadata, method, &parts.headers, &mut lock(&self.credentials), now).map(unchanged);
        }
        if let Some(asked) = iam::IamOperation::find(method, path, body.as_deref().unwrap_or_default()) {
            trace.operation = Some(asked.name());
            trace.is_login = true;
            return self.log_in(asked, &request(body?), parts, trace).map(unchanged);
        }

        let (operation, run, segments) = routing::find(method, path)?;
        trace.operation = Some(operation.name());
        if self.is_unpublished(operation) {
            return Err(ApiError::not_published());
        }
        let body = body?;
        self.apply_clock_skew(operation.name(), parts, body, trace);
        // The signature check uses the clock without the offset of `advance`.
        let now = self.now_off_by(trace.active_faults.skew);
        let authenticated = auth::verify(&request(body), &self.credentials, now, self.time())?;
        let caller = trace.caller.insert(authenticated.caller);
        let now = self.now();
        lock(&self.world).behavior.throttle.admit(&caller.identity, now)?;
        let read = (method == "GET").then(|| segments.get("project_id")).flatten();
        let past = self.apply_faults(operation.name(), read.map(String::as_str), parts, body, trace)?;

        let call = ApiRequest { segments, query: &query, body };
        let project = call.segment("project_id");
        limits::text("project_id", &rules::PROJECT_ID, project)?;
        if authenticated.scope.is_some_and(|scope| !matches!(scope, Scope::Project { id, .. } if id == project)) {
            return Err(ApiError::wrong_project(project));
        }
        if method == "GET" {
            let read = |service: &mut ProjectService<'_>| run(service, &call);
            let is_past = past.is_some();
            let answer = self.read(project, past, read);
            trace.is_stale = is_past && !is_same(&answer, &self.read(project, None, read));
            return answer.map(unchanged);
        }
        let (answer, change) = self.with_project(project, true, |service| {
            let default_delay = service.behavior.outcomes.delay;
            service.behavior.outcomes.delay = trace.active_faults.binding.unwrap_or(default_delay);
            let answer = run(service, &call);
            service.behavior.outcomes.delay = default_delay;
            answer
        });
        Ok((answer?, Some(change)))
    }

    fn log_in(
        &self,
        asked: iam::IamOperation,
        request: &IncomingRequest<'_>,
        parts: &Parts,
        trace: &mut RequestTrace,
    ) -> Result<ApiResponse, ApiError> {
        self.apply_clock_skew(asked.name(), parts, request.body, trace);
        let (now, time) = (self.now_off_by(trace.active_faults.skew), self.time());
        if asked.wants_caller(request) {
            trace.caller = Some(auth::verify(request, &self.credentials, now, time)?.caller);
        }
        self.apply_faults(asked.name(), None, parts, request.body, trace)?;
        let (answer, caller) = asked.run(request, trace.caller.clone(), &mut lock(&self.credentials), time)?;
        trace.caller = caller;
        Ok(answer)
    }

    /// Applies clock skew, which precedes authentication.
    fn apply_clock_skew(&self, operation: &str, parts: &Parts, body: &[u8], trace: &mut RequestTrace) {
        let contains = text_search(parts, body);
        trace.active_faults = lock(&self.world).behavior.faults.apply_clock_skew(operation, contains);
    }

    /// Applies the other faults and returns their error, if any. For a stale read, returns the past project. It is
    /// read under the same lock because the history is dropped once the last stale fault is used up.
    fn apply_faults(
        &self,
        operation: &str,
        read: Option<&str>,
        parts: &Parts,
        body: &[u8],
        trace: &mut RequestTrace,
    ) -> Result<Option<Project>, ApiError> {
        let contains = text_search(parts, body);
        let mut world = lock(&self.world);
        world.behavior.faults.apply(&mut trace.active_faults, operation, contains);
        let lag = trace.active_faults.lag;
        let read = read.filter(|_| !lag.is_zero());
        let now = milliseconds(world.behavior.time(&*self.clock));
        let past = read.map(|project| world.past_project(project, now, lag));
        drop(world);
        trace.active_faults.refusal().map_or(Ok(past), Err)
    }

    /// Whether a quirk removes the operation from the region.
    fn is_unpublished(&self, operation: Operation) -> bool {
        let quirks = &lock(&self.world).behavior.service.quirks;
        let path = operation.path_template();
        let omitted =
            |quirk, prefix: &str, of: &str| quirks.contains(&quirk) && path.starts_with(prefix) && path.contains(of);
        omitted(Quirk::NoV3Routes, "/v3/", "/routes") || omitted(Quirk::NoTagApi, "/v3/", "/tags")
    }
}

/// Past states of projects with the time until which they were current. Empty unless a stale fault is active.
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

/// What is known about a request after processing.
#[derive(Debug, Default)]
pub(super) struct RequestTrace {
    pub(super) operation: Option<&'static str>,
    pub(super) caller: Option<Caller>,
    /// Whether the body may contain secrets.
    pub(super) is_login: bool,
    pub(super) active_faults: ActiveFaults,
    /// Whether the response shows an older state that differs from the current one.
    pub(super) is_stale: bool,
}

fn is_same(one: &Result<ApiResponse, ApiError>, other: &Result<ApiResponse, ApiError>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one.body == other.body,
        (Err(one), Err(other)) => one.text == other.text,
        _ => false,
    }
}

/// Returns a search over the decoded path, the raw query and the body.
fn text_search(parts: &Parts, body: &[u8]) -> impl Fn(&str) -> bool {
    let decoded = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let query = parts.uri.query().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    move |part| decoded.contains(part) || query.contains(part) || body.contains(part)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::emulator::{Emulator, Fault, FaultKind, Settings};

    /// Another change between the fault decision and the read must not change the result.
    #[tokio::test]
    async fn stale_read_ignores_concurrent_change() {
        let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("a free port");
        let state = &emulator.state;
        let (parts, ()) = Request::get("/").body(()).expect("a request").into_parts();
        let queues = |service: &mut ProjectService<'_>| service.project.queues.len();
        let remove = |name| state.with_project("p", true, |service| service.remove_queue(name)).0.expect("it is there");
        let before = state.with_project("p", false, queues).0;
        // The past state can be in the history, or be the current state before the next change.
        for older in [true, false] {
            let fault = Fault::new("ListQueues", FaultKind::Stale(Duration::from_hours(1))).times(1);
            emulator.inject(fault).expect("a good fault");
            if older {
                remove("q1");
            }
            let past = state
                .apply_faults("ListQueues", Some("p"), &parts, b"", &mut RequestTrace::default())
                .expect("no refusal");
            remove(if older { "q2" } else { "q3" });
            let expected = if older { before } else { before - 2 };
            assert_eq!(state.read("p", past, queues), expected);
        }
        assert_eq!(state.with_project("p", false, queues).0, before - 3);
    }
}
