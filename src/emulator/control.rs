//! The control API, which reads and changes a running emulator. [`CONTROL_API`] is its documentation.
//!
//! Control requests are neither signed nor logged, so they are accepted on a loopback address only.

mod edit;

use std::time::Duration;

use http::request::Parts;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{
    api_error::ApiError,
    clock::milliseconds,
    faults::{Fault, FaultError, FaultSyntax, Faults, duration_text, signed_duration},
    limits,
    lock::lock,
    operation::{self, ApiResponse},
    quirks::Quirks,
    request_log::LoggedRequest,
    snapshot::{self, SnapshotError},
    state::AppState,
    throttle::{LimitSyntax, Throttle},
};
use crate::dli::rules;

/// The documentation of the control API, as shown by `dli-emulator --help`.
pub const CONTROL_API: &str = include_str!("control.txt");

/// Path prefix of the control API.
const ROOT: &str = "/_emulator/";

/// Why a control request failed.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("the control API is only available when the emulator listens on a loopback address")]
    NotLoopback,
    #[error("{method} {path} does not exist; see dli-emulator --help")]
    Unknown { method: String, path: String },
    #[error("invalid body")]
    Body(#[from] serde_json::Error),
    #[error("the parameter since is not a number: {0:?}")]
    Since(String),
    #[error("invalid body")]
    State(#[from] snapshot::DecodeError),
    #[error(transparent)]
    Fault(#[from] FaultError),
    #[error("invalid body")]
    FaultSyntax(#[from] FaultSyntax),
    #[error(transparent)]
    Limit(#[from] LimitSyntax),
    #[error(transparent)]
    Refused(#[from] ApiError),
    #[error("the change was made but could not be saved")]
    NotKept(#[from] SnapshotError),
}

impl ControlError {
    fn status(&self) -> u16 {
        match self {
            Self::NotLoopback => 403,
            Self::Unknown { .. } => 404,
            Self::NotKept(_) => 500,
            _ => 400,
        }
    }
}

/// Whether a path belongs to the control API.
pub(super) fn is_control_path(path: &str) -> bool {
    path.starts_with(ROOT)
}

/// Handles a control request. Changes to projects are in the state file before it returns.
pub(super) fn answer(state: &AppState, parts: &Parts, body: &[u8]) -> ApiResponse {
    run(state, parts, body).unwrap_or_else(|error| {
        let text = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        ApiResponse::json(error.status(), &json!({ "error": text.join(": ") }))
    })
}

fn run(state: &AppState, parts: &Parts, body: &[u8]) -> Result<ApiResponse, ControlError> {
    if !state.is_loopback {
        return Err(ControlError::NotLoopback);
    }
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let done = || Ok(ApiResponse::no_content());
    match (method, path.strip_prefix(ROOT).unwrap_or_default()) {
        ("GET", "state") => {
            Ok(ApiResponse { body: Some(snapshot::encode(&lock(&state.world).projects)), ..ApiResponse::ok(&()) })
        }
        ("PUT", "state") => {
            let projects = snapshot::decode(body)?;
            state.persist(state.change(|world| world.projects = projects))?;
            done()
        }
        ("POST", "reset") => {
            state.persist(state.reset())?;
            done()
        }
        ("POST", "clock") => {
            lock(&state.world).behavior.advance(read::<Advance>(body)?.advance);
            Ok(ApiResponse::ok(&json!({ "now": milliseconds(state.time()) })))
        }
        ("PUT", "clock") => {
            lock(&state.world).behavior.clock_skew = read::<Skew>(body)?.skew;
            done()
        }
        ("PUT", "limit") => {
            let limit = read::<Option<String>>(body)?.map(|text| text.parse()).transpose()?;
            lock(&state.world).behavior.throttle = Throttle::new(limit);
            done()
        }
        ("PUT", "delays") => {
            let Delays { binding, delete, latency } = read(body)?;
            let behavior = &mut lock(&state.world).behavior;
            let set = |delay: &mut Duration, new: Option<Span>| *delay = new.map_or(*delay, |Span(new)| new);
            set(&mut behavior.service.outcomes.delay, binding);
            set(&mut behavior.service.delete_delay, delete);
            set(&mut behavior.latency, latency);
            done()
        }
        ("GET", "quirks") => Ok(ApiResponse::ok(&lock(&state.world).behavior.service.quirks)),
        ("PUT", "quirks") => {
            lock(&state.world).behavior.service.quirks = read::<Quirks>(body)?;
            done()
        }
        ("POST", "fates") => {
            let NewFate { name, err_msg } = read(body)?;
            lock(&state.world).behavior.service.outcomes.set(name.as_deref(), err_msg);
            done()
        }
        ("GET", "faults") => Ok(ApiResponse::ok(&lock(&state.world).behavior.faults.all().collect::<Vec<_>>())),
        ("POST", "faults") => {
            let fault = String::from_utf8_lossy(body).parse::<Fault>()?;
            lock(&state.world).behavior.faults.inject(fault)?;
            done()
        }
        ("DELETE", "faults") => {
            lock(&state.world).behavior.faults = Faults::default();
            done()
        }
        ("DELETE", "credentials") => {
            lock(&state.credentials).revoke();
            done()
        }
        ("PUT", "credentials") => {
            lock(&state.credentials).iam_account.lifetime = read::<NewLifetime>(body)?.lifetime.map(|Span(span)| span);
            done()
        }
        ("PUT", "metadata") => {
            lock(&state.world).behavior.metadata = read(body)?;
            done()
        }
        ("GET", "requests") => requests(state, parts.uri.query().unwrap_or_default()),
        ("POST", "edit") => {
            let (project, edit) = edit::read(body)?;
            limits::text("project", &rules::PROJECT_ID, &project)?;
            let (created, change) = state.with_project(&project, true, |service| edit.apply(service));
            state.persist(change)?;
            Ok(created?.map_or_else(ApiResponse::no_content, |id| ApiResponse::ok(&json!({ "connection_id": id }))))
        }
        _ => Err(ControlError::Unknown { method: method.to_owned(), path: path.to_owned() }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    #[serde(with = "duration_text")]
    advance: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skew {
    #[serde(deserialize_with = "signed_duration::deserialize")]
    skew: time::Duration,
}

#[derive(Deserialize)]
struct Span(#[serde(with = "duration_text")] Duration);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delays {
    binding: Option<Span>,
    delete: Option<Span>,
    latency: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLifetime {
    lifetime: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFate {
    name: Option<String>,
    err_msg: Option<String>,
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    Ok(serde_json::from_slice(body)?)
}

fn requests(state: &AppState, query: &str) -> Result<ApiResponse, ControlError> {
    let pairs = operation::query_pairs(query);
    let since = match pairs.iter().find(|(name, _)| name == "since") {
        Some((_, text)) => text.parse().map_err(|_| ControlError::Since(text.clone()))?,
        None => 0_u64,
    };
    let log = lock(&state.request_log).requests();
    let rows: Vec<_> = log.iter().filter(|request| request.number > since).map(row).collect();
    Ok(ApiResponse::ok(&json!({ "requests": rows })))
}

/// A row of the log, without headers.
fn row(request: &LoggedRequest) -> Value {
    let body = serde_json::from_slice(&request.body).unwrap_or_else(|_| match request.body.as_ref() {
        [] => Value::Null,
        bytes => String::from_utf8_lossy(bytes).into(),
    });
    json!({
        "number": request.number,
        "time": request.at.format(&Rfc3339).unwrap_or_default(),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "operation": request.operation,
        "caller": request.caller.as_ref().map(ToString::to_string),
        "body": body,
        "status": request.status,
        "code": request.code,
        "error": request.error,
        "request_id": request.request_id,
    })
}
