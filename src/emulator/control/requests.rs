//! The request log in the control API. Rows have no large bodies, so that a page of them stays small.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::error::{ControlError, number};
use crate::emulator::request_log::LoggedRequest;
use crate::emulator::{request::ApiRequest, response::ApiResponse, state::AppState};

/// Number of rows in a response at most.
const MAX_ROWS: u64 = 1000;
/// Size of the rows in a response at most, so that it stays below 1 MB. The last row may exceed it.
const MAX_PAGE_BYTES: usize = 512 * 1024;
/// The largest body in a row of the list.
const MAX_ROW_BODY: usize = 16 * 1024;
/// The largest body of a single request.
const MAX_BODY: usize = 256 * 1024;

/// Headers with secrets.
const SECRET_HEADERS: [&str; 6] =
    ["authorization", "cookie", "x-auth-token", "x-metadata-token", "x-security-token", "x-subject-token"];

/// Reads a filter by status.
fn status_filter(text: &str) -> Result<impl Fn(&LoggedRequest) -> bool, ControlError> {
    let class =
        text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok()).filter(|class| (0..10).contains(class));
    let statuses = match (text, class, text.parse::<u16>()) {
        ("error", ..) => None,
        (_, Some(class), _) => Some(class * 100..=class * 100 + 99),
        (_, _, Ok(status)) => Some(status..=status),
        _ => {
            return Err(ControlError::Parameter {
                name: "status",
                value: text.to_owned(),
                expected: "a status such as 404, a class such as 4xx, or error",
            });
        }
    };
    Ok(move |request: &LoggedRequest| match &statuses {
        Some(statuses) => statuses.contains(&request.status),
        None => !request.is_done(),
    })
}

/// The rows after `since`, oldest first, or those before `before`, newest first. `next` is the value for the next page.
pub(super) fn list(state: &AppState, request: &ApiRequest) -> Result<ApiResponse, ControlError> {
    let (operation, method) = (request.parameter("operation"), request.parameter("method"));
    let status = request.parameter("status").map(status_filter).transpose()?;
    let connection = request.parameter("connection");
    let meets = |logged: &&LoggedRequest| {
        operation.is_none_or(|operation| logged.operation == Some(operation))
            && method.is_none_or(|method| logged.method.eq_ignore_ascii_case(method))
            && status.as_ref().is_none_or(|meets| meets(logged))
            && connection.is_none_or(|text| logged.contains(text))
    };
    let limit = usize::try_from(number(request, "limit", MAX_ROWS)?.unwrap_or(MAX_ROWS)).unwrap_or(usize::MAX);
    let since = number(request, "since", u64::MAX)?.unwrap_or(0);
    let before = number(request, "before", u64::MAX)?;
    let log = state.request_log.lock();
    let mut rows = Vec::new();
    let mut bytes = 0;
    let mut next = None;
    let mut add = |logged: &LoggedRequest| {
        if rows.len() >= limit || bytes >= MAX_PAGE_BYTES {
            return false;
        }
        let row = row(logged, MAX_ROW_BODY);
        bytes += row.to_string().len();
        rows.push(row);
        next = Some(logged.number);
        true
    };
    let is_whole = match before {
        Some(before) => log.between(since, before).rev().filter(meets).all(&mut add),
        None => log.between(since, u64::MAX).filter(meets).all(&mut add),
    };
    let next = next.filter(|_| !is_whole);
    Ok(ApiResponse::ok(&json!({ "requests": rows, "next": next, "first": log.first(), "last": log.count() })))
}

pub(super) fn show(state: &AppState, request: &ApiRequest) -> Result<ApiResponse, ControlError> {
    let number = request.segment("number");
    let log = state.request_log.lock();
    let logged = number.parse().ok().and_then(|number: u64| log.between(number.checked_sub(1)?, number + 1).next());
    let logged = logged.ok_or_else(|| ControlError::NotFound(format!("request {number}")))?;
    let headers = logged.headers.iter().map(|(name, value)| {
        let value = if SECRET_HEADERS.contains(&name.as_str()) { "withheld" } else { value };
        json!({ "name": name, "value": value })
    });
    let mut row = row(logged, MAX_BODY);
    row["headers"] = headers.collect::<Vec<_>>().into();
    row["response"] = shown(&logged.response, MAX_BODY);
    Ok(ApiResponse::ok(&row))
}

/// A row of the log. A larger body is null.
fn row(request: &LoggedRequest, max_body: usize) -> Value {
    json!({
        "number": request.number,
        "time": request.at.format(&Rfc3339).unwrap_or_default(),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "operation": request.operation,
        "caller": request.caller.as_ref().map(ToString::to_string),
        "body": shown(&request.body, max_body),
        "body_bytes": request.body.len(),
        "status": request.status,
        "code": request.code,
        "error": request.error,
        "request_id": request.request_id,
        "took_ms": u64::try_from(request.took.as_millis()).unwrap_or(u64::MAX),
        "fault": request.fault_effect.fault,
        "response_bytes": request.response_bytes,
    })
}

/// A body as JSON or else as text; null if it is empty or too large.
fn shown(body: &[u8], max: usize) -> Value {
    if body.is_empty() || body.len() > max {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}
