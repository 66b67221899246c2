//! The objects of projects in the control API, in pages.
#![expect(clippy::unnecessary_wraps, reason = "the routes have one type of handler")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::error::{ControlError, number};
use crate::dli::rules;
use crate::dli::vpc::{RouteTable, Subnet, Vpc};
use crate::dli::wire::{Host, Route};
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
    let is_wanted = |record: &Record, text: &str| {
        [&record.name, &record.id, &record.dest_vpc_id, &record.dest_network_id]
            .iter()
            .any(|field| field.contains(text))
            || record.peerings.iter().any(|peering| peering.name.contains(text))
    };
    read(state, request, |project, now| {
        // The newest come first, and the deleted ones last.
        let mut records: Vec<_> = project.connections.iter().rev().collect();
        records.sort_by_key(|record| record.is_gone(now));
        page(request, "connections", records, |record, text| is_wanted(record, text), |record| summary(record, now))
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
    let is_wanted = |host: &Host, text: &str| host.name.contains(text) || host.ip.contains(text);
    read(state, request, |project, _| {
        page(request, "hosts", find(project, request)?.hosts.iter().collect(), is_wanted, |host| json!(host))
    })
}

pub(super) fn routes(state: &AppState, request: &ApiRequest) -> Result {
    let is_wanted = |route: &Route, text: &str| route.name.contains(text) || route.cidr.contains(text);
    read(state, request, |project, _| {
        page(request, "routes", find(project, request)?.routes.iter().collect(), is_wanted, |route| json!(route))
    })
}

pub(super) fn queues(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        let queues = project.queues.iter().collect();
        page(request, "queues", queues, |queue, text| queue.queue_name.contains(text), |queue| json!(queue))
    })
}

pub(super) fn pools(state: &AppState, request: &ApiRequest) -> Result {
    read(state, request, |project, _| {
        let pools: Vec<_> = project.filled_pools().collect();
        let pools = pools.iter().collect();
        page(request, "elastic_resource_pools", pools, |pool, text| pool.name.contains(text), |pool| json!(pool))
    })
}

pub(super) fn vpcs(state: &AppState, request: &ApiRequest) -> Result {
    let is_wanted = |vpc: &Vpc, text: &str| [&vpc.name, &vpc.id, &vpc.cidr].iter().any(|field| field.contains(text));
    read(state, request, |project, _| {
        let networks = &project.networks;
        page(request, "vpcs", networks.vpcs.iter().collect(), is_wanted, |vpc| {
            let mut row = json!(vpc);
            row["tags"] = json!(networks.vpc_details(&vpc.id).tags);
            row
        })
    })
}

pub(super) fn subnets(state: &AppState, request: &ApiRequest) -> Result {
    let is_wanted = |subnet: &Subnet, text: &str| {
        [&subnet.name, &subnet.id, &subnet.cidr, &subnet.vpc_id].iter().any(|field| field.contains(text))
    };
    read(state, request, |project, _| {
        let networks = &project.networks;
        page(request, "subnets", networks.subnets.iter().collect(), is_wanted, |subnet| {
            let mut row = json!(subnet);
            row["vpc_name"] = json!(networks.vpc(&subnet.vpc_id).map(|vpc| &vpc.name));
            row["tags"] = json!(networks.subnet_details(&subnet.id).tags);
            row
        })
    })
}

pub(super) fn route_tables(state: &AppState, request: &ApiRequest) -> Result {
    let is_wanted = |table: &RouteTable, text: &str| {
        [&table.name, &table.id, &table.vpc_id].iter().any(|field| field.contains(text))
    };
    read(state, request, |project, _| {
        let networks = &project.networks;
        let tables: Vec<_> = networks.route_tables().collect();
        page(request, "route_tables", tables.iter().collect(), is_wanted, |table| {
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

/// The requested page of the rows whose texts contain the parameter `q`, with the number on all pages.
fn page<T>(
    request: &ApiRequest,
    name: &str,
    mut rows: Vec<&T>,
    is_wanted: impl Fn(&T, &str) -> bool,
    show: impl Fn(&T) -> Value,
) -> Result {
    let number = |name, default, max| -> Result<usize> {
        Ok(usize::try_from(number(request, name, max)?.unwrap_or(default)).unwrap_or(usize::MAX))
    };
    let (offset, limit) = (number("offset", 0, u64::MAX)?, number("limit", DEFAULT_LIMIT, MAX_LIMIT)?);
    if let Some(text) = request.parameter("q") {
        rows.retain(|row| is_wanted(row, text));
    }
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
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Queue,
        ElasticResourcePool,
    }
    let kind = match peering.target {
        Target::Queue => Kind::Queue,
        Target::Pool => Kind::ElasticResourcePool,
    };
    let mut row = json!(peering.to_wire(now));
    row["kind"] = json!(kind);
    row
}
