//! Applies a plan: create, update or delete, then checks the result against the plan.
//!
//! The response contains the state set so far, even after an error, a panic or an interruption.

use super::registry::Registered;
use super::{Server, catch_panic};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::plan::keep_equivalent;
use crate::framework::resource::{CreateRequest, DeleteRequest, Resource, ResponseState, UpdateRequest};
use crate::framework::schema::Schema;
use crate::framework::validate::validate;
use crate::framework::value::Value;

/// The request of [`Server::plan`] and of [`Server::apply`].
#[derive(Debug)]
pub struct ResourceChange {
    /// Resource type name.
    pub type_name: String,
    /// The prior state; null on create.
    pub prior: Value,
    /// The plan, or before it the configuration merged with the prior state; null on delete.
    pub planned: Value,
    /// The configuration, wholly known in an apply; null on delete.
    pub config: Value,
    /// Private data.
    pub private: Vec<u8>,
    /// The stored or planned identity; null if there is none.
    pub identity: Value,
}

/// The resulting state and diagnostics of an operation.
#[derive(Debug, Default)]
pub struct ResourceResponse {
    /// The new state; null if there is none.
    pub state: Value,
    /// Private data, which only the resource reads.
    pub private: Vec<u8>,
    /// The identity; null if there is none.
    pub identity: Value,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl ResourceChange {
    /// The response if nothing was done.
    fn unchanged(self, diagnostics: Diagnostics) -> ResourceResponse {
        let identity = if self.prior.is_null() { Value::Null } else { self.identity };
        ResourceResponse { state: self.prior, private: self.private, identity, diagnostics }
    }
}

impl Server {
    /// Applies a plan.
    pub async fn apply(&self, request: ResourceChange) -> ResourceResponse {
        let registered = match self.resources.get(&request.type_name) {
            Ok(registered) => registered,
            Err(diagnostics) => return request.unchanged(diagnostics),
        };
        // Values that were unknown in the plan are validated before any request is sent.
        let faults = validate(&registered.schema, &request.config);
        if faults.has_errors() {
            return request.unchanged(faults);
        }
        let (response, result) = self.run(registered, &request).await;
        let (mut state, private, mut diagnostics) = response.into_parts();
        match result {
            Err(errors) => diagnostics.extend(errors),
            Ok(()) => diagnostics.extend(check_result_against_plan(&registered.schema, &request, &mut state)),
        }
        state.nullify_unknowns();
        let identity = self.next_identity(&request.type_name, &request.identity, &state).unwrap_or_else(|changed| {
            diagnostics.push(changed);
            request.identity
        });
        ResourceResponse { state, private, identity, diagnostics }
    }

    async fn run(
        &self,
        registered: &Registered<dyn Resource>,
        request: &ResourceChange,
    ) -> (ResponseState, Result<(), Diagnostics>) {
        let ResourceChange { prior, planned, .. } = request;
        let resource = &registered.implementation;
        let stop = &self.stop_token();
        // The private data of a replaced object is not that of its replacement.
        let private = if prior.is_null() { Vec::new() } else { request.private.clone() };
        let mut response = ResponseState::new(prior.clone(), private);
        let (done, result) = if prior.is_null() {
            ("created", catch_panic(resource.create(CreateRequest { planned, stop }, &mut response)).await)
        } else if planned.is_null() {
            let result = catch_panic(resource.delete(DeleteRequest { prior, stop }, &mut response)).await;
            if result.is_ok() {
                response.remove_resource();
            }
            ("deleted", result)
        } else {
            ("updated", catch_panic(resource.update(UpdateRequest { prior, planned, stop }, &mut response)).await)
        };
        if result.is_ok() {
            let state = if planned.is_null() { prior } else { response.state() };
            tracing::info!(id = state.get("id").as_str(), "{done}");
        }
        (response, result)
    }
}

/// Reports differences between a successful result and the plan.
///
/// A computed attribute keeps the planned parts of its value until the next refresh, because core requires them and the
/// object may have changed in the meantime.
fn check_result_against_plan(schema: &Schema, request: &ResourceChange, state: &mut Value) -> Diagnostics {
    let ResourceChange { type_name, planned, config, .. } = request;
    let mut report = Diagnostics::new();
    if planned.is_null() {
        return report;
    }
    if state.is_null() {
        report.push(Diagnostic::bug(format!("The call for {type_name} succeeded, but it left no state.")));
        return report;
    }
    for attribute in &schema.body.attributes {
        let promised = planned.get(attribute.name);
        let ours = attribute.is_computed() && config.get(attribute.name).is_null();
        if ours && !promised.is_unknown() {
            let kept = fill_unknown(promised, state.get(attribute.name));
            if *state.get(attribute.name) != kept {
                tracing::debug!(
                    attribute = attribute.name,
                    "value changed since the plan; keeping the planned value until the next refresh"
                );
            }
            state.set_attribute(attribute.name, kept);
        } else {
            keep_equivalent(attribute, planned, state);
        }
    }
    let attributes = schema.body.attributes.iter().map(|attribute| attribute.name);
    for name in attributes.chain(schema.body.blocks.iter().map(|block| block.name)) {
        let path = Path::attribute(name);
        if let Some(broken) = first_difference(planned.get(name), state.get(name), &path) {
            let text = format!("{broken} of the {type_name} is not what was planned.");
            report.push(Diagnostic::bug(text).at(path));
        }
    }
    report
}

/// Returns the promised value, with its unknown parts from `actual`.
fn fill_unknown(promised: &Value, actual: &Value) -> Value {
    match promised {
        Value::Unknown(_) => actual.clone(),
        Value::Map(entries) if !promised.is_wholly_known() => {
            Value::map(entries.iter().map(|(key, promised)| (key.clone(), fill_unknown(promised, actual.get(key)))))
        }
        _ => promised.clone(),
    }
}

/// Returns the path where `actual` differs from a known part of `promised`.
fn first_difference(promised: &Value, actual: &Value, path: &Path) -> Option<Path> {
    match (promised, actual) {
        (Value::Unknown(_), _) => None,
        (Value::Map(promised), Value::Map(actual)) if promised.keys().eq(actual.keys()) => {
            promised.iter().zip(actual.values()).find_map(|((key, promised), actual)| {
                // Equal leaves, the common case, allocate no path.
                (promised != actual).then(|| first_difference(promised, actual, &path.key(key))).flatten()
            })
        }
        (Value::Set(_), Value::Set(_)) if !promised.is_wholly_known() => None,
        _ => (promised != actual).then(|| path.clone()),
    }
}
