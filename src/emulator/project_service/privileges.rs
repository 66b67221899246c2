//! Projects that may bind their queues and pools to a connection.
//!
//! The documents do not say what such a project sees of the connection, so projects are isolated here.

use std::collections::BTreeSet;

use super::ProjectService;
use crate::{
    dli::{
        rules,
        wire::{Authorization, AuthorizationAction, PRIVILEGE_BIND_QUEUE, privilege_object},
    },
    emulator::{api_error::ApiError, limits},
};

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
        limits::text("projectId", &rules::PROJECT_ID, &request.project_id)?;
        let mut wanted = Vec::new();
        for granted in &request.privileges {
            let id = granted
                .object
                .strip_prefix(&privilege_object(""))
                .ok_or_else(|| ApiError::parameter(format!("The parameter object is invalid: {:?}", granted.object)))?;
            if let Some(other) = granted.privileges.iter().find(|name| *name != PRIVILEGE_BIND_QUEUE) {
                return Err(ApiError::parameter(format!("The parameter privileges is invalid: {other:?}")));
            }
            self.position_mut(id)?;
            wanted.push((id, !granted.privileges.is_empty()));
        }
        for (id, named) in wanted {
            match (request.action, named) {
                (AuthorizationAction::Grant | AuthorizationAction::Update, true) => {
                    self.grant(id, &request.project_id)?;
                }
                (AuthorizationAction::Revoke, true) | (AuthorizationAction::Update, false) => {
                    self.revoke(id, &request.project_id)?;
                }
                (AuthorizationAction::Grant | AuthorizationAction::Revoke, false) => {}
            }
        }
        Ok(())
    }
}
