//! Share connections with other projects, and tell with whom they are shared.

use super::{
    account::Account,
    operation::{Answer, Call, Operation},
    refusal::Refusal,
};
use crate::dli::wire::{Authorization, Outcome, PRIVILEGE_BIND_QUEUE, Privilege, PrivilegeList, privilege_object};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ShowEnhancedConnectionPrivilege",
        method: "GET",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/privileges",
        run: show,
    },
    Operation {
        name: "RunAuthorizationAction",
        method: "PUT",
        pattern: "/v1.0/{project_id}/authorization",
        run: authorize,
    },
];

fn show(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let connection_id = call.segment("connection_id").to_owned();
    let privilege = |project: &String| Privilege {
        object: privilege_object(&connection_id),
        applicant_project_id: project.clone(),
        privileges: vec![PRIVILEGE_BIND_QUEUE.to_owned()],
    };
    let privileges = account.shared_with(&connection_id)?.iter().map(privilege).collect();
    Ok(Answer::ok(&PrivilegeList { outcome: Outcome::success(""), connection_id, privileges }))
}

fn authorize(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    account.authorize(&call.json::<Authorization>()?)?;
    Ok(Answer::ok(&Outcome::success("")))
}
