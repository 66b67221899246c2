//! Validates, plans and invokes actions.

use super::{Registered, Server, catch_panic, known};
use crate::framework::action::{Action, InvokeRequest, Progress};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::schema::Schema;
use crate::framework::types::Type;
use crate::framework::validate::validate;
use crate::framework::value::Value;

impl Server {
    /// Returns the schemas of all actions by name.
    pub fn action_schemas(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.actions.iter().map(|(name, registered)| (*name, &registered.schema))
    }

    fn action(&self, type_name: &str) -> Result<&Registered<dyn Action>, Diagnostics> {
        known(&self.actions, "action", type_name)
    }

    /// Returns the type of the configuration of an action.
    pub fn action_type(&self, type_name: &str) -> Result<&Type, Diagnostics> {
        self.action(type_name).map(|registered| &registered.ty)
    }

    /// Validates the configuration of an action, offline. Terraform does this during validation and planning.
    pub fn validate_action(&self, type_name: &str, config: &Value) -> Diagnostics {
        self.action(type_name).map_or_else(|unknown| unknown, |registered| validate(&registered.schema, config))
    }

    /// Invokes an action and returns its errors and warnings.
    pub async fn invoke_action(&self, type_name: &str, config: Value, progress: &Progress) -> Diagnostics {
        let registered = match self.action(type_name) {
            Ok(registered) => registered,
            Err(unknown) => return unknown,
        };
        // Values that were unknown during validation are known now.
        let mut report = validate(&registered.schema, &config);
        if report.has_errors() {
            return report;
        }
        let stop = self.stop_token();
        let request = InvokeRequest { config: &config, progress, stop: &stop };
        report.extend(catch_panic(registered.implementation.invoke(request)).await.unwrap_or_else(|errors| errors));
        report
    }
}
