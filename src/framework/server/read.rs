//! Refreshing one object.

use super::{Outcome, Server, guard};
use crate::framework::{
    plan::keep_equivalent,
    resource::{Progress, ReadRequest},
    value::Value,
};

impl Server {
    /// Looks at one object. A null state means that it is gone; with an error everything stays as it was.
    pub async fn read(&self, type_name: &str, state: Value, private: Vec<u8>) -> Outcome {
        let registered = match self.registered(type_name) {
            Ok(registered) => registered,
            Err(diagnostics) => return Outcome { state, private, diagnostics },
        };
        if state.is_null() {
            return Outcome::default();
        }
        let stop = self.stop_token();
        let mut progress = Progress::new(state.clone(), private.clone());
        let result =
            guard(registered.implementation.read(ReadRequest { state: &state, stop: &stop }, &mut progress)).await;
        let (mut new, noted, mut diagnostics) = progress.into_parts();
        if let Err(errors) = result {
            diagnostics.extend(errors);
            return Outcome { state, private, diagnostics };
        }
        for attribute in &registered.schema.body.attributes {
            keep_equivalent(attribute, &state, &mut new);
        }
        new.forget_unknowns();
        Outcome { state: new, private: noted, diagnostics }
    }
}
