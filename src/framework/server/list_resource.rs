//! Validates list blocks and lists objects.

use tokio::sync::mpsc::Sender;

use super::{Registered, Server, catch_panic, known};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::list_resource::{ListEvent, ListRequest, ListResource, ListResults};
use crate::framework::schema::Schema;
use crate::framework::types::Type;
use crate::framework::validate::validate;
use crate::framework::value::Value;

impl Server {
    /// Returns the schemas of all list resources by resource type.
    pub fn list_resource_schemas(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.list_resources.iter().map(|(name, registered)| (*name, &registered.schema))
    }

    fn list_resource(&self, type_name: &str) -> Result<&Registered<dyn ListResource>, Diagnostics> {
        known(&self.list_resources, "list resource", type_name)
    }

    /// Returns the type of the configuration of a list resource.
    pub fn list_resource_type(&self, type_name: &str) -> Result<&Type, Diagnostics> {
        self.list_resource(type_name).map(|registered| &registered.ty)
    }

    /// Validates the `config` block of a list, offline.
    pub fn validate_list_resource(&self, type_name: &str, config: &Value) -> Diagnostics {
        self.list_resource(type_name).map_or_else(|unknown| unknown, |registered| validate(&registered.schema, config))
    }

    /// Sends at most `limit` objects to `events`, and returns errors.
    pub async fn list(
        &self,
        type_name: &str,
        config: Value,
        (include_resource, limit): (bool, i64),
        events: Sender<ListEvent>,
    ) -> Diagnostics {
        let registered = match self.list_resource(type_name) {
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
