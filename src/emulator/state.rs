//! The state of a running emulator, and the processing of one request.
//!
//! Checks run in the gateway's order: unknown paths and oversized bodies are rejected before authentication.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::{
    api_error::ApiError,
    auth::{self, IncomingRequest},
    binding_state::{Behavior, after},
    clock::{Clock, milliseconds},
    credential_store::{Caller, CredentialStore, Scope},
    faults::{ActiveFaults, Faults},
    iam, limits,
    lock::lock,
    metadata::{self, Metadata},
    operation::{ApiRequest, ApiResponse, Operation, query_pairs},
    project::Project,
    project_service::ProjectService,
    quirks::Quirk,
    request_log::RequestLog,
    routing,
    settings::Settings,
    snapshot::{self, SnapshotError},
    throttle::Throttle,
};
use crate::dli::rules;

/// The state of a running emulator.
///
/// A lock is held within one method only, never across an await. While `world` is locked, the clock settings and the
/// faults may be locked, but not the reverse.
#[derive(Debug)]
pub(super) struct AppState {
    pub(super) credentials: Mutex<CredentialStore>,
    pub(super) metadata: Mutex<Metadata>,
    pub(super) clock: Arc<dyn Clock>,
    /// Offset of the emulator's time from its clock.
    pub(super) ahead: Mutex<Duration>,
    pub(super) faults: Mutex<Faults>,
    pub(super) rng: Mutex<Rng>,
    pub(super) world: Mutex<World>,
    pub(super) file: Option<StateFile>,
    pub(super) throttle: Mutex<Throttle>,
    /// Difference between the emulator's clock and the correct time, positive or negative.
    pub(super) skew: Mutex<time::Duration>,
    pub(super) request_log: Mutex<RequestLog>,
    pub(super) latency: Mutex<Duration>,
    pub(super) log: bool,
    pub(super) stopped: watch::Receiver<()>,
    /// Whether only this machine can reach the emulator.
    pub(super) is_loopback: bool,
    /// The initial settings, restored by a reset.
    pub(super) settings: Settings,
}

/// The projects, the behavior of the service and the number of changes.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) projects: BTreeMap<String, Project>,
    /// Earlier states of projects, for stale reads.
    past: History,
    pub(super) behavior: Behavior,
    pub(super) changes: u64,
}

impl World {
    pub(super) fn new(projects: BTreeMap<String, Project>, behavior: Behavior) -> Self {
        Self { projects, behavior, ..Self::default() }
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
        *lock(&self.ahead) = Duration::ZERO;
        *lock(&self.faults) = Faults::new(&self.settings.faults).expect("they were good at the start");
        *lock(&self.rng) = Rng::with_seed(self.settings.seed);
        *lock(&self.latency) = self.settings.latency;
        *lock(&self.skew) = self.settings.clock_skew;
        *lock(&self.throttle) = Throttle::new(self.settings.limit);
        *lock(&self.metadata) = self.settings.metadata;
        *lock(&self.credentials) = self.settings.credentials();
        lock(&self.request_log).clear();
        self.change(|world| {
            world.projects.clear();
            world.behavior = self.settings.behavior();
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
        let now = milliseconds(self.time());
        let longest_lag = lock(&self.faults).longest_lag();
        let World { projects, past, behavior, .. } = &mut *world;
        let name = project;
        let mut stock;
        let project = match projects.get_mut(name) {
            Some(project) => project,
            None if changes => projects.entry(name.to_owned()).or_insert_with(Project::seeded),
            None => {
                stock = Project::seeded();
                &mut stock
            }
        };
        match longest_lag {
            Some(longest) if changes => past.keep(name, project, now, longest),
            Some(_) => {}
            None => *past = History::default(),
        }
        let mut service = ProjectService::new(project, now, behavior);
        let result = work(&mut service);
        if changes {
            service.project.forget(now);
        }
        world.changes += u64::from(changes);
        (result, world.changes)
    }

    /// Runs `work` on the current project, or on a past state whose changes are discarded.
    fn read<T>(&self, project: &str, past: Option<Project>, work: impl FnOnce(&mut ProjectService<'_>) -> T) -> T {
        let Some(mut past) = past else { return self.with_project(project, false, work).0 };
        let mut world = lock(&self.world);
        work(&mut ProjectService::new(&mut past, milliseconds(self.time()), &mut world.behavior))
    }

    /// Writes the state file up to this change number. Changes made during a write share the next one.
    pub(super) fn keep(&self, change: u64) -> Result<(), SnapshotError> {
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
        self.clock.now().saturating_add(*lock(&self.skew))
    }

    /// The emulator's clock with the additional skew of one request.
    pub(super) fn now_off_by(&self, skew: time::Duration) -> OffsetDateTime {
        self.now().saturating_add(skew)
    }

    /// The time that decides about bindings, deletions and expiry.
    pub(super) fn time(&self) -> OffsetDateTime {
        self.now().saturating_add(span(*lock(&self.ahead)))
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
        let alone = |answer| (answer, None);
        if let Some(asked) = metadata::MetadataOperation::find(method, path) {
            trace.operation = Some(asked.name());
            let body = body?;
            self.apply_clock_skew(asked.name(), parts, body, trace);
            self.apply_faults(asked.name(), None, parts, body, trace)?;
            let (metadata, now) = (*lock(&self.metadata), self.time());
            return asked.run(metadata, method, &parts.headers, &mut lock(&self.credentials), now).map(alone);
        }
        if let Some(asked) = iam::IamOperation::find(method, path, body.as_deref().unwrap_or_default()) {
            trace.operation = Some(asked.name());
            trace.is_login = true;
            return self.log_in(asked, &request(body?), parts, trace).map(alone);
        }

        let (operation, segments) = routing::find(method, path)?;
        trace.operation = Some(operation.name);
        if self.is_unpublished(operation) {
            return Err(ApiError::not_published());
        }
        let body = body?;
        self.apply_clock_skew(operation.name, parts, body, trace);
        // The signature check uses the clock without the offset of `advance`.
        let now = self.now_off_by(trace.active_faults.skew);
        let believed = auth::verify(&request(body), &self.credentials, now, self.time())?;
        let caller = trace.caller.insert(believed.caller);
        lock(&self.throttle).admit(&caller.identity, self.now())?;
        let read = (method == "GET").then(|| segments.get("project_id")).flatten();
        let past = self.apply_faults(operation.name, read.map(String::as_str), parts, body, trace)?;

        let call = ApiRequest { segments, query: &query, body };
        let project = call.segment("project_id");
        limits::text("project_id", &rules::PROJECT_ID, project)?;
        if believed.scope.is_some_and(|scope| !matches!(scope, Scope::Project { id, .. } if id == project)) {
            return Err(ApiError::out_of_scope(project));
        }
        if method == "GET" {
            let run = |service: &mut ProjectService<'_>| (operation.run)(service, &call);
            let is_past = past.is_some();
            let answer = self.read(project, past, run);
            trace.is_stale = is_past && !is_same(&answer, &self.read(project, None, run));
            return answer.map(alone);
        }
        let (answer, change) = self.with_project(project, true, |service| {
            let usual = service.behavior.outcomes.delay;
            service.behavior.outcomes.delay = trace.active_faults.binding.unwrap_or(usual);
            let answer = (operation.run)(service, &call);
            service.behavior.outcomes.delay = usual;
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
        let contains = finder(parts, body);
        trace.active_faults = lock(&self.faults).apply_clock_skew(operation, contains);
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
        let contains = finder(parts, body);
        let world = lock(&self.world);
        lock(&self.faults).active_faults(&mut trace.active_faults, operation, contains);
        let lag = trace.active_faults.lag;
        let read = read.filter(|_| !lag.is_zero());
        let past = read.map(|project| world.past_project(project, milliseconds(self.time()), lag));
        drop(world);
        trace.active_faults.refusal().map_or(Ok(past), Err)
    }

    /// Whether a quirk removes the operation from the region.
    fn is_unpublished(&self, operation: &Operation) -> bool {
        let quirks = &lock(&self.world).behavior.quirks;
        let withheld = |quirk, prefix: &str, of: &str| {
            quirks.contains(&quirk) && operation.pattern.starts_with(prefix) && operation.pattern.contains(of)
        };
        withheld(Quirk::NoV3Routes, "/v3/", "/routes") || withheld(Quirk::NoTagApi, "/v3/", "/tags")
    }
}

/// Past states of projects with the time until which they were current. Empty unless a stale fault is active.
#[derive(Debug, Default)]
struct History(BTreeMap<String, VecDeque<(i64, Project)>>);

impl History {
    /// Stores a project before a change and drops states that are too old.
    fn keep(&mut self, name: &str, project: &Project, now: i64, longest: Duration) {
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
fn finder(parts: &Parts, body: &[u8]) -> impl Fn(&str) -> bool {
    let decoded = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let query = parts.uri.query().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    move |part| decoded.contains(part) || query.contains(part) || body.contains(part)
}

fn span(span: Duration) -> time::Duration {
    time::Duration::try_from(span).unwrap_or(time::Duration::MAX)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::emulator::{Emulator, Fault, FaultKind};

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
