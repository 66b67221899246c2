//! The control API, which reads and changes a running emulator. [`CONTROL_API`] is its documentation.
//!
//! Control requests are neither signed nor logged, so they are accepted on a loopback address only.

mod edit;

use std::{error::Error, iter::successors, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::faults::{Fault, Faults};
use super::{
    api_error::ApiError, clock::milliseconds, durations, limits, request::ApiRequest, request_log::LoggedRequest,
    response::ApiResponse, state::AppState, throttle::Limit,
};
use super::{snapshot, state_file::StateFileError};
use crate::dli::rules;

/// The documentation of the control API, as shown by `dli-emulator --help`.
pub const CONTROL_API: &str = include_str!("control.txt");

const ROOT: &str = "/_emulator/";

/// Why a control request failed.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("the control API is only available when the emulator listens on a loopback address")]
    NotLoopback,
    #[error("{method} {path} does not exist; see dli-emulator --help")]
    Unknown { method: String, path: String },
    #[error("invalid body")]
    Body(#[source] Box<dyn Error>),
    #[error("the parameter since is not a number: {0:?}")]
    Since(String),
    #[error(transparent)]
    Refused(#[from] ApiError),
    #[error("the change was made but could not be saved")]
    NotSaved(#[from] StateFileError),
}

/// The error of a body that cannot be read.
fn invalid_body(error: impl Error + 'static) -> ControlError {
    ControlError::Body(error.into())
}

/// Whether a path belongs to the control API.
pub(super) fn is_control_path(path: &str) -> bool {
    path.starts_with(ROOT)
}

/// Handles a control request. Changes to projects are in the state file before it returns.
pub(super) fn handle(state: &AppState, request: &ApiRequest) -> ApiResponse {
    run(state, request).unwrap_or_else(|error| {
        let status = match error {
            ControlError::NotLoopback => 403,
            ControlError::Unknown { .. } => 404,
            ControlError::NotSaved(_) => 500,
            _ => 400,
        };
        let error: &(dyn Error + 'static) = &error;
        let causes = successors(Some(error), |&error| error.source());
        let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        ApiResponse::json(status, &json!({ "error": text }))
    })
}

fn run(state: &AppState, request: &ApiRequest) -> Result<ApiResponse, ControlError> {
    if !state.is_loopback {
        return Err(ControlError::NotLoopback);
    }
    let (method, path) = (request.method(), request.path());
    match (method, path.strip_prefix(ROOT).unwrap_or_default()) {
        ("GET", "state") => {
            let document = snapshot::encode(&state.world.lock().projects);
            return Ok(ApiResponse { body: Some(document), ..ApiResponse::ok(&()) });
        }
        ("PUT", "state") => {
            let projects = snapshot::decode(&request.body).map_err(invalid_body)?.projects;
            state.change_all(|world| world.projects = projects)?;
        }
        ("POST", "reset") => state.reset()?,
        ("POST", "clock") => {
            let Advance { advance } = read(request)?;
            let mut behavior = state.behavior();
            behavior.advance(advance);
            return Ok(ApiResponse::ok(&json!({ "now": milliseconds(behavior.time()) })));
        }
        ("PUT", "clock") => state.behavior().settings.clock_skew = read::<Skew>(request)?.skew,
        ("PUT", "limit") => {
            let limit = read::<Option<String>>(request)?.map(|text| text.parse::<Limit>());
            state.behavior().set_limit(limit.transpose().map_err(invalid_body)?);
        }
        ("PUT", "delays") => {
            let Delays { binding, connectivity, delete, latency } = read(request)?;
            let settings = &mut state.behavior().settings;
            let set = |delay: &mut Duration, new: Option<Span>| *delay = new.map_or(*delay, |Span(new)| new);
            set(&mut settings.binding_delay, binding);
            set(&mut settings.connectivity_delay, connectivity);
            set(&mut settings.delete_delay, delete);
            set(&mut settings.latency, latency);
        }
        ("GET", "quirks") => return Ok(ApiResponse::ok(&state.behavior().settings.quirks)),
        ("PUT", "quirks") => state.behavior().settings.quirks = read(request)?,
        ("POST", "fates") => {
            let NewFate { name, err_msg } = read(request)?;
            state.behavior().set_outcome(name.as_deref(), err_msg);
        }
        ("GET", "faults") => return Ok(ApiResponse::ok(&state.behavior().faults.all().collect::<Vec<_>>())),
        ("POST", "faults") => {
            let fault: Fault = String::from_utf8_lossy(&request.body).parse().map_err(invalid_body)?;
            state.behavior().faults.inject(fault).map_err(invalid_body)?;
        }
        ("DELETE", "faults") => state.behavior().faults = Faults::default(),
        ("DELETE", "credentials") => state.credentials.lock().revoke(),
        ("PUT", "credentials") => {
            let NewLifetime { lifetime } = read(request)?;
            state.credentials.lock().iam_account.lifetime = lifetime.map(|Span(lifetime)| lifetime);
        }
        ("PUT", "metadata") => state.behavior().settings.metadata = read(request)?,
        ("GET", "requests") => {
            let since = request.parameter("since").unwrap_or("0");
            let since: u64 = since.parse().map_err(|_| ControlError::Since(since.to_owned()))?;
            let log = state.request_log.lock().requests();
            let rows: Vec<_> = log.iter().filter(|logged| logged.number > since).map(row).collect();
            return Ok(ApiResponse::ok(&json!({ "requests": rows })));
        }
        ("POST", "edit") => {
            let (project, edit) = edit::read(&request.body).map_err(invalid_body)?;
            limits::text("project", &rules::PROJECT_ID, &project)?;
            if let Some(id) = state.edit(&project, |service| edit.apply(service))?? {
                return Ok(ApiResponse::ok(&json!({ "connection_id": id })));
            }
        }
        _ => return Err(ControlError::Unknown { method: method.to_owned(), path: path.to_owned() }),
    }
    Ok(ApiResponse::no_content())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    #[serde(with = "durations::unsigned")]
    advance: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skew {
    #[serde(with = "durations::signed")]
    skew: time::Duration,
}

#[derive(Deserialize)]
struct Span(#[serde(with = "durations::unsigned")] Duration);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delays {
    binding: Option<Span>,
    connectivity: Option<Span>,
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

fn read<T: DeserializeOwned>(request: &ApiRequest) -> Result<T, ControlError> {
    serde_json::from_slice(&request.body).map_err(invalid_body)
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
