//! Taking over an object that Terraform does not manage yet.

use super::{Server, guard};
use crate::framework::{
    diagnostic::{Diagnostic, Diagnostics},
    resource::{ImportRequest, Progress},
    value::Value,
};

/// What an import found.
#[derive(Debug, Default)]
pub struct ImportOutcome {
    /// The object; null where there is an error.
    pub state: Value,
    /// Kept beside the state, for the resource alone.
    pub private: Vec<u8>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl Server {
    /// Finds the object by what the practitioner wrote.
    pub async fn import(&self, type_name: &str, id: &str) -> ImportOutcome {
        let registered = match self.registered(type_name) {
            Ok(registered) => registered,
            Err(diagnostics) => return ImportOutcome { diagnostics, ..ImportOutcome::default() },
        };
        let stop = self.stop_token();
        let mut progress = Progress::default();
        let result = guard(registered.resource.import(ImportRequest { id, stop: &stop }, &mut progress)).await;
        let private = progress.private().to_owned();
        let (mut state, mut diagnostics) = progress.into_parts();
        match result {
            Err(errors) => diagnostics.extend(errors),
            Ok(()) if state.is_null() => {
                diagnostics.push(Diagnostic::bug(format!("The import of {type_name} {id:?} left no state.")));
            }
            Ok(()) => {}
        }
        state.forget_unknowns();
        ImportOutcome { state, private, diagnostics }
    }
}
