//! RPCs of managed resources.

use super::dynamic::{decode, take};
use super::response::{Reply, respond};
use super::tfplugin6::{
    DynamicValue, ResourceIdentityData, apply_resource_change, generate_resource_config, import_resource_state,
    move_resource_state, plan_resource_change, read_resource, upgrade_resource_identity, upgrade_resource_state,
};
use super::{dynamic, encode, json};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::server::{self, Server};
use crate::framework::value::Value;

pub(super) async fn upgrade_state(
    server: &Server,
    request: upgrade_resource_state::Request,
) -> Reply<upgrade_resource_state::Response> {
    respond("UpgradeResourceState", &request.type_name, async {
        let raw = request.raw_state.unwrap_or_default();
        if !raw.flatmap.is_empty() {
            let text = "The state was written by a Terraform older than 0.12. No version of this provider did that.";
            return Err(Diagnostic::error("State Too Old", text).into());
        }
        let ty = server.state_type(&request.type_name, request.version)?;
        let stored = json::decode(&raw.json, &ty)?;
        let upgraded = server.upgrade_state(&request.type_name, request.version, stored)?;
        let upgraded_state = dynamic::encode(&upgraded);
        Ok(upgrade_resource_state::Response { upgraded_state, diagnostics: Vec::new() })
    })
    .await
}

pub(super) async fn upgrade_identity(
    server: &Server,
    request: upgrade_resource_identity::Request,
) -> Reply<upgrade_resource_identity::Response> {
    respond("UpgradeResourceIdentity", &request.type_name, async {
        let ty = server.stored_identity_type(&request.type_name, request.version)?;
        let stored = json::decode(&request.raw_identity.unwrap_or_default().json, ty)?;
        let upgraded_identity = encode::identity(&stored);
        Ok(upgrade_resource_identity::Response { upgraded_identity, diagnostics: Vec::new() })
    })
    .await
}

pub(super) async fn read(server: &Server, request: read_resource::Request) -> Reply<read_resource::Response> {
    let read_resource::Request { type_name, current_state, private, current_identity, .. } = request;
    respond("ReadResource", &type_name, async {
        let state = read_value(server, &type_name, current_state.as_ref())?;
        let identity = read_identity(server, &type_name, current_identity.as_ref())?;
        let outcome = server.read(&type_name, state.clone(), private, identity).await;
        Ok(read_resource::Response {
            new_state: dynamic::encode_change(&outcome.state, &state, current_state),
            diagnostics: encode::diagnostics(outcome.diagnostics),
            // Core keeps only the private data of the response.
            private: outcome.private,
            new_identity: encode::identity(&outcome.identity),
            deferred: None,
        })
    })
    .await
}

pub(super) async fn plan(
    server: &Server,
    request: plan_resource_change::Request,
) -> Reply<plan_resource_change::Response> {
    respond("PlanResourceChange", &request.type_name, async {
        let ty = server.resources.ty(&request.type_name)?;
        let (before, proposed) = (request.prior_state, request.proposed_new_state);
        let [prior, proposed] = dynamic::decode_both(before.as_ref(), proposed, ty)?;
        let plan = server::PlanResourceChangeRequest {
            prior: prior.clone(),
            proposed,
            config: take(request.config, ty)?,
            private: request.prior_private,
            identity: read_identity(server, &request.type_name, request.prior_identity.as_ref())?,
            type_name: request.type_name.clone(),
        };
        let outcome = server.plan(plan).await;
        Ok(plan_resource_change::Response {
            planned_state: dynamic::encode_change(&outcome.planned, &prior, before),
            requires_replace: outcome.replace.iter().map(encode::path).collect(),
            planned_private: outcome.private,
            diagnostics: encode::diagnostics(outcome.diagnostics),
            planned_identity: encode::identity(&outcome.identity),
            ..plan_resource_change::Response::default()
        })
    })
    .await
}

pub(super) async fn apply(
    server: &Server,
    request: apply_resource_change::Request,
) -> Reply<apply_resource_change::Response> {
    respond("ApplyResourceChange", &request.type_name, async {
        let ty = server.resources.ty(&request.type_name)?;
        let apply = server::ApplyResourceChangeRequest {
            prior: take(request.prior_state, ty)?,
            planned: take(request.planned_state, ty)?,
            config: take(request.config, ty)?,
            private: request.planned_private,
            identity: read_identity(server, &request.type_name, request.planned_identity.as_ref())?,
            type_name: request.type_name.clone(),
        };
        let outcome = server.apply(apply).await;
        Ok(apply_resource_change::Response {
            new_state: dynamic::encode(&outcome.state),
            private: outcome.private,
            diagnostics: encode::diagnostics(outcome.diagnostics),
            new_identity: encode::identity(&outcome.identity),
            ..apply_resource_change::Response::default()
        })
    })
    .await
}

pub(super) async fn import(
    server: &Server,
    request: import_resource_state::Request,
) -> Reply<import_resource_state::Response> {
    let import_resource_state::Request { type_name, id, identity, .. } = request;
    respond("ImportResourceState", &type_name, async {
        let identity = read_identity(server, &type_name, identity.as_ref())?;
        let outcome = server.import(&type_name, &id, &identity).await;
        let imported = import_resource_state::ImportedResource {
            type_name: type_name.clone(),
            state: dynamic::encode(&outcome.state),
            private: outcome.private,
            identity: encode::identity(&outcome.identity),
        };
        Ok(import_resource_state::Response {
            imported_resources: if outcome.state.is_null() { Vec::new() } else { vec![imported] },
            diagnostics: encode::diagnostics(outcome.diagnostics),
            deferred: None,
        })
    })
    .await
}

pub(super) async fn move_state(
    server: &Server,
    request: move_resource_state::Request,
) -> Reply<move_resource_state::Response> {
    respond("MoveResourceState", &request.target_type_name, async {
        let target = &request.target_type_name;
        let source = server::MoveSource {
            provider_address: &request.source_provider_address,
            type_name: &request.source_type_name,
            version: request.source_schema_version,
        };
        let ty = server.move_source_type(target, source)?;
        let state = json::decode(&request.source_state.unwrap_or_default().json, &ty)?;
        let outcome = server.move_state(target, &state);
        Ok(move_resource_state::Response {
            // Core expects no state beside errors.
            target_state: (!outcome.state.is_null()).then(|| dynamic::encode(&outcome.state)).flatten(),
            diagnostics: encode::diagnostics(outcome.diagnostics),
            target_private: outcome.private,
            target_identity: encode::identity(&outcome.identity),
        })
    })
    .await
}

pub(super) async fn generate_config(
    server: &Server,
    request: generate_resource_config::Request,
) -> Reply<generate_resource_config::Response> {
    respond("GenerateResourceConfig", &request.type_name, async {
        let state = read_value(server, &request.type_name, request.state.as_ref())?;
        let config = server.generate_config(&request.type_name, state)?;
        let config = dynamic::encode(&config);
        Ok(generate_resource_config::Response { config, diagnostics: Vec::new() })
    })
    .await
}

/// Decodes an identity; null if there is none or the resource type has none.
fn read_identity(
    server: &Server,
    type_name: &str,
    identity: Option<&ResourceIdentityData>,
) -> Result<Value, Diagnostics> {
    let data = identity.and_then(|identity| identity.identity_data.as_ref());
    Ok(server.identity_type(type_name).map(|ty| decode(data, ty)).transpose()?.unwrap_or_default())
}

fn read_value(server: &Server, type_name: &str, value: Option<&DynamicValue>) -> Result<Value, Diagnostics> {
    Ok(decode(value, server.resources.ty(type_name)?)?)
}
