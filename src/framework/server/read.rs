//! Refreshes a resource.

use super::{ResourceResponse, Server, catch_panic};
use crate::framework::plan::keep_equivalent;
use crate::framework::resource::{ReadRequest, ResponseState};
use crate::framework::value::Value;

impl Server {
    /// Refreshes a resource. A null state means that it no longer exists; on error nothing changes.
    ///
    /// `identity` is the stored one; null if the state has none yet.
    pub async fn read(&self, type_name: &str, state: Value, private: Vec<u8>, identity: Value) -> ResourceResponse {
        let registered = match self.resources.get(type_name) {
            Ok(registered) => registered,
            Err(diagnostics) => return ResourceResponse { state, private, identity, diagnostics },
        };
        if state.is_null() {
            return ResourceResponse::default();
        }
        let stop = self.stop_token();
        let mut response = ResponseState::new(state.clone(), private.clone());
        let result = catch_panic(
            registered
                .implementation
                .read(ReadRequest { state: &state, private: &private, stop: &stop }, &mut response),
        )
        .await;
        let (mut new, noted, mut diagnostics) = response.into_parts();
        if let Err(errors) = result {
            diagnostics.extend(errors);
            return ResourceResponse { state, private, identity, diagnostics };
        }
        for attribute in &registered.schema.body.attributes {
            keep_equivalent(attribute, &state, &mut new);
        }
        new.nullify_unknowns();
        match self.next_identity(type_name, &identity, &new) {
            Ok(identity) => ResourceResponse { state: new, private: noted, identity, diagnostics },
            Err(changed) => {
                diagnostics.push(changed);
                ResourceResponse { state, private, identity, diagnostics }
            }
        }
    }
}
