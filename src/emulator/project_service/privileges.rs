//! Which other projects may bind their queues and pools to a connection.
//!
//! What such a project then sees of the connection is not told in the documents, and not modelled: projects stay apart.

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
    /// Lets another project bind its queues and pools; one that may already, may.
    pub fn grant(&mut self, id: &str, project: &str) -> Result<(), ApiError> {
        limits::text("projectId", &rules::PROJECT_ID, project)?;
        self.record_mut(id)?.shared_with.insert(project.to_owned());
        Ok(())
    }

    /// Takes that away; from one that has it not, nothing is taken (an inference).
    pub fn revoke(&mut self, id: &str, project: &str) -> Result<(), ApiError> {
        limits::text("projectId", &rules::PROJECT_ID, project)?;
        self.record_mut(id)?.shared_with.remove(project);
        Ok(())
    }

    /// The projects that may bind their queues and pools.
    pub fn shared_with(&self, id: &str) -> Result<&BTreeSet<String>, ApiError> {
        self.existing(id).map(|record| &record.shared_with)
    }

    /// Grants, revokes or sets, on several connections at once or on none. "Update" with an empty list takes all
    /// away; that the other two do nothing then is an inference.
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
