//! One request from its bytes to its answer: read, run, keep, log, wait, answer.
//!
//! The effect is committed (and in the state file) before the added latency begins, so that a client which gives up
//! waiting has created its thing nevertheless.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use futures_util::{StreamExt, stream};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE},
    request::Parts,
};
use time::{OffsetDateTime, UtcDateTime, macros::format_description};
use uuid::Uuid;

use super::{
    clock::milliseconds,
    control,
    disguise::disguise,
    faults::Trouble,
    iam,
    journal::{self, LoggedRequest, Struck},
    lifecycle,
    operation::{self, Answer, Operation},
    project::Record,
    quirks::Quirk,
    refusal::Refusal,
    shared::{Course, Shared, lock},
};
use crate::dli::code::REQUEST_ID_HEADER;

/// Largest body that the gateway takes.
const MOST_BODY: usize = 12 * 1024 * 1024;
/// How much of a body that is too large is still read, so that its sender sees the answer and not a broken pipe.
const MOST_DRAINED: usize = 8 * MOST_BODY;

/// What becomes of a request.
#[derive(Debug)]
struct Reply {
    answer: Answer,
    /// On top of the latency.
    delay: Duration,
    /// How much of it leaves.
    told: Told,
    /// How far its clock is off.
    skew: time::Duration,
}

impl Reply {
    /// Nothing has befallen it.
    fn whole(answer: Answer) -> Self {
        Self { answer, delay: Duration::ZERO, told: Told::All, skew: time::Duration::ZERO }
    }
}

/// How much of an answer leaves before the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    All,
    Half,
    Nothing,
}

/// Answers one request. The work is a task of its own: a client that hangs up ends the waiting, never the work.
pub(super) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = read(body).await;
    let request_id = Uuid::new_v4().simple().to_string();
    if control::is_meant(parts.uri.path()) {
        let now = shared.now();
        return respond(controlled(shared, parts, body).await, &request_id, now);
    }
    let work = tokio::spawn(work(Arc::clone(&shared), parts, body, request_id.clone()));
    let reply = work.await.unwrap_or_else(|error| {
        let fault = Refusal::fault(format!("The emulator failed: {error}"));
        Reply::whole(refused(&fault, &request_id))
    });

    let latency = lock(&shared.latency).saturating_add(reply.delay);
    if !latency.is_zero() {
        let mut stopped = shared.stopped.clone();
        tokio::select! {
            () = tokio::time::sleep(latency) => {}
            _ = stopped.changed() => {}
        }
    }
    let now = shared.now_off_by(reply.skew);
    respond(reply, &request_id, now)
}

/// What the control API says. Writing the state file is no work for a thread that serves others.
async fn controlled(shared: Arc<Shared>, parts: Parts, body: Result<Bytes, Refusal>) -> Reply {
    let answer = tokio::task::spawn_blocking(move || match body {
        Ok(body) => control::answer(&shared, &parts, &body),
        Err(refusal) => refused(&refusal, ""),
    });
    let answer =
        answer.await.unwrap_or_else(|error| refused(&Refusal::fault(format!("The emulator failed: {error}")), ""));
    Reply::whole(answer)
}

/// Changes, keeps and logs.
async fn work(shared: Arc<Shared>, parts: Parts, body: Result<Bytes, Refusal>, request_id: String) -> Reply {
    let at = shared.now();
    let started = Instant::now();
    let mut course = Course::default();
    let run = shared.run(&parts, body.as_deref().map_err(Clone::clone), &mut course);
    let mut outcome = match run {
        Ok((answer, Some(change))) if shared.file.is_some() => keep(&shared, change).await.map(|()| answer),
        run => run.map(|(answer, _)| answer),
    };
    let quirks = lock(&shared.state).manner.quirks.clone();
    if quirks.contains(&Quirk::SoftFailures) {
        let soften = |refusal: Refusal| if refusal.is_of_the_service() { Refusal::soft(refusal.text) } else { refusal };
        outcome = outcome.map_err(soften);
    }

    let Course { operation, caller, is_login, strike, is_old } = course;
    let refusal = outcome.as_ref().err();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let body = body.unwrap_or_default();
    let logged = LoggedRequest {
        number: 0,
        at,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        operation,
        caller,
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
        body: if is_login { iam::without_secrets(&body).into() } else { body },
        status: outcome.as_ref().map_or_else(|refusal| refusal.status, |answer| answer.status),
        code: refusal.map(|refusal| refusal.code.to_string()).filter(|code| !code.is_empty()),
        error: refusal.map(|refusal| refusal.text.clone()),
        request_id: request_id.clone(),
        took: started.elapsed(),
        struck: Struck {
            trouble: strike.trouble.clone(),
            delay: strike.delay,
            is_old,
            shows_settling: shows(&shared, &parts, &outcome, is_settling),
            shows_leaving: shows(&shared, &parts, &outcome, is_leaving),
        },
    };
    if shared.log {
        journal::print(&logged);
    }
    lock(&shared.journal).add(logged);

    let answer = outcome.unwrap_or_else(|refusal| refused(&refusal, &request_id));
    let answer = disguise(answer, &quirks, &mut lock(&shared.rng));
    let (answer, told) = match strike.trouble {
        Some(Trouble::CutRequest | Trouble::LoseAnswer) => (answer, Told::Nothing),
        Some(Trouble::CutAnswer) => (answer, Told::Half),
        Some(Trouble::TruncateAnswer) => (answer.truncated(), Told::All),
        Some(Trouble::GarbleAnswer) => (answer.garbled(), Told::All),
        _ => (answer, Told::All),
    };
    Reply { answer, delay: strike.delay, told, skew: strike.skew }
}

/// Whether the answer to a read shows such a connection.
fn shows(shared: &Shared, parts: &Parts, outcome: &Result<Answer, Refusal>, is_such: fn(&Record, i64) -> bool) -> bool {
    let Ok(Answer { body: Some(body), .. }) = outcome else { return false };
    let Ok((Operation { method: "GET", .. }, segments)) = operation::find(parts.method.as_str(), parts.uri.path())
    else {
        return false;
    };
    let (now, held) = (milliseconds(shared.time()), lock(&shared.state));
    let project = segments.get("project_id").and_then(|project| held.projects.get(project));
    let such: Vec<_> = project.iter().flat_map(|project| &project.connections).filter(|c| is_such(c, now)).collect();
    if such.is_empty() {
        return false;
    }
    let text = String::from_utf8_lossy(body);
    such.iter().any(|connection| text.contains(&connection.id))
}

fn is_settling(connection: &Record, now: i64) -> bool {
    connection.peerings.iter().any(|peering| peering.state(now) == lifecycle::State::Creating)
}

fn is_leaving(connection: &Record, now: i64) -> bool {
    connection.deleted && !connection.is_gone(now)
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

fn respond(Reply { answer, told, .. }: Reply, request_id: &str, now: OffsetDateTime) -> Response {
    // A body that fails before its first byte ends the connection before the first byte of the head.
    let end = || Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted));
    let (length, body) = match (told, answer.body) {
        (Told::All, body) => (None, body.map(Body::from)),
        (Told::Half, Some(body)) => (Some(body.len()), Some(half(body, end))),
        (Told::Half | Told::Nothing, _) => (None, Some(Body::from_stream(stream::once(async move { end() })))),
    };
    let is_json = body.is_some();
    let mut response = Response::new(body.unwrap_or_default());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if is_json {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    for (name, value) in [(REQUEST_ID_HEADER, request_id), (DATE.as_str(), &http_date(now))] {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    headers.extend(answer.headers);
    response
}

/// The first half of a body, and then the end of the connection.
fn half(mut body: Vec<u8>, end: impl FnOnce() -> io::Result<Bytes> + Send + 'static) -> Body {
    body.truncate(body.len() / 2);
    let first = stream::once(async move { Ok(Bytes::from(body)) });
    let rest = stream::once(async move {
        // Whoever waits for more lets go what there is.
        tokio::task::yield_now().await;
        end()
    });
    Body::from_stream(first.chain(rest))
}

/// `Thu, 01 Jan 2026 00:00:00 GMT`, the one form of the `Date` header.
fn http_date(time: OffsetDateTime) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    UtcDateTime::from(time).format(format).expect("a UTC time has all the parts that the format names")
}
