//! Lists objects.

use tokio::sync::mpsc::Sender;

use super::{Server, catch_panic};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::list_resource::{ListEvent, ListRequest, ListResults};
use crate::framework::validate::validate;
use crate::framework::value::Value;

impl Server {
    /// Sends at most `limit` objects to `events`, and returns errors.
    pub async fn list(
        &self,
        type_name: &str,
        config: Value,
        (include_resource, limit): (bool, i64),
        events: Sender<ListEvent>,
    ) -> Diagnostics {
        let registered = match self.list_resources.get(type_name) {
            Ok(registered) => registered,
            Err(unknown) => return unknown,
        };
        // Core leaves out the block if nothing in it is required.
        let config = if config.is_null() { registered.schema.empty() } else { config };
        let report = validate(&registered.schema, &config);
        let mut results = ListResults::new(events, limit);
        if report.has_errors() || !results.wants_more() {
            return report;
        }
        let stop = self.stop_token();
        let request = ListRequest { config: &config, include_resource, stop: &stop };
        catch_panic(registered.implementation.list(request, &mut results)).await.err().unwrap_or_default()
    }
}
