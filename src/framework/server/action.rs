//! Invokes actions.

use super::{Server, catch_panic};
use crate::framework::action::{InvokeRequest, Progress};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::validate::validate;
use crate::framework::value::Value;

impl Server {
    /// Invokes an action and returns its errors and warnings.
    pub async fn invoke_action(&self, type_name: &str, config: Value, progress: &Progress) -> Diagnostics {
        let registered = match self.actions.get(type_name) {
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
