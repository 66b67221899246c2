//! Plans a change of a resource.

use super::{ResourceChange, Server, catch_panic};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::path::Path;
use crate::framework::plan::{Plan, plan};
use crate::framework::resource;
use crate::framework::value::Value;

/// The response of [`Server::plan`].
#[derive(Debug, Default)]
pub struct PlanResourceChangeResponse {
    /// The planned state.
    pub planned: Value,
    /// Attributes whose change requires replacement.
    pub replace: Vec<Path>,
    /// Private data for the apply.
    pub private: Vec<u8>,
    /// The planned identity; null if a part of it is unknown, as in the plan of most new objects.
    pub identity: Value,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl Server {
    /// Plans a change of a resource.
    pub async fn plan(&self, request: ResourceChange) -> PlanResourceChangeResponse {
        let ResourceChange { type_name, prior, planned: proposed, config, mut private, identity } = request;
        let registered = match self.resources.get(&type_name) {
            Ok(registered) => registered,
            Err(diagnostics) => {
                return PlanResourceChangeResponse { diagnostics, ..PlanResourceChangeResponse::default() };
            }
        };
        let Plan { mut planned, mut replace } = plan(&registered.schema, &prior, proposed, &config);
        let mut diagnostics = if planned.is_null() {
            registered.implementation.plan_destroy(&prior, &mut private)
        } else {
            let stop = self.stop_token();
            let request = resource::ModifyPlanRequest {
                prior: &prior,
                config: &config,
                private: &mut private,
                planned: &mut planned,
                replace: &mut replace,
                stop: &stop,
            };
            catch_panic(registered.implementation.modify_plan(request)).await.unwrap_or_else(|errors| errors)
        };
        // Core plans a replacement twice, first with the prior state and then without.
        let identity = if prior.is_null() {
            self.identity_of(&type_name, &planned)
        } else {
            // Before the apply sends a request about another object.
            self.next_identity(&type_name, &identity, &prior).unwrap_or_else(|changed| {
                diagnostics.push(changed);
                identity
            })
        };
        // Terraform 1.15 cannot show a saved plan as JSON if an identity in it has unknown parts.
        let identity = if identity.is_wholly_known() { identity } else { Value::Null };
        PlanResourceChangeResponse { planned, replace, private, identity, diagnostics }
    }
}
