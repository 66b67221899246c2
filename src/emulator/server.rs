//! Serves one request: read the body, process it, delay, respond.
//!
//! The change is committed and in the state file before the added latency begins. A client that times out has
//! therefore changed the service all the same.

use std::{io, sync::Arc};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE};
use time::{OffsetDateTime, UtcDateTime, macros::format_description};
use uuid::Uuid;

use super::access::Area;
use super::faults::{ActiveFaults, FaultKind};
use super::{api_error::ApiError, control, events, request::ApiRequest, response::ApiResponse, state::AppState};
use crate::dli::error_code::REQUEST_ID_HEADER;

/// Largest request body that the gateway accepts.
const MAX_BODY: usize = 12 * 1024 * 1024;
/// Largest body of a control request, which can be a whole state.
const MAX_CONTROL_BODY: usize = 256 * 1024 * 1024;
/// Number of bytes read from an oversized body, so that the client receives the response instead of a broken pipe.
const MAX_DRAINED: usize = 8 * MAX_BODY;

/// Handles one request. The work runs on a blocking thread, because it may write the state file, and because a client
/// that disconnects must not cancel it.
pub(super) async fn handle(State(state): State<Arc<AppState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let may_control = control::is_control_path(parts.uri.path()) && state.access.check(&parts, Area::Control).is_ok();
    let max_body = if may_control { MAX_CONTROL_BODY } else { MAX_BODY };
    let (body, read_error) = match read(body, max_body).await {
        Ok(body) => (body, None),
        Err(error) => (Bytes::new(), Some(error)),
    };
    let request = ApiRequest::new(parts, body);
    let request_id = Uuid::new_v4().simple().to_string();
    let is_control = control::is_control(&request);
    let work = {
        let (state, request_id) = (Arc::clone(&state), request_id.clone());
        let is_allowed = state.access.check(&request.parts, Area::Service);
        move || {
            let response = match (read_error, is_allowed) {
                (Some(error), _) if is_control => ApiResponse::error(&error, ""),
                (None, _) if is_control => control::handle(&state, request),
                (read_error, Ok(())) => return state.process(request, read_error, &request_id),
                (_, Err(error)) => ApiResponse::error(&ApiError::bad_request(403, error.to_string()), &request_id),
            };
            (response, ActiveFaults::default())
        }
    };
    let (response, faults) = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let error = ApiError::internal(format!("The emulator failed: {error}"));
        (ApiResponse::error(&error, &request_id), ActiveFaults::default())
    });

    if is_control && events::is_event_stream(&response) {
        return events::respond(response, state);
    }
    let latency = state.behavior().settings.latency.saturating_add(faults.delay);
    if !is_control && !latency.is_zero() {
        state.stopped.run_until_cancelled(tokio::time::sleep(latency)).await;
    }
    let now = state.behavior().now().saturating_add(faults.skew);
    respond(response, faults.kind.as_ref(), &request_id, now)
}

/// Reads the whole body. An oversized body is drained up to a limit and rejected.
async fn read(body: Body, max: usize) -> Result<Bytes, ApiError> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut length: usize = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| ApiError::bad_request(400, "The request ends before its body does"))?;
        length = length.saturating_add(piece.len());
        if length <= max {
            bytes.extend_from_slice(&piece);
        } else if length <= MAX_DRAINED {
            bytes = Vec::new();
        } else {
            break;
        }
    }
    if length > max {
        let megabytes = max / 1024 / 1024;
        let text = format!("Request entity too large: the body exceeds {megabytes} MB");
        return Err(ApiError::bad_request(413, text));
    }
    Ok(bytes.into())
}

fn respond(planned: ApiResponse, fault: Option<&FaultKind>, request_id: &str, now: OffsetDateTime) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(planned.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(REQUEST_ID_HEADER, request_id)
        .header(DATE, http_date(now));
    if planned.body.is_some() {
        response = response.header(CONTENT_TYPE, "application/json");
    }
    let body = match (fault, planned.body) {
        (Some(FaultKind::CutAnswer), Some(mut body)) => {
            response = response.header(CONTENT_LENGTH, body.len());
            body.truncate(body.len() / 2);
            cut_body(Some(body))
        }
        (Some(FaultKind::CutRequest | FaultKind::LoseAnswer | FaultKind::CutAnswer), _) => cut_body(None),
        (_, body) => body.map(Body::from).unwrap_or_default(),
    };
    let mut response = response.body(body).expect("the headers are valid");
    for (name, value) in planned.headers {
        response.headers_mut().insert(name, value);
    }
    response
}

/// A body that ends with an error, which closes the connection. Without a first part, the response head is not sent
/// either.
fn cut_body(first: Option<Vec<u8>>) -> Body {
    let has_first = first.is_some();
    let end = async move {
        if has_first {
            // Yielding lets hyper flush the first part.
            tokio::task::yield_now().await;
        }
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    let first = first.map(|bytes| Ok(Bytes::from(bytes)));
    Body::from_stream(stream::iter(first).chain(stream::once(end)))
}

/// Formats a time for the `Date` header, such as `Thu, 01 Jan 2026 00:00:00 GMT`.
fn http_date(time: OffsetDateTime) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    UtcDateTime::from(time).format(format).expect("a UTC time has all the parts that the format names")
}
