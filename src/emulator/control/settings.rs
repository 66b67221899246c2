//! Settings of a running emulator: what GET returns has the form that PUT or POST accepts.
#![expect(clippy::unnecessary_wraps, reason = "the routes have one type of handler")]

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::edit;
use super::error::{ControlError, body, invalid_body};
use crate::dli::{operation::Operation, rules};
use crate::emulator::{
    behavior::Outcome, durations, faults::Fault, limits, operation::operation_name, provider_block::provider_block,
    quirks::Quirk, request::ApiRequest, response::ApiResponse, snapshot, state::AppState, throttle::Limit,
};

type Result<T = ApiResponse> = std::result::Result<T, ControlError>;

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

/// A duration as text.
#[derive(Serialize, Deserialize)]
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
struct Lifetime {
    lifetime: Option<Span>,
}

fn done() -> Result {
    Ok(ApiResponse::no_content())
}

/// What does not change while the emulator runs. The endpoint is the one that the client uses.
pub(super) fn info(state: &AppState, request: &ApiRequest) -> Result {
    let settings = &state.initial.settings;
    let endpoint = request.header("host").map_or_else(|| state.endpoint.clone(), |host| format!("http://{host}"));
    let quirks = Quirk::value_variants().iter().map(|quirk| {
        let help = quirk.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        json!({ "name": quirk, "description": help })
    });
    let operations = Operation::value_variants().iter().map(|operation| {
        json!({
            "service": operation.service(),
            "name": operation_name(*operation),
            "method": operation.method(),
            "path": operation.path_template(),
        })
    });
    Ok(ApiResponse::ok(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "endpoint": endpoint,
        "provider_block": provider_block(settings, &endpoint),
        "state_file": settings.state,
        "operations": operations.collect::<Vec<_>>(),
        "quirks": quirks.collect::<Vec<_>>(),
    })))
}

pub(super) fn state(state: &AppState, _: &ApiRequest) -> Result {
    let document = snapshot::encode(&state.world.lock().projects);
    Ok(ApiResponse { body: Some(document), ..ApiResponse::ok(&()) })
}

pub(super) fn set_state(state: &AppState, request: &ApiRequest) -> Result {
    let (projects, _) = snapshot::decode(&request.body).map_err(invalid_body)?;
    state.change_all(|world| world.projects = projects)?;
    done()
}

pub(super) fn reset(state: &AppState, _: &ApiRequest) -> Result {
    state.reset()?;
    done()
}

pub(super) fn all(state: &AppState, _: &ApiRequest) -> Result {
    Ok(ApiResponse::ok(&values(state)))
}

/// The setting that the path names.
pub(super) fn one(state: &AppState, request: &ApiRequest) -> Result {
    let name = request.path().rsplit('/').next().unwrap_or_default();
    Ok(ApiResponse::ok(&values(state)[name]))
}

/// All settings by name.
fn values(state: &AppState) -> Value {
    let lifetime = state.credentials.lock().iam_account.lifetime;
    let behavior = &*state.behavior();
    let settings = &behavior.settings;
    let faults = behavior.faults.numbered().map(|(id, fault)| {
        let mut row = json!(fault);
        // The number by which it can be removed.
        row["id"] = id.into();
        row
    });
    json!({
        "clock": {
            "now": behavior.time().format(&Rfc3339).unwrap_or_default(),
            "advance": durations::format(behavior.time_offset),
            "skew": durations::format_signed(settings.clock_skew),
        },
        "delays": {
            "binding": Span(settings.binding_delay),
            "connectivity": Span(settings.connectivity_delay),
            "delete": Span(settings.delete_delay),
            "latency": Span(settings.latency),
        },
        "limit": settings.limit.map(|limit| limit.to_string()),
        "quirks": settings.quirks,
        "fates": behavior.outcomes(),
        "faults": faults.collect::<Vec<_>>(),
        "credentials": { "lifetime": lifetime.map(Span) },
        "metadata": settings.metadata,
    })
}

pub(super) fn advance(state: &AppState, request: &ApiRequest) -> Result {
    let Advance { advance } = body(request)?;
    state.behavior().advance(advance);
    one(state, request)
}

pub(super) fn set_skew(state: &AppState, request: &ApiRequest) -> Result {
    state.behavior().settings.clock_skew = body::<Skew>(request)?.skew;
    done()
}

pub(super) fn set_delays(state: &AppState, request: &ApiRequest) -> Result {
    let Delays { binding, connectivity, delete, latency } = body(request)?;
    let settings = &mut state.behavior().settings;
    let set = |delay: &mut Duration, new: Option<Span>| *delay = new.map_or(*delay, |Span(new)| new);
    set(&mut settings.binding_delay, binding);
    set(&mut settings.connectivity_delay, connectivity);
    set(&mut settings.delete_delay, delete);
    set(&mut settings.latency, latency);
    done()
}

pub(super) fn set_limit(state: &AppState, request: &ApiRequest) -> Result {
    let limit = body::<Option<String>>(request)?.map(|text| text.parse::<Limit>());
    state.behavior().set_limit(limit.transpose().map_err(invalid_body)?);
    done()
}

pub(super) fn set_quirks(state: &AppState, request: &ApiRequest) -> Result {
    state.behavior().settings.quirks = body(request)?;
    done()
}

pub(super) fn add_fate(state: &AppState, request: &ApiRequest) -> Result {
    let Outcome { name, err_msg } = body(request)?;
    state.behavior().set_outcome(name.as_deref(), err_msg);
    done()
}

pub(super) fn clear_fates(state: &AppState, _: &ApiRequest) -> Result {
    state.behavior().clear_outcomes();
    done()
}

pub(super) fn add_fault(state: &AppState, request: &ApiRequest) -> Result {
    let fault: Fault = String::from_utf8_lossy(&request.body).parse().map_err(invalid_body)?;
    let id = state.behavior().faults.inject(fault).map_err(invalid_body)?;
    Ok(ApiResponse::ok(&json!({ "id": id })))
}

pub(super) fn clear_faults(state: &AppState, _: &ApiRequest) -> Result {
    state.behavior().faults.clear();
    done()
}

pub(super) fn remove_fault(state: &AppState, request: &ApiRequest) -> Result {
    let id = request.segment("id");
    let is_removed = id.parse().is_ok_and(|id| state.behavior().faults.remove(id));
    if is_removed { done() } else { Err(ControlError::NotFound(format!("fault {id}"))) }
}

pub(super) fn set_lifetime(state: &AppState, request: &ApiRequest) -> Result {
    let Lifetime { lifetime } = body(request)?;
    state.credentials.lock().iam_account.lifetime = lifetime.map(|Span(lifetime)| lifetime);
    done()
}

pub(super) fn revoke(state: &AppState, _: &ApiRequest) -> Result {
    state.credentials.lock().revoke();
    done()
}

pub(super) fn set_metadata(state: &AppState, request: &ApiRequest) -> Result {
    state.behavior().settings.metadata = body(request)?;
    done()
}

pub(super) fn edit(state: &AppState, request: &ApiRequest) -> Result {
    let (project, edit) = edit::read(&request.body).map_err(invalid_body)?;
    limits::text("project", &rules::PROJECT_ID, &project)?;
    let connection_id = state.edit(&project, |service| edit.apply(service))??;
    connection_id.map_or_else(done, |id| Ok(ApiResponse::ok(&json!({ "connection_id": id }))))
}
