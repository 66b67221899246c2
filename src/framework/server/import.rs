//! Imports an object.

use super::{ResourceResponse, Server, catch_panic};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::resource::{ImportRequest, ResponseState};
use crate::framework::validate::validate;
use crate::framework::value::Value;

impl Server {
    /// Imports the object with an ID or, if `identity` is not null, with an identity. On success, the state is not null.
    pub async fn import(&self, type_name: &str, id: &str, identity: &Value) -> ResourceResponse {
        let ready = self.resources.get(type_name).and_then(|kind| Ok((kind, self.import_id(type_name, id, identity)?)));
        let (registered, id) = match ready {
            Ok(ready) => ready,
            Err(diagnostics) => return ResourceResponse { diagnostics, ..ResourceResponse::default() },
        };
        let id = id.as_str();
        let stop = self.stop_token();
        let mut response = ResponseState::default();
        let result =
            catch_panic(registered.implementation.import(ImportRequest { id, stop: &stop }, &mut response)).await;
        let (mut state, private, mut diagnostics) = response.into_parts();
        match result {
            Err(errors) => diagnostics.extend(errors),
            Ok(()) if state.is_null() => {
                diagnostics.push(Diagnostic::bug(format!("The import of {type_name} {id:?} left no state.")));
            }
            Ok(()) => {}
        }
        state.nullify_unknowns();
        let identity = self.identity_of(type_name, &state);
        ResourceResponse { state, private, identity, diagnostics }
    }

    /// Returns the import ID of a valid identity, or `id` if there is none.
    fn import_id(&self, type_name: &str, id: &str, identity: &Value) -> Result<String, Diagnostics> {
        let Some(registered) = self.identities.get(type_name).filter(|_| !identity.is_null()) else {
            return Ok(id.to_owned());
        };
        let report = validate(&registered.schema, identity);
        if report.has_errors() {
            return Err(report.into_iter().map(of_identity).collect());
        }
        Ok(self.resources.get(type_name)?.implementation.import_id(identity))
    }
}

/// Says that a diagnostic is about the identity of the import, not about the configuration of the resource.
fn of_identity(diagnostic: Diagnostic) -> Diagnostic {
    let detail = format!("The identity of the import is not valid. {}", diagnostic.detail);
    Diagnostic { detail, ..diagnostic }
}
