//! The objects of projects in the control API, in pages.
#![expect(clippy::unnecessary_wraps, reason = "the routes have one type of handler")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::{ControlError, number};
use crate::dli::rules;
use crate::dli::vpc::{RouteTable, Subnet, Vpc};
use crate::emulator::binding_state::{Peering, Target};
use crate::emulator::project::{Project, Record};
use crate::emulator::{limits, request::ApiRequest, response::ApiResponse, state::AppState};

type Result<T = ApiResponse> = std::result::Result<T, ControlError>;

/// Number of rows of a page, and the largest that can be asked for.
const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1000;
/// Number of bindings that a row of the list of connections shows.
const SHOWN_BINDINGS: usize = 10;
/// Number of subnets that a row of the list of route tables shows.
const SHOWN_SUBNETS: usize = 10;

/// The stored projects and those of IAM. A project that is not stored has the initial objects.
pub(super) fn projects(state: &AppState, _: &ApiRequest) -> Result {
    let world = state.world.lock();
    let settings = &world.behavior.settings;
    let initial = settings.initial_project();
    let known = settings.iam_account.projects.iter().map(|(_, id)| (id, &initial));
    let projects: BTreeMap<&String, &Project> = known.chain(&world.projects).collect();
    let now = world.now();
    let rows = projects.into_iter().map(|(id, project)| {
        let connections = project.connections.iter().filter(|record| !record.is_gone(now)).count();
        json!({
            "id": id,
            "connections": connections,
            "queues": project.queues.len(),
            "elastic_resource_pools": project.pools.len(),
            "vpcs": project.networks.vpcs.len(),
        })
    });
    Ok(ApiResponse::ok(&json!({ "projects": rows.collect::<Vec<_>>() })))
}

pub(super) fn connections(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, now| {
        // The newest come first, and the deleted ones last.
        let mut records: Vec<_> = project.connections.iter().rev().collect();
        records.sort_by_key(|record| record.is_gone(now));
        let is_wanted = |record: &Record, text: &str| {
            has(text, [&record.name, &record.id, &record.dest_vpc_id, &record.dest_network_id])
                || record.peerings.iter().any(|peering| peering.name.contains(text))
        };
        page(request, "connections", records, is_wanted, |record| summary(record, now))
    })
}

pub(super) fn connection(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, now| {
        let record = find(project, request)?;
        let mut shown = summary(record, now);
        shown["bindings"] = record.peerings.iter().map(|peering| binding(peering, now)).collect();
        shown["routetable_id"] = json!(record.routetable_id);
        shown["ipv6_enable"] = json!(record.ipv6_enable);
        shown["tags"] = json!(record.tags);
        let shared = record.shared_with.iter().map(|project| {
            let guests = record.guest_peerings.get(project).into_iter().flatten();
            json!({ "project": project, "bindings": guests.map(|peering| binding(peering, now)).collect::<Vec<_>>() })
        });
        shown["shared_with"] = shared.collect();
        Ok(ApiResponse::ok(&shown))
    })
}

pub(super) fn hosts(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        let hosts = &find(project, request)?.hosts;
        page(request, "hosts", hosts, |host, text| has(text, [&host.name, &host.ip]), |host| json!(host))
    })
}

pub(super) fn routes(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        let routes = &find(project, request)?.routes;
        page(request, "routes", routes, |route, text| has(text, [&route.name, &route.cidr]), |route| json!(route))
    })
}

pub(super) fn queues(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        page(request, "queues", &project.queues, |queue, text| queue.queue_name.contains(text), |queue| json!(queue))
    })
}

pub(super) fn pools(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        let pools: Vec<_> = project.filled_pools().collect();
        page(request, "elastic_resource_pools", &pools, |pool, text| pool.name.contains(text), |pool| json!(pool))
    })
}

pub(super) fn vpcs(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        let networks = &project.networks;
        let is_wanted = |vpc: &Vpc, text: &str| has(text, [&vpc.name, &vpc.id, &vpc.cidr]);
        page(request, "vpcs", &networks.vpcs, is_wanted, |vpc| {
            let mut row = json!(vpc);
            row["tags"] = json!(networks.vpc_details(&vpc.id).tags);
            row
        })
    })
}

pub(super) fn subnets(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        let networks = &project.networks;
        let is_wanted =
            |subnet: &Subnet, text: &str| has(text, [&subnet.name, &subnet.id, &subnet.cidr, &subnet.vpc_id]);
        page(request, "subnets", &networks.subnets, is_wanted, |subnet| {
            let mut row = json!(subnet);
            row["vpc_name"] = json!(networks.vpc(&subnet.vpc_id).map(|vpc| &vpc.name));
            row["tags"] = json!(networks.subnet_details(&subnet.id).tags);
            row
        })
    })
}

pub(super) fn route_tables(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        let networks = &project.networks;
        let tables: Vec<_> = networks.route_tables().collect();
        let is_wanted = |table: &RouteTable, text: &str| has(text, [&table.name, &table.id, &table.vpc_id]);
        page(request, "route_tables", &tables, is_wanted, |table| {
            let subnets = table.subnets.iter().take(SHOWN_SUBNETS).map(
                |subnet| json!({ "id": subnet.id, "name": networks.subnet(&subnet.id).map(|subnet| &subnet.name) }),
            );
            json!({
                "id": table.id,
                "name": table.name,
                "default": table.default == Some(true),
                "vpc_id": table.vpc_id,
                "vpc_name": networks.vpc(&table.vpc_id).map(|vpc| &vpc.name),
                "subnets": subnets.collect::<Vec<_>>(),
                "subnet_count": table.subnets.len(),
            })
        })
    })
}

/// Runs `work` on a project at the current time.
fn read(state: &AppState, request: &ApiRequest, work: impl FnOnce(&Project, i64) -> Result) -> Result {
    let project = request.segment("project");
    limits::text("project", &rules::PROJECT_ID, project)?;
    state.read(project, None, |service| work(service.project, service.now))
}

fn find<'a>(project: &'a Project, request: &ApiRequest) -> Result<&'a Record> {
    let id = request.segment("id");
    let mut records = project.connections.iter();
    records.find(|record| record.id == id).ok_or_else(|| ControlError::NotFound(format!("connection {id}")))
}

/// Whether a field contains a text.
fn has<const N: usize>(text: &str, fields: [&String; N]) -> bool {
    fields.iter().any(|field| field.contains(text))
}

/// The requested page of the rows that the parameter `q` selects, with the number on all pages.
fn page<'a, T: 'a>(
    request: &ApiRequest,
    name: &str,
    rows: impl IntoIterator<Item = &'a T>,
    is_wanted: impl Fn(&T, &str) -> bool,
    show: impl Fn(&T) -> Value,
) -> Result {
    let number = |name, default, max| -> Result<usize> {
        Ok(usize::try_from(number(request, name, max)?.unwrap_or(default)).unwrap_or(usize::MAX))
    };
    let (offset, limit) = (number("offset", 0, u64::MAX)?, number("limit", DEFAULT_LIMIT, MAX_LIMIT)?);
    let text = request.parameter("q");
    let rows: Vec<_> = rows.into_iter().filter(|row| text.is_none_or(|text| is_wanted(row, text))).collect();
    let count = rows.len();
    let rows: Vec<_> = rows.into_iter().skip(offset).take(limit).map(show).collect();
    Ok(ApiResponse::ok(&json!({ name: rows, "count": count })))
}

/// A connection without the lists that can be long.
fn summary(record: &Record, now: i64) -> Value {
    let bindings: Vec<_> = record.peerings.iter().take(SHOWN_BINDINGS).map(|peering| binding(peering, now)).collect();
    json!({
        "id": record.id,
        "name": record.name,
        "status": record.status(now),
        "dest_vpc_id": record.dest_vpc_id,
        "dest_network_id": record.dest_network_id,
        "create_time": record.create_time,
        "bindings": bindings,
        "binding_count": record.peerings.len(),
        "host_count": record.hosts.len(),
        "route_count": record.routes.len(),
        "tag_count": record.tags.len(),
        "shared_count": record.shared_with.len(),
        "is_lent": record.is_lent,
    })
}

fn binding(peering: &Peering, now: i64) -> Value {
    let mut row = json!(peering.to_wire(now));
    row["kind"] = match peering.target {
        Target::Queue => json!("queue"),
        Target::Pool => json!("elastic_resource_pool"),
    };
    row
}
