//! One request from its bytes to its answer: read, find the operation, believe the signature, run, keep, log, wait.
//!
//! The order is the gateway's: what is not published or too large is refused before a signature is looked at. The
//! effect is committed (and in the state file) before the added latency begins, so that a client which gives up
//! waiting has created its thing nevertheless.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use fastrand::Rng;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    account::Account,
    clock::{Clock, milliseconds},
    control,
    disguise::disguise,
    faults::{Faults, Strike, Trouble},
    gateway::{self, Incoming, Keys},
    journal::{self, Journal, LoggedRequest},
    lifecycle::{Manner, after},
    limits,
    operation::{self, Answer, Call, Operation},
    project::Project,
    quirks::Quirk,
    refusal::Refusal,
    settings::Settings,
    snapshot::{self, SnapshotError},
};
use crate::dli::{code::REQUEST_ID_HEADER, rules};

/// Largest body that the gateway takes.
const MOST_BODY: usize = 12 * 1024 * 1024;
/// How much of a body that is too large is still read, so that its sender sees the answer and not a broken pipe.
const MOST_DRAINED: usize = 8 * MOST_BODY;

/// All that the emulator holds. Locks are held for the length of one method here, never over a wait.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) keys: Keys,
    pub(super) clock: Arc<dyn Clock>,
    /// How far the emulator's time is ahead of its clock.
    pub(super) ahead: Mutex<Duration>,
    pub(super) faults: Mutex<Faults>,
    pub(super) rng: Mutex<Rng>,
    pub(super) state: Mutex<Held>,
    pub(super) file: Option<StateFile>,
    pub(super) journal: Mutex<Journal>,
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
pub(super) struct Held {
    pub(super) projects: BTreeMap<String, Project>,
    pub(super) manner: Manner,
    pub(super) changes: u64,
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

impl Shared {
    /// Forgets everything but the number of the last request, and behaves as it did at first. Returns the number of the
    /// change.
    pub(super) fn reset(&self) -> u64 {
        *lock(&self.ahead) = Duration::ZERO;
        *lock(&self.faults) = Faults::new(&self.settings.faults).expect("they were good at the start");
        *lock(&self.rng) = Rng::with_seed(self.settings.seed);
        *lock(&self.latency) = self.settings.latency;
        lock(&self.journal).clear();
        self.change(|held| {
            held.projects.clear();
            held.manner = self.settings.manner();
        })
    }

    /// Changes all there is; returns the number of the change.
    pub(super) fn change(&self, work: impl FnOnce(&mut Held)) -> u64 {
        let mut held = lock(&self.state);
        work(&mut held);
        held.changes += 1;
        held.changes
    }

    /// Runs `work` on a project, which comes into being at first sight. A change is counted; its number is returned.
    pub(super) fn with_account<T>(
        &self,
        project: &str,
        changes: bool,
        work: impl FnOnce(&mut Account<'_>) -> T,
    ) -> (T, u64) {
        let now = after(milliseconds(self.clock.now()), *lock(&self.ahead));
        let mut held = lock(&self.state);
        let Held { projects, manner, .. } = &mut *held;
        let project = projects.entry(project.to_owned()).or_insert_with(Project::stocked);
        let result = work(&mut Account { project, now, manner });
        held.changes += u64::from(changes);
        (result, held.changes)
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
            let held = lock(&self.state);
            (snapshot::encode(&held.projects), held.changes)
        };
        snapshot::write(&file.path, &document)?;
        *written = newest;
        Ok(())
    }

    /// The operation's answer, and the number of the change that must be kept before it may leave. What befalls the
    /// request is left in `strike`.
    fn run(
        &self,
        parts: &Parts,
        body: Result<&[u8], Refusal>,
        strike: &mut Strike,
    ) -> Result<(Answer, Option<u64>), Refusal> {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let raw_query = parts.uri.query().unwrap_or_default();
        let query = operation::query_pairs(raw_query);
        let (operation, segments) = operation::find(method, path)?;
        if self.is_withheld(operation) {
            return Err(Refusal::not_published());
        }
        let body = body?;
        let incoming = Incoming { method, path, query: &query, headers: &parts.headers, body };
        // Signatures are made by the clock that the client sees, however far the emulator's time is ahead of it.
        gateway::verify(&incoming, &self.keys, self.clock.now())?;

        let decoded = percent_decode_str(path).decode_utf8_lossy();
        let text = String::from_utf8_lossy(body);
        let contains = |part: &str| decoded.contains(part) || raw_query.contains(part) || text.contains(part);
        *strike = lock(&self.faults).strike(operation.name, contains);
        if let Some(refusal) = strike.refusal() {
            return Err(refusal);
        }

        let call = Call { segments, query: &query, body };
        let project = call.segment("project_id");
        limits::text("project_id", &rules::PROJECT_ID, project)?;
        let changes = method != "GET";
        let (answer, change) = self.with_account(project, changes, |account| (operation.run)(account, &call));
        Ok((answer?, changes.then_some(change)))
    }

    /// Whether this region does without the operation.
    fn is_withheld(&self, operation: &Operation) -> bool {
        let quirks = &lock(&self.state).manner.quirks;
        let withheld = |quirk, prefix: &str, of: &str| {
            quirks.contains(&quirk) && operation.pattern.starts_with(prefix) && operation.pattern.contains(of)
        };
        withheld(Quirk::NoV3Routes, "/v3/", "/routes") || withheld(Quirk::NoTagApi, "/v3/", "/tags")
    }
}

/// What becomes of a request.
#[derive(Debug)]
struct Reply {
    answer: Answer,
    /// On top of the latency.
    delay: Duration,
    /// Done, and never told.
    lost: bool,
}

/// Answers one request. The work is a task of its own: a client that hangs up ends the waiting, never the work.
pub(super) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = read(body).await;
    let request_id = Uuid::new_v4().simple().to_string();
    if control::is_meant(parts.uri.path()) {
        return respond(controlled(shared, parts, body).await, &request_id);
    }
    let work = tokio::spawn(work(Arc::clone(&shared), parts, body, request_id.clone()));
    let reply = work.await.unwrap_or_else(|error| {
        let fault = Refusal::fault(format!("The emulator failed: {error}"));
        Reply { answer: refused(&fault, &request_id), delay: Duration::ZERO, lost: false }
    });

    let latency = lock(&shared.latency).saturating_add(reply.delay);
    if !latency.is_zero() {
        let mut stopped = shared.stopped.clone();
        tokio::select! {
            () = tokio::time::sleep(latency) => {}
            _ = stopped.changed() => {}
        }
    }
    respond(reply, &request_id)
}

/// What the control API says. Writing the state file is no work for a thread that serves others.
async fn controlled(shared: Arc<Shared>, parts: Parts, body: Result<Bytes, Refusal>) -> Reply {
    let answer = tokio::task::spawn_blocking(move || match body {
        Ok(body) => control::answer(&shared, &parts, &body),
        Err(refusal) => refused(&refusal, ""),
    });
    let answer =
        answer.await.unwrap_or_else(|error| refused(&Refusal::fault(format!("The emulator failed: {error}")), ""));
    Reply { answer, delay: Duration::ZERO, lost: false }
}

/// Changes, keeps and logs.
async fn work(shared: Arc<Shared>, parts: Parts, body: Result<Bytes, Refusal>, request_id: String) -> Reply {
    let at = shared.clock.now();
    let started = Instant::now();
    let mut strike = Strike::default();
    let run = shared.run(&parts, body.as_deref().map_err(Clone::clone), &mut strike);
    let mut outcome = match run {
        Ok((answer, Some(change))) if shared.file.is_some() => keep(&shared, change).await.map(|()| answer),
        run => run.map(|(answer, _)| answer),
    };
    let quirks = lock(&shared.state).manner.quirks.clone();
    if quirks.contains(&Quirk::SoftFailures) {
        let soften = |refusal: Refusal| if refusal.is_of_the_service() { Refusal::soft(refusal.text) } else { refusal };
        outcome = outcome.map_err(soften);
    }

    let refusal = outcome.as_ref().err();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let logged = LoggedRequest {
        number: 0,
        at,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        operation: operation::find(parts.method.as_str(), parts.uri.path()).ok().map(|(operation, _)| operation.name),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
        body: body.unwrap_or_default(),
        status: outcome.as_ref().map_or_else(|refusal| refusal.status, |answer| answer.status),
        code: refusal.map(|refusal| refusal.code.to_string()).filter(|code| !code.is_empty()),
        error: refusal.map(|refusal| refusal.text.clone()),
        request_id: request_id.clone(),
        took: started.elapsed(),
    };
    if shared.log {
        journal::print(&logged);
    }
    lock(&shared.journal).add(logged);

    let answer = outcome.unwrap_or_else(|refusal| refused(&refusal, &request_id));
    let answer = disguise(answer, &quirks, &mut lock(&shared.rng));
    let lost = strike.trouble == Some(Trouble::LoseAnswer);
    let answer = if strike.trouble == Some(Trouble::TruncateAnswer) { answer.truncated() } else { answer };
    Reply { answer, delay: strike.delay, lost }
}

/// The whole body. One that is too large is read on for a while and thrown away.
async fn read(body: Body) -> Result<Bytes, Refusal> {
    let mut stream = body.into_data_stream();
    let mut whole = Vec::new();
    let mut length: usize = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| Refusal::unreadable("The request ends before its body does"))?;
        length = length.saturating_add(piece.len());
        if length <= MOST_BODY {
            whole.extend_from_slice(&piece);
        } else if length <= MOST_DRAINED {
            whole = Vec::new();
        } else {
            break;
        }
    }
    if length > MOST_BODY { Err(Refusal::too_large(MOST_BODY)) } else { Ok(whole.into()) }
}

/// Writing waits for the disk, which is no work for a thread that serves others.
async fn keep(shared: &Arc<Shared>, change: u64) -> Result<(), Refusal> {
    let shared = Arc::clone(shared);
    match tokio::task::spawn_blocking(move || shared.keep(change)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Refusal::fault(format!("The change was made but not kept: {error}"))),
        Err(_) => Err(Refusal::fault("The change was made but not kept: the emulator is shutting down")),
    }
}

fn refused(refusal: &Refusal, request_id: &str) -> Answer {
    match refusal.outcome() {
        Some(outcome) => Answer::ok(&outcome),
        None => Answer::json(refusal.status, &refusal.body(request_id)),
    }
}

fn respond(Reply { answer, lost, .. }: Reply, request_id: &str) -> Response {
    if lost {
        // A body that fails before its first byte ends the connection before the first byte of the head.
        let nothing = stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted)) });
        return Response::new(Body::from_stream(nothing));
    }
    let json = answer.body.is_some();
    let mut response = Response::new(answer.body.map_or_else(Body::empty, Body::from));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if json {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    response
}

/// A lock whose former holder panicked is still a lock: every change is made whole or not at all.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
