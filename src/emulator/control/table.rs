//! The table of routes of the control API, which serves the requests and makes the OpenAPI document.

use super::route::{Parameter, Route, parameter};
use super::{objects, openapi, requests, settings};
use crate::emulator::events;

const PAGE: [Parameter; 3] = [
    parameter("q", "Text", "text that the name or address must contain"),
    parameter("offset", "Count", "number of rows to skip"),
    parameter("limit", "Limit", "number of rows at most; 100 by default"),
];

const LOG: [Parameter; 7] = [
    parameter("since", "Count", "omits the requests up to this number; the first rows come first"),
    parameter("before", "Count", "omits the requests from this number on; the newest rows come first"),
    parameter("operation", "Text", "name of the operation"),
    parameter("status", "StatusFilter", "HTTP status such as 404, a class such as 4xx, or error"),
    parameter("connection", "Text", "text that the path, the query, the body or the response must contain"),
    parameter("method", "Text", "HTTP method"),
    parameter("limit", "Limit", "number of rows at most; 1000 by default"),
];

/// All routes.
pub(super) static ROUTES: [Route; 41] = [
    Route::get("openapi.json", "OpenApi", |_, _| Ok(openapi::document(&ROUTES)), "This document"),
    Route::get("info", "Info", settings::info, "Version, provider block, served operations and quirks"),
    Route::get("events", "text/event-stream", |_, _| Ok(events::head()), "A stream with an event after each change"),
    Route::get("state", "State", settings::state, "The state in the format of the state file"),
    Route::put("state", "State", settings::set_state, "Replace the state"),
    Route::new("POST", "reset", settings::reset, "Restore the initial state; request numbers continue"),
    Route::get("settings", "Settings", settings::all, "All settings"),
    Route::get("clock", "Clock", settings::one, "The clock"),
    Route::post("clock", "Advance", settings::advance, "Advance the time of bindings, deletions and tokens")
        .returns("Clock"),
    Route::put("clock", "Skew", settings::set_skew, "Set the difference of the clock from the correct time"),
    Route::get("delays", "Delays", settings::one, "The delays"),
    Route::put("delays", "Delays", settings::set_delays, "Set delays; each is optional"),
    Route::get("limit", "RequestLimit", settings::one, "The request limit per user"),
    Route::put("limit", "RequestLimit", settings::set_limit, "Set the request limit per user; null removes it"),
    Route::get("quirks", "Quirks", settings::one, "The active quirks"),
    Route::put("quirks", "Quirks", settings::set_quirks, "Replace the active quirks"),
    Route::get("fates", "Fates", settings::one, "The outcomes of new bindings"),
    Route::post("fates", "Fate", settings::add_fate, "Set the outcome of new bindings of a name, or of the next one"),
    Route::new("DELETE", "fates", settings::clear_fates, "Let all new bindings become ACTIVE"),
    Route::get("faults", "Faults", settings::one, "The active faults"),
    Route::post("faults", "Fault", settings::add_fault, "Add a fault, in short form or JSON").returns("Added"),
    Route::new("DELETE", "faults", settings::clear_faults, "Remove all faults"),
    Route::new("DELETE", "faults/{id}", settings::remove_fault, "Remove one fault"),
    Route::get("credentials", "Lifetime", settings::one, "The lifetime of new credentials"),
    Route::put("credentials", "Lifetime", settings::set_lifetime, "Set the lifetime of new credentials"),
    Route::new("DELETE", "credentials", settings::revoke, "Revoke all credentials"),
    Route::get("metadata", "Metadata", settings::one, "The version of the metadata service"),
    Route::put("metadata", "Metadata", settings::set_metadata, "Set the version of the metadata service"),
    Route::get("requests", "Requests", requests::list, "A page of the request log").with(&LOG),
    Route::get("requests/{number}", "Request", requests::show, "One request with headers and response"),
    Route::post("edit", "Edit", settings::edit, "Change a project, like a user of the console")
        .returns("Edited")
        .or_nothing(),
    Route::get("projects", "Projects", objects::projects, "The projects and the number of their objects"),
    Route::get("projects/{project}/connections", "Connections", objects::connections, "Connections without hosts")
        .with(&PAGE),
    Route::get("projects/{project}/connections/{id}", "Connection", objects::connection, "One connection"),
    Route::get("projects/{project}/connections/{id}/hosts", "Hosts", objects::hosts, "Its host records").with(&PAGE),
    Route::get("projects/{project}/connections/{id}/routes", "Routes", objects::routes, "Its routes").with(&PAGE),
    Route::get("projects/{project}/queues", "Queues", objects::queues, "Queues").with(&PAGE),
    Route::get("projects/{project}/elastic-resource-pools", "Pools", objects::pools, "Elastic resource pools")
        .with(&PAGE),
    Route::get("projects/{project}/vpcs", "Vpcs", objects::vpcs, "VPCs").with(&PAGE),
    Route::get("projects/{project}/subnets", "Subnets", objects::subnets, "Subnets").with(&PAGE),
    Route::get("projects/{project}/route-tables", "RouteTables", objects::route_tables, "Route tables").with(&PAGE),
];
