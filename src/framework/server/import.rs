//! Imports an object.

use super::{ResourceResponse, Server, catch_panic};
use crate::framework::diagnostic::Diagnostic;
use crate::framework::resource::{ImportRequest, ResponseState};

impl Server {
    /// Imports the object with an ID. Without an error the state is not null.
    pub async fn import(&self, type_name: &str, id: &str) -> ResourceResponse {
        let registered = match self.registered(type_name) {
            Ok(registered) => registered,
            Err(diagnostics) => return ResourceResponse { diagnostics, ..ResourceResponse::default() },
        };
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
        ResourceResponse { state, private, diagnostics }
    }
}
