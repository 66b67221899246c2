//! Taking over an object that Terraform does not manage yet.

use super::{Outcome, Server, guard};
use crate::framework::{
    diagnostic::Diagnostic,
    resource::{ImportRequest, Progress},
};

impl Server {
    /// Finds the object by what the practitioner wrote. Without an error the state is not null.
    pub async fn import(&self, type_name: &str, id: &str) -> Outcome {
        let registered = match self.registered(type_name) {
            Ok(registered) => registered,
            Err(diagnostics) => return Outcome { diagnostics, ..Outcome::default() },
        };
        let stop = self.stop_token();
        let mut progress = Progress::default();
        let result = guard(registered.implementation.import(ImportRequest { id, stop: &stop }, &mut progress)).await;
        let (mut state, private, mut diagnostics) = progress.into_parts();
        match result {
            Err(errors) => diagnostics.extend(errors),
            Ok(()) if state.is_null() => {
                diagnostics.push(Diagnostic::bug(format!("The import of {type_name} {id:?} left no state.")));
            }
            Ok(()) => {}
        }
        state.forget_unknowns();
        Outcome { state, private, diagnostics }
    }
}
