//! Serves one request: read the body, run the operation, persist, log, delay, respond.
//!
//! The change is committed and in the state file before the added latency begins. A client that times out has
//! therefore changed the service all the same.

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
    HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE},
    request::Parts,
};
use time::{OffsetDateTime, UtcDateTime, macros::format_description};
use uuid::Uuid;

use super::{
    api_error::ApiError,
    binding_state,
    clock::milliseconds,
    control,
    faults::FaultKind,
    iam,
    lock::lock,
    operation::ApiResponse,
    project::Record,
    quirks::Quirk,
    request_log::{self, FaultEffect, LoggedRequest},
    response_quirks::apply_quirks,
    routing,
    state::{AppState, RequestTrace},
};
use crate::dli::error_code::REQUEST_ID_HEADER;

/// Largest request body that the gateway accepts.
const MAX_BODY: usize = 12 * 1024 * 1024;
/// Number of bytes read from an oversized body, so that the client receives the response instead of a broken pipe.
const MAX_DRAINED: usize = 8 * MAX_BODY;

/// A response and how it is delivered.
#[derive(Debug)]
struct PlannedResponse {
    answer: ApiResponse,
    /// Delay caused by faults, in addition to the latency.
    delay: Duration,
    delivery: BodyDelivery,
    /// Clock skew of the `Date` header.
    skew: time::Duration,
}

impl PlannedResponse {
    /// A response without faults.
    fn whole(answer: ApiResponse) -> Self {
        Self { answer, delay: Duration::ZERO, delivery: BodyDelivery::All, skew: time::Duration::ZERO }
    }
}

/// How much of the response is sent before the connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyDelivery {
    All,
    Half,
    Nothing,
}

/// Handles one request. The work runs in its own task, so that a client that disconnects cannot cancel it.
pub(super) async fn answer(State(state): State<Arc<AppState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = read(body).await;
    let request_id = Uuid::new_v4().simple().to_string();
    if control::is_control_path(parts.uri.path()) {
        let now = state.now();
        return respond(control_response(state, parts, body).await, &request_id, now);
    }
    let work = tokio::spawn(work(Arc::clone(&state), parts, body, request_id.clone()));
    let reply = work.await.unwrap_or_else(|error| {
        let fault = ApiError::internal(format!("The emulator failed: {error}"));
        PlannedResponse::whole(error_response(&fault, &request_id))
    });

    let latency = lock(&state.world).behavior.latency.saturating_add(reply.delay);
    if !latency.is_zero() {
        let mut stopped = state.stopped.clone();
        tokio::select! {
            () = tokio::time::sleep(latency) => {}
            _ = stopped.changed() => {}
        }
    }
    let now = state.now_off_by(reply.skew);
    respond(reply, &request_id, now)
}

/// Runs a control request on a blocking thread, because it may write the state file.
async fn control_response(state: Arc<AppState>, parts: Parts, body: Result<Bytes, ApiError>) -> PlannedResponse {
    let answer = tokio::task::spawn_blocking(move || match body {
        Ok(body) => control::answer(&state, &parts, &body),
        Err(refusal) => error_response(&refusal, ""),
    });
    let answer = answer
        .await
        .unwrap_or_else(|error| error_response(&ApiError::internal(format!("The emulator failed: {error}")), ""));
    PlannedResponse::whole(answer)
}

/// Runs the operation, persists the change and logs the request.
async fn work(
    state: Arc<AppState>,
    parts: Parts,
    body: Result<Bytes, ApiError>,
    request_id: String,
) -> PlannedResponse {
    let at = state.now();
    let started = Instant::now();
    let mut trace = RequestTrace::default();
    let run = state.run(&parts, body.as_deref().map_err(Clone::clone), &mut trace);
    let mut outcome = match run {
        Ok((answer, Some(change))) if state.file.is_some() => persist(&state, change).await.map(|()| answer),
        run => run.map(|(answer, _)| answer),
    };
    let quirks = lock(&state.world).behavior.service.quirks.clone();
    if quirks.contains(&Quirk::SoftFailures) {
        let soften =
            |refusal: ApiError| if refusal.is_service_error() { ApiError::soft_failure(refusal.text) } else { refusal };
        outcome = outcome.map_err(soften);
    }

    let RequestTrace { operation, caller, is_login, active_faults, is_stale } = trace;
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
        fault_effect: FaultEffect {
            fault: active_faults.kind.clone(),
            delay: active_faults.delay,
            is_stale,
            shows_creating_binding: shows(&state, &parts, &outcome, is_settling),
            shows_deleting: shows(&state, &parts, &outcome, is_leaving),
        },
    };
    if state.log {
        request_log::print(&logged);
    }
    lock(&state.request_log).add(logged);

    let answer = outcome.unwrap_or_else(|refusal| error_response(&refusal, &request_id));
    let answer = apply_quirks(answer, &quirks, &mut lock(&state.world).behavior.rng);
    let (answer, delivery) = match active_faults.kind {
        Some(FaultKind::CutRequest | FaultKind::LoseAnswer) => (answer, BodyDelivery::Nothing),
        Some(FaultKind::CutAnswer) => (answer, BodyDelivery::Half),
        Some(FaultKind::TruncateAnswer) => (answer.truncated(), BodyDelivery::All),
        Some(FaultKind::GarbleAnswer) => (answer.garbled(), BodyDelivery::All),
        _ => (answer, BodyDelivery::All),
    };
    PlannedResponse { answer, delay: active_faults.delay, delivery, skew: active_faults.skew }
}

/// Whether the response to a GET request shows a connection that matches `is_such`.
fn shows(
    state: &AppState,
    parts: &Parts,
    outcome: &Result<ApiResponse, ApiError>,
    is_such: fn(&Record, i64) -> bool,
) -> bool {
    let Ok(ApiResponse { body: Some(body), .. }) = outcome else { return false };
    if parts.method != Method::GET {
        return false;
    }
    let Ok((_, _, segments)) = routing::find("GET", parts.uri.path()) else { return false };
    let (now, world) = (milliseconds(state.time()), lock(&state.world));
    let project = segments.get("project_id").and_then(|project| world.projects.get(project));
    let such: Vec<_> = project.iter().flat_map(|project| &project.connections).filter(|c| is_such(c, now)).collect();
    if such.is_empty() {
        return false;
    }
    let text = String::from_utf8_lossy(body);
    such.iter().any(|connection| text.contains(&connection.id))
}

fn is_settling(connection: &Record, now: i64) -> bool {
    connection.peerings.iter().any(|peering| peering.state(now) == binding_state::BindingState::Creating)
}

fn is_leaving(connection: &Record, now: i64) -> bool {
    connection.deleted && !connection.is_gone(now)
}

/// Reads the whole body. An oversized body is drained up to a limit and rejected.
async fn read(body: Body) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let mut whole = Vec::new();
    let mut length: usize = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| ApiError::bad_request("The request ends before its body does"))?;
        length = length.saturating_add(piece.len());
        if length <= MAX_BODY {
            whole.extend_from_slice(&piece);
        } else if length <= MAX_DRAINED {
            whole = Vec::new();
        } else {
            break;
        }
    }
    if length > MAX_BODY { Err(ApiError::too_large(MAX_BODY)) } else { Ok(whole.into()) }
}

/// Persists a change on a blocking thread.
async fn persist(state: &Arc<AppState>, change: u64) -> Result<(), ApiError> {
    let state = Arc::clone(state);
    match tokio::task::spawn_blocking(move || state.persist(change)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(ApiError::internal(format!("The change was made but could not be saved: {error}"))),
        Err(_) => Err(ApiError::internal("The change was made but could not be saved: the emulator is shutting down")),
    }
}

fn error_response(refusal: &ApiError, request_id: &str) -> ApiResponse {
    match refusal.outcome() {
        Some(outcome) => ApiResponse::ok(&outcome),
        None => ApiResponse::json(refusal.status, &refusal.body(request_id)),
    }
}

fn respond(
    PlannedResponse { answer, delivery, .. }: PlannedResponse,
    request_id: &str,
    now: OffsetDateTime,
) -> Response {
    // A body that fails before its first byte closes the connection before the response head is sent.
    let end = || Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted));
    let (length, body) = match (delivery, answer.body) {
        (BodyDelivery::All, body) => (None, body.map(Body::from)),
        (BodyDelivery::Half, Some(body)) => (Some(body.len()), Some(truncated_body(body, end))),
        (BodyDelivery::Half | BodyDelivery::Nothing, _) => {
            (None, Some(Body::from_stream(stream::once(async move { end() }))))
        }
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

/// The first half of a body, followed by an error that closes the connection.
fn truncated_body(mut body: Vec<u8>, end: impl FnOnce() -> io::Result<Bytes> + Send + 'static) -> Body {
    body.truncate(body.len() / 2);
    let first = stream::once(async move { Ok(Bytes::from(body)) });
    let rest = stream::once(async move {
        // Yielding lets hyper flush the first half.
        tokio::task::yield_now().await;
        end()
    });
    Body::from_stream(first.chain(rest))
}

/// Formats a time for the `Date` header, such as `Thu, 01 Jan 2026 00:00:00 GMT`.
fn http_date(time: OffsetDateTime) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    UtcDateTime::from(time).format(format).expect("a UTC time has all the parts that the format names")
}
