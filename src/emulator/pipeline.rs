//! Processes one request: authentication, faults, the operation, the state file and the log.
//!
//! Checks run in the gateway's order: unknown paths and oversized bodies are rejected before authentication.

use std::time::Instant;

use super::faults::{ActiveFaults, FaultKind};
use super::operation::{is_of_credentials, operation_name};
use super::project::{Project, Record};
use super::request_log::{self, LoggedRequest};
use super::{
    api_error::ApiError, auth, credential_store::Scope, enterprise_projects, iam, limits, metadata, name_servers,
    project_service::ProjectService, quirks::Quirk, request::ApiRequest, response::ApiResponse,
    response_quirks::apply_quirks, routing, state::AppState,
};
use crate::dli::{operation::Operation, rules, wire::BINDING_CREATING};

impl AppState {
    /// Processes a request and logs it. The change is committed and in the state file before this returns.
    pub(super) fn process(
        &self,
        mut request: ApiRequest,
        read_error: Option<ApiError>,
        request_id: &str,
    ) -> (ApiResponse, ActiveFaults) {
        let started = Instant::now();
        let mut faults = ActiveFaults::default();
        let mut logged = LoggedRequest::new(&request, self.behavior().now(), request_id.to_owned());
        let mut result = self.run(&mut request, read_error, &mut logged, &mut faults);
        if self.behavior().has(Quirk::SoftFailures) {
            result = result.map_err(ApiError::softened);
        }

        logged.took = started.elapsed();
        logged.fault_effect.fault.clone_from(&faults.kind);
        logged.fault_effect.delay = faults.delay;
        match &result {
            Ok(response) => logged.status = response.status,
            Err(error) => {
                logged.status = error.status;
                logged.code = Some(error.code.to_string()).filter(|code| !code.is_empty());
                logged.error = Some(error.text.clone());
            }
        }
        let response = result.unwrap_or_else(|error| ApiResponse::error(&error, request_id));
        let behavior = &mut *self.behavior();
        let response = apply_quirks(response, &behavior.settings.quirks, &mut behavior.rng);
        let response = match faults.kind {
            Some(FaultKind::TruncateAnswer) => response.truncated(),
            Some(FaultKind::GarbleAnswer) => response.garbled(),
            _ => response,
        };
        let body = response.body.as_deref().unwrap_or_default();
        if logged.operation.is_some_and(is_of_credentials) {
            logged.set_response(&iam::response_without_secrets(body));
        } else {
            logged.set_response(body);
        }
        if self.initial.settings.log {
            request_log::print(&logged);
        }
        self.request_log.lock().add(logged);
        self.announce();
        (response, faults)
    }

    fn run(
        &self,
        request: &mut ApiRequest,
        read_error: Option<ApiError>,
        logged: &mut LoggedRequest,
        faults: &mut ActiveFaults,
    ) -> Result<ApiResponse, ApiError> {
        let operation = routing::find(request)?;
        let name = operation_name(operation);
        logged.operation = Some(name);
        if operation.is_identity() {
            logged.body = iam::without_secrets(&request.body).into();
        }
        if self.is_unpublished(operation) {
            return Err(ApiError::not_published());
        }
        read_error.map_or(Ok(()), Err)?;

        self.behavior().faults.apply(faults, false, name, |text| request.contains(text));
        let time = self.behavior().time();
        let mut scope = None;
        if wants_caller(operation, request) {
            // The signature check uses the clock without the offset of `advance`.
            let now = self.behavior().now().saturating_add(faults.skew);
            let (caller, token_scope) = auth::verify(request, &self.credentials, now, time)?;
            logged.caller = Some(caller);
            scope = token_scope;
        }
        if let Some(caller) = logged.caller.as_ref().filter(|_| !is_of_credentials(name)) {
            self.behavior().admit(&caller.identity)?;
        }
        let past = self.apply_faults(operation, request, faults)?;

        let enterprise_project = request.segment("enterprise_project_id");
        match operation {
            Operation::MetadataSession | Operation::MetadataKey => {
                let version = self.behavior().settings.metadata;
                metadata::run(operation, request, version, &mut self.credentials.lock(), time)
            }
            _ if operation.is_identity() => {
                iam::run(operation, request, &mut logged.caller, &mut self.credentials.lock(), time)
            }
            Operation::ListNameServers => name_servers::list(request),
            Operation::MigrateResource => {
                let migration = enterprise_projects::migration(request)?;
                self.run_write(&migration.project_id, |service| {
                    service.migrate(enterprise_project, &migration).map(|()| ApiResponse::no_content())
                })
            }
            Operation::ListEnterpriseProjectResources => {
                let filter = enterprise_projects::filter(request)?;
                let of_project = |project: &String| {
                    self.read(project, None, |service| filter.resources(enterprise_project, project, service.project))
                };
                Ok(filter.respond(filter.projects.iter().flat_map(of_project).collect()))
            }
            _ => {
                let project = request.segment("project_id");
                limits::text("project_id", &rules::PROJECT_ID, project)?;
                if scope.is_some_and(|scope| !matches!(scope, Scope::Project { id, .. } if id == project)) {
                    // The gateway's response is an inference.
                    let reason = format!("the token is not one of project {project}");
                    return Err(ApiError::not_authorized(&reason));
                }
                if request.method() == "GET" {
                    return self.run_read(operation, request, past, logged);
                }
                self.run_write(project, |service| {
                    service.binding_delay = faults.binding_delay.unwrap_or(service.binding_delay);
                    routing::run(operation, service, request)
                })
            }
        }
    }

    /// Runs an operation that changes a project, and saves the change.
    fn run_write(
        &self,
        project: &str,
        work: impl FnOnce(&mut ProjectService<'_>) -> Result<ApiResponse, ApiError>,
    ) -> Result<ApiResponse, ApiError> {
        let (result, change) = self.with_project(project, true, work);
        let response = result?;
        self.persist(change)
            .map_err(|error| ApiError::internal(format!("The change was made but could not be saved: {error}")))?;
        Ok(response)
    }

    /// Applies the faults that follow authentication and returns their error, if any. For a stale read, returns the
    /// past project. It is read under the same lock because the history is dropped once the last stale fault is used
    /// up.
    fn apply_faults(
        &self,
        operation: Operation,
        request: &ApiRequest,
        faults: &mut ActiveFaults,
    ) -> Result<Option<Project>, ApiError> {
        let mut world = self.world.lock();
        world.behavior.faults.apply(faults, true, operation_name(operation), |text| request.contains(text));
        let project = request.segments.get("project_id").filter(|_| request.method() == "GET" && !faults.lag.is_zero());
        let past = project.map(|project| world.past_project(project, faults.lag));
        faults.error().map_or(Ok(past), Err)
    }

    /// Runs an operation that changes nothing, and logs which states its response shows.
    fn run_read(
        &self,
        operation: Operation,
        request: &ApiRequest,
        past: Option<Project>,
        logged: &mut LoggedRequest,
    ) -> Result<ApiResponse, ApiError> {
        let project = request.segment("project_id");
        let read = |past| self.read(project, past, |service| routing::run(operation, service, request));
        let is_past = past.is_some();
        let result = read(past);
        let effect = &mut logged.fault_effect;
        effect.is_stale = is_past && content(&result) != content(&read(None));
        if let Ok(ApiResponse { body: Some(body), .. }) = &result {
            let body = String::from_utf8_lossy(body);
            self.read(project, None, |service| {
                let now = service.now;
                let shows = |is_such: &dyn Fn(&Record) -> bool| {
                    let records = &service.project.connections;
                    records.iter().any(|record| is_such(record) && body.contains(&record.id))
                };
                effect.shows_creating_binding =
                    shows(&|record| record.peerings.iter().any(|peering| peering.status(now) == BINDING_CREATING));
                effect.shows_deleting = shows(&|record| record.deleted && !record.is_gone(now));
            });
        }
        result
    }

    /// Whether a quirk removes the operation from the region.
    fn is_unpublished(&self, operation: Operation) -> bool {
        let (behavior, path) = (self.behavior(), operation.path_template());
        let is_v3 = |suffix: &str| path.starts_with("/v3/") && path.contains(suffix);
        (behavior.has(Quirk::NoV3Routes) && is_v3("/routes"))
            || (behavior.has(Quirk::NoV3Vpcs) && is_v3("/vpc/vpcs"))
            || (behavior.has(Quirk::NoQueueProperties) && path.ends_with("/properties"))
            || (behavior.has(Quirk::NoTagApi) && is_v3("/dli_enhanced_datasource/"))
    }
}

/// Whether the gateway authenticates the caller.
fn wants_caller(operation: Operation, request: &ApiRequest) -> bool {
    match operation {
        Operation::MetadataSession | Operation::MetadataKey | Operation::CreateToken => false,
        // Without a token in the header, the operation reads one from the body.
        Operation::CreateTemporaryKey => request.header(auth::TOKEN).is_some(),
        _ => true,
    }
}

fn content(result: &Result<ApiResponse, ApiError>) -> Result<Option<&[u8]>, &str> {
    result.as_ref().map(|response| response.body.as_deref()).map_err(|error| error.text.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Bytes;
    use http::Request;

    use super::*;
    use crate::emulator::{Emulator, Fault, ProjectService, Settings};

    /// Another change between the fault decision and the read must not change the result.
    #[tokio::test]
    async fn stale_read_ignores_concurrent_change() {
        let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("a free port");
        let state = &emulator.state;
        let request = Request::get("/v1.0/p/queues").body(()).expect("a request");
        let mut request = ApiRequest::new(request.into_parts().0, Bytes::new());
        let operation = routing::find(&mut request).expect("ListQueues");
        let queues = |service: &mut ProjectService<'_>| service.project.queues.len();
        let remove = |name| state.edit("p", |service| service.remove_queue(name)).expect("no file").expect("it exists");
        let before = state.read("p", None, queues);
        // The past state can be in the history, or be the current state before the next change.
        for older in [true, false] {
            let fault = Fault::new("ListQueues", FaultKind::Stale(Duration::from_hours(1))).times(1);
            emulator.inject(fault).expect("a valid fault");
            if older {
                remove("q1");
            }
            let past = state.apply_faults(operation, &request, &mut ActiveFaults::default()).expect("no error");
            remove(if older { "q2" } else { "q3" });
            let expected = if older { before } else { before - 2 };
            assert_eq!(state.read("p", past, queues), expected);
        }
        assert_eq!(state.read("p", None, queues), before - 3);
    }
}
