//! The enterprise project service (EPS): which enterprise project an elastic resource pool or a VPC belongs to.
//!
//! The emulator does not store enterprise projects: it accepts every well-formed ID. Other resource types are rejected
//! (an inference).

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    api_error::ApiError, details::PoolDetails, project::Project, project_service::ProjectService, request::ApiRequest,
    response::ApiResponse,
};
use crate::dli::rules;

/// The resource types that EPS and the emulator know.
const POOL: &str = "dli-elastic-resource-pool";
const VPC: &str = "vpcs";

/// Largest page, and its default (documented).
const MAX_PAGE: i64 = 1000;

/// The body of "migrate resources".
#[derive(Deserialize)]
pub(super) struct Migration {
    #[serde(default)]
    pub(super) project_id: String,
    resource_id: String,
    resource_type: String,
}

/// The body of "list the resources of an enterprise project".
#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    pub(super) projects: Vec<String>,
    resource_types: Vec<String>,
    #[serde(default)]
    matches: Vec<Match>,
    #[serde(default)]
    offset: i64,
    limit: Option<i64>,
}

#[derive(Deserialize)]
struct Match {
    key: String,
    value: String,
}

/// Reads and checks a request to migrate a resource. Both resource types are regional, so `project_id` is required.
pub(super) fn migration(request: &ApiRequest) -> Result<Migration, ApiError> {
    check_enterprise_project(request)?;
    let migration: Migration = body(request)?;
    if ![POOL, VPC].contains(&migration.resource_type.as_str()) {
        let kind = &migration.resource_type;
        return Err(ApiError::new(400, "EPS.0002", format!("Bad request: resource_type {kind:?} is unknown")));
    }
    check_project(&migration.project_id)?;
    Ok(migration)
}

/// Reads and checks a request to list resources.
pub(super) fn filter(request: &ApiRequest) -> Result<Filter, ApiError> {
    check_enterprise_project(request)?;
    let filter: Filter = body(request)?;
    let error = |code: &'static str, text: &str| Err(ApiError::new(400, code, text));
    if filter.resource_types.is_empty() {
        return error("EPS.0023", "Empty resource type list.");
    }
    if filter.resource_types.iter().any(|kind| ![POOL, VPC].contains(&kind.as_str())) {
        return error("EPS.0025", "Invalid element in the resource type list.");
    }
    if filter.projects.is_empty() {
        return error("EPS.0020", "Empty project list.");
    }
    filter.projects.iter().try_for_each(|project| check_project(project))?;
    if filter.limit.is_some_and(|limit| !(1..=MAX_PAGE).contains(&limit)) {
        return error("EPS.0017", "Invalid limit.");
    }
    if filter.offset < 0 {
        return error("EPS.0018", "Invalid offset.");
    }
    Ok(filter)
}

fn body<T: DeserializeOwned>(request: &ApiRequest) -> Result<T, ApiError> {
    request.json().map_err(|error| ApiError::new(400, "EPS.0002", format!("Bad request: {}", error.text)))
}

/// Checks the ID in the path: a UUID, or `0` for the default enterprise project.
fn check_enterprise_project(request: &ApiRequest) -> Result<(), ApiError> {
    let id = request.segment("enterprise_project_id");
    if id == "0" || rules::VPC_ID.allows(id) { Ok(()) } else { Err(missing(id)) }
}

fn check_project(id: &str) -> Result<(), ApiError> {
    if rules::PROJECT_ID.allows(id) {
        return Ok(());
    }
    Err(ApiError::new(400, "EPS.0022", format!("Invalid project ID: {id:?}")))
}

fn missing(id: &str) -> ApiError {
    ApiError::new(404, "EPS.0005", format!("Requested resources not found: {id}"))
}

impl Filter {
    /// The resources of a project that match the filter.
    pub(super) fn resources(&self, enterprise_project: &str, id: &str, project: &Project) -> Vec<Value> {
        let row = |kind: &str, resource: &str, name: &str| {
            json!({
                "enterprise_project_id": enterprise_project,
                "project_id": id,
                "project_name": "",
                "resource_type": kind,
                "resource_id": resource,
                "resource_name": name,
                "resource_detail": null,
            })
        };
        let is_wanted = |kind: &str, name: &str, of: &str| {
            of == enterprise_project
                && self.resource_types.iter().any(|wanted| wanted == kind)
                && self.matches.iter().all(|text| text.key == "resource_name" && name.contains(&text.value))
        };
        let pools = project.pools.iter().map(|pool| (pool, project.details_of_pool(pool)));
        let pools = pools
            .filter(|(pool, details)| is_wanted(POOL, &pool.name, &details.enterprise_project_id))
            .map(|(pool, details)| row(POOL, &details.resource_id, &pool.name));
        let networks = &project.networks;
        let vpcs = networks
            .vpcs
            .iter()
            .filter(|vpc| is_wanted(VPC, &vpc.name, &networks.vpc_details(&vpc.id).enterprise_project_id));
        pools.chain(vpcs.map(|vpc| row(VPC, &vpc.id, &vpc.name))).collect()
    }

    /// The requested page of all resources.
    pub(super) fn respond(&self, resources: Vec<Value>) -> ApiResponse {
        let count = resources.len();
        let number = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let (offset, limit) = (number(self.offset), number(self.limit.unwrap_or(MAX_PAGE)));
        let page: Vec<_> = resources.into_iter().skip(offset).take(limit).collect();
        ApiResponse::ok(&json!({ "resources": page, "errors": [], "total_count": count }))
    }
}

impl ProjectService<'_> {
    /// Moves a resource to another enterprise project.
    pub(super) fn migrate(&mut self, target: &str, migration: &Migration) -> Result<(), ApiError> {
        let id = &migration.resource_id;
        if migration.resource_type == VPC {
            let details = self.project.networks.vpc_details_mut(id).map_err(|_| missing(id))?;
            target.clone_into(&mut details.enterprise_project_id);
            return Ok(());
        }
        let mut pools = self.project.pools.iter();
        let pool =
            pools.find(|pool| self.project.details_of_pool(pool).resource_id == *id).ok_or_else(|| missing(id))?;
        let details = self.project.pool_details.entry(pool.name.clone()).or_insert_with(|| PoolDetails::of(pool));
        target.clone_into(&mut details.enterprise_project_id);
        Ok(())
    }
}
