//! Add and delete routes, under the path of today and under the one of before.

use serde::Deserialize;

use super::{
    account::Account,
    operation::{Answer, Call, Operation},
    refusal::Refusal,
};
use crate::dli::wire::Outcome;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRouteToEnhancedConnection",
        method: "POST",
        pattern: "/v3/{project_id}/datasource/enhanced-connections/{connection_id}/routes",
        run: create,
    },
    Operation {
        name: "DeleteRouteFromEnhancedConnection",
        method: "DELETE",
        pattern: "/v3/{project_id}/datasource/enhanced-connections/{connection_id}/routes/{name}",
        run: delete,
    },
    Operation {
        name: "CreateEnhancedConnectionRoutes",
        method: "POST",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/routes",
        run: create,
    },
    Operation {
        name: "DeleteEnhancedConnectionRoutes",
        method: "DELETE",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/routes/{name}",
        run: delete,
    },
];

fn create(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    struct NewRoute {
        name: String,
        cidr: String,
    }
    let NewRoute { name, cidr } = call.json()?;
    account.add_route(call.segment("connection_id"), &name, &cidr)?;
    Ok(Answer::ok(&Outcome::success("")))
}

fn delete(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    account.delete_route(call.segment("connection_id"), call.segment("name"))?;
    Ok(Answer::ok(&Outcome::success("Deleted")))
}
