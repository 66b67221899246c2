//! All that a running emulator holds, and what one request does to it.
//!
//! The order is the gateway's: what is not published or too large is refused before a caller is looked at.

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

/// All that the emulator holds. Locks are held for the length of one method here, never over a wait. Whoever holds that of
/// the state may ask for the time and the faults, never the other way round.
#[derive(Debug)]
pub(super) struct AppState {
    pub(super) credentials: Mutex<CredentialStore>,
    pub(super) metadata: Mutex<Metadata>,
    pub(super) clock: Arc<dyn Clock>,
    /// How far the emulator's time is ahead of its clock.
    pub(super) ahead: Mutex<Duration>,
    pub(super) faults: Mutex<Faults>,
    pub(super) rng: Mutex<Rng>,
    pub(super) world: Mutex<World>,
    pub(super) file: Option<StateFile>,
    pub(super) throttle: Mutex<Throttle>,
    /// How far its clock is ahead of the right time; behind where it is negative.
    pub(super) skew: Mutex<time::Duration>,
    pub(super) request_log: Mutex<RequestLog>,
    pub(super) latency: Mutex<Duration>,
    pub(super) log: bool,
    pub(super) stopped: watch::Receiver<()>,
    /// Whether no other machine can reach it.
    pub(super) is_loopback: bool,
    /// What it was started with, to which a reset goes back.
    pub(super) settings: Settings,
}

/// The cloud, how it behaves, and how often it has changed.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) projects: BTreeMap<String, Project>,
    /// What projects were like before each recent change, for reads that lag behind.
    past: History,
    pub(super) behavior: Behavior,
    pub(super) changes: u64,
}

impl World {
    pub(super) fn new(projects: BTreeMap<String, Project>, behavior: Behavior) -> Self {
        Self { projects, behavior, ..Self::default() }
    }

    /// A project as it was so long ago.
    fn past_project(&self, project: &str, now: i64, lag: Duration) -> Project {
        let past = self.past.at(project, now, lag).or_else(|| self.projects.get(project));
        past.cloned().unwrap_or_else(Project::seeded)
    }
}

/// Where the state is kept, and which change was the last to get there.
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
    /// Forgets everything but the number of the last request, and behaves as it did at first. Returns the number of the
    /// change.
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

    /// Changes all there is; returns the number of the change.
    pub(super) fn change(&self, work: impl FnOnce(&mut World)) -> u64 {
        let mut world = lock(&self.world);
        work(&mut world);
        world.past = History::default();
        world.changes += 1;
        world.changes
    }

    /// Runs `work` on a project. A change is counted; its number is returned. Of a project that nobody has changed yet
    /// there is nothing but the stock, which a reader gets for the moment.
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

    /// Runs `work` on a project as it is or, where that is given, as it was. What it changes there is lost.
    fn read<T>(&self, project: &str, past: Option<Project>, work: impl FnOnce(&mut ProjectService<'_>) -> T) -> T {
        let Some(mut past) = past else { return self.with_project(project, false, work).0 };
        let mut world = lock(&self.world);
        work(&mut ProjectService::new(&mut past, milliseconds(self.time()), &mut world.behavior))
    }

    /// Brings the state file up to the change with this number. Changes that arrive while one is being written go
    /// into the next writing together.
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

    /// The emulator's clock, as clients see it.
    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now().saturating_add(*lock(&self.skew))
    }

    /// The same where it is off by so much for one request.
    pub(super) fn now_off_by(&self, skew: time::Duration) -> OffsetDateTime {
        self.now().saturating_add(skew)
    }

    /// The emulator's time, by which all that has an age grows older.
    pub(super) fn time(&self) -> OffsetDateTime {
        self.now().saturating_add(span(*lock(&self.ahead)))
    }

    /// The answer, and the number of the change that must be kept before it may leave. What else became known of the
    /// request is left in `course`.
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
        // Signatures are made by the clock that the client sees, however far the emulator's time is ahead of it.
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

    /// What befalls a request before it is believed.
    fn apply_clock_skew(&self, operation: &str, parts: &Parts, body: &[u8], trace: &mut RequestTrace) {
        let contains = finder(parts, body);
        trace.active_faults = lock(&self.faults).apply_clock_skew(operation, contains);
    }

    /// The troubles that befall a request; refused where one of them is a refusal. Where a read lags, what it is to see
    /// of the project is returned: it is taken in one step with the decision, because the past is forgotten once the last
    /// fault that asks for it is met.
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

    /// Whether this region does without the operation.
    fn is_unpublished(&self, operation: &Operation) -> bool {
        let quirks = &lock(&self.world).behavior.quirks;
        let withheld = |quirk, prefix: &str, of: &str| {
            quirks.contains(&quirk) && operation.pattern.starts_with(prefix) && operation.pattern.contains(of)
        };
        withheld(Quirk::NoV3Routes, "/v3/", "/routes") || withheld(Quirk::NoTagApi, "/v3/", "/tags")
    }
}

/// What projects were like, with the time until which they were so. It is kept only while a fault asks for it.
#[derive(Debug, Default)]
struct History(BTreeMap<String, VecDeque<(i64, Project)>>);

impl History {
    /// Remembers a project before it changes, and forgets what is too old to be asked for.
    fn keep(&mut self, name: &str, project: &Project, now: i64, longest: Duration) {
        let states = self.0.entry(name.to_owned()).or_default();
        states.push_back((now, project.clone()));
        while states.front().is_some_and(|(until, _)| after(*until, longest) <= now) {
            states.pop_front();
        }
    }

    /// What a project was like so long ago; none where that is what it is now.
    fn at(&self, name: &str, now: i64, lag: Duration) -> Option<&Project> {
        let mut states = self.0.get(name)?.iter();
        states.find(|(until, _)| after(*until, lag) > now).map(|(_, project)| project)
    }
}

/// What became known of a request on its way.
#[derive(Debug, Default)]
pub(super) struct RequestTrace {
    pub(super) operation: Option<&'static str>,
    pub(super) caller: Option<Caller>,
    /// Its body may hold secrets.
    pub(super) is_login: bool,
    pub(super) active_faults: ActiveFaults,
    /// Whether it was answered by an older state, and not as it would be by that of now.
    pub(super) is_stale: bool,
}

fn is_same(one: &Result<ApiResponse, ApiError>, other: &Result<ApiResponse, ApiError>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one.body == other.body,
        (Err(one), Err(other)) => one.text == other.text,
        _ => false,
    }
}

/// Whether a text stands in the decoded path, the query as sent, or the body.
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

    /// Between the decision and the reading the fault is used up, and another one's change forgets the past.
    #[tokio::test]
    async fn what_lags_once_lags_whoever_comes_in_between() {
        let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("a free port");
        let state = &emulator.state;
        let (parts, ()) = Request::get("/").body(()).expect("a request").into_parts();
        let queues = |service: &mut ProjectService<'_>| service.project.queues.len();
        let remove = |name| state.with_project("p", true, |service| service.remove_queue(name)).0.expect("it is there");
        let before = state.with_project("p", false, queues).0;
        // What is to be seen may be older than the last change, or just what is there before the next one.
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
