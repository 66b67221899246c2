//! Projects that may bind their queues and pools to a connection.
//!
//! Such a project sees the connection, binds its queues and pools, and manages routes (User Guide). That it sees its
//! own bindings only, and that they remain when the permission is withdrawn, are inferences.

use std::collections::BTreeSet;

use serde_json::json;

use super::{api_error::ApiError, limits, project_service::ProjectService, request::ApiRequest, response::ApiResponse};
use crate::dli::rules;
use crate::dli::wire::{Authorization, AuthorizationAction, PRIVILEGE_BIND_QUEUE, privilege_object};

pub(super) fn show(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let connection_id = request.segment("connection_id").to_owned();
    // The documents name the project `applicant_project_id`, observed responses `project_id`.
    let privilege = |project: &String| {
        json!({
            "object": privilege_object(&connection_id),
            "applicant_project_id": project,
            "project_id": project,
            "privileges": [PRIVILEGE_BIND_QUEUE],
        })
    };
    let privileges: Vec<_> = service.shared_with(&connection_id)?.iter().map(privilege).collect();
    Ok(ApiResponse::success_with(&json!({ "connection_id": connection_id, "privileges": privileges,
    })))
}

impl ProjectService<'_> {
    /// Allows a project to bind its queues and pools. Repeating it has no effect.
    pub fn grant(&mut self, id: &str, project: &str) -> Result<(), ApiError> {
        limits::text("projectId", &rules::PROJECT_ID, project)?;
        self.record_mut(id)?.shared_with.insert(project.to_owned());
        Ok(())
    }

    /// Withdraws the permission of a project. A missing permission is ignored (an inference).
    pub fn revoke(&mut self, id: &str, project: &str) -> Result<(), ApiError> {
        limits::text("projectId", &rules::PROJECT_ID, project)?;
        self.record_mut(id)?.shared_with.remove(project);
        Ok(())
    }

    /// Projects that may bind their queues and pools.
    pub fn shared_with(&self, id: &str) -> Result<&BTreeSet<String>, ApiError> {
        self.existing(id).map(|record| &record.shared_with)
    }

    /// Grants, revokes or updates the privileges of several connections. "Update" with an empty list revokes all
    /// privileges; that the other two have no effect then is an inference.
    pub fn authorize(&mut self, request: &Authorization) -> Result<(), ApiError> {
        let project = &request.project_id;
        limits::text("projectId", &rules::PROJECT_ID, project)?;
        let mut changes = Vec::new();
        for granted in &request.privileges {
            let id = granted.object.strip_prefix(&privilege_object("")).ok_or_else(|| {
                ApiError::invalid_parameter(format!("The parameter object is invalid: {:?}", granted.object))
            })?;
            if let Some(other) = granted.privileges.iter().find(|name| *name != PRIVILEGE_BIND_QUEUE) {
                return Err(ApiError::invalid_parameter(format!("The parameter privileges is invalid: {other:?}")));
            }
            self.record_mut(id)?;
            changes.push((id, !granted.privileges.is_empty()));
        }
        changes.into_iter().try_for_each(|(id, is_named)| match (request.action, is_named) {
            (AuthorizationAction::Grant | AuthorizationAction::Update, true) => self.grant(id, project),
            (AuthorizationAction::Revoke, true) | (AuthorizationAction::Update, false) => self.revoke(id, project),
            (AuthorizationAction::Grant | AuthorizationAction::Revoke, false) => Ok(()),
        })
    }
}
