//! The data sources: what the service has, whether Terraform manages it or not.
//!
//! What is found stands in an order that does not depend on the answer's, so that the same cloud makes the same plan.
//! A name is matched exactly, whatever the service makes of its filter.

use std::time::Duration;

use crate::framework::{
    data_source::DataRequest,
    diagnostic::{Diagnostic, Diagnostics},
    model::IntoValue,
    schema::{Attribute, BlockBody, Schema},
    value::Value,
};
use crate::provider::{
    provider_data::ProviderData,
    shared::error_detail,
    shared::operation::{OperationContext, OperationError},
};

/// How long a read may take.
const READ: Duration = Duration::from_mins(5);
/// What Terraform holds after a failure, and what to do.
const STATE_NOTE: &str = "Nothing was read, and nothing was changed. Fix the cause and plan again.";

pub(in crate::provider) fn schema(description: &str, attributes: Vec<Attribute>) -> Schema {
    let body = BlockBody { attributes, description: description.to_owned(), ..BlockBody::default() };
    Schema { body, ..Schema::default() }
}

/// Begins to read what `config` asks for, in the place that it names.
pub(in crate::provider) async fn open(
    provider_data: &ProviderData,
    request: &DataRequest<'_>,
) -> Result<OperationContext, OperationError> {
    let place = (text(request.config, "region"), text(request.config, "project_id"));
    OperationContext::open(provider_data, place, READ, request.stop).await
}

/// A text of the configuration; `None` where it is not set.
pub(in crate::provider) fn text<'a>(config: &'a Value, name: &str) -> Option<&'a str> {
    config.get(name).as_str()
}

/// What was configured, and around it where that is and what was found.
pub(in crate::provider) fn answer(config: &Value, context: &OperationContext, found: Value) -> Value {
    let mut state = found;
    state.set_attribute("region", context.project.region().map(str::to_owned).into_value());
    state.set_attribute("project_id", context.project.id().into());
    // A spelling of the configuration stays.
    for (name, value) in config.as_map().into_iter().flatten() {
        if !value.is_null() || state.get(name).is_null() {
            state.set_attribute(name, value.clone());
        }
    }
    state
}

/// An error that says what could not be read.
pub(in crate::provider) fn to_errors(summary: &str) -> impl Fn(OperationError) -> Diagnostics {
    move |error| match error {
        // A data source has no timeouts block to point to.
        OperationError::TimedOut { limit, last_error, .. } => {
            let what = format!("The service did not answer everything within {}.", humantime::format_duration(limit));
            let text = match last_error {
                None => format!("{what}\n\n{STATE_NOTE}"),
                Some(error) => error_detail::describe_timeout("", &what, &error, STATE_NOTE),
            };
            Diagnostic::error(format!("Timed Out: {summary}"), text).into()
        }
        other => other.into_errors(summary, STATE_NOTE),
    }
}

/// `charging_mode` in words; none for a number that no page explains.
pub(in crate::provider) fn charging_mode(number: i64) -> Option<String> {
    match number {
        1 => Some("pay_per_use".to_owned()),
        2 => Some("yearly_monthly".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_does_not_point_to_a_block_that_there_is_not() {
        let error = OperationError::TimedOut {
            subject: String::new(),
            limit: READ,
            writing: false,
            waiting_for: String::new(),
            last_error: None,
        };
        let report: Vec<_> = to_errors("Could Not Read")(error).into_iter().collect();
        assert_eq!(report[0].summary, "Timed Out: Could Not Read");
        assert!(report[0].detail.contains("within 5m") && !report[0].detail.contains("timeouts"), "{report:?}");
    }
}
