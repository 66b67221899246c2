//! Operations: show and change the privileges of connections.

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Handler},
    project_service::ProjectService,
};
use crate::dli::{
    operation::Operation,
    wire::{Authorization, Outcome, PRIVILEGE_BIND_QUEUE, Privilege, PrivilegeList, privilege_object},
};

pub(super) const OPERATIONS: &[(Operation, Handler)] =
    &[(Operation::ListPrivileges, show), (Operation::Authorize, authorize)];

fn show(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let connection_id = call.segment("connection_id").to_owned();
    let privilege = |project: &String| Privilege {
        object: privilege_object(&connection_id),
        applicant_project_id: project.clone(),
        privileges: vec![PRIVILEGE_BIND_QUEUE.to_owned()],
    };
    let privileges = service.shared_with(&connection_id)?.iter().map(privilege).collect();
    Ok(ApiResponse::ok(&PrivilegeList { outcome: Outcome::success(""), connection_id, privileges }))
}

fn authorize(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    service.authorize(&call.json::<Authorization>()?)?;
    Ok(ApiResponse::ok(&Outcome::success("")))
}
