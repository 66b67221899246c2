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
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts};
use uuid::Uuid;

use super::{
    control,
    disguise::disguise,
    faults::Trouble,
    iam,
    journal::{self, LoggedRequest},
    operation::Answer,
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

    let Course { operation, caller, is_login, strike } = course;
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
    let more = answer.headers;
    let mut response = Response::new(answer.body.map_or_else(Body::empty, Body::from));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if json {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    headers.extend(more);
    response
}
