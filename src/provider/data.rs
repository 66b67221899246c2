//! The data sources: what the service has, whether Terraform manages it or not.
//!
//! What is found stands in an order that does not depend on the answer's, so that the same cloud makes the same plan.
//! A name is matched exactly, whatever the service makes of its filter.

mod connection;
mod connections;
mod facts;
mod pools;
mod queues;

use std::{sync::Arc, time::Duration};

use super::{
    provider_data::ProviderData,
    session::{Fault, Session},
    shared::error_detail,
};
use crate::framework::{
    data_source::{DataRequest, DataSource},
    diagnostic::{Diagnostic, Diagnostics},
    model::IntoValue,
    schema::{Attribute, BlockBody, Schema},
    value::Value,
};

/// How long a read may take.
const READ: Duration = Duration::from_mins(5);
/// What Terraform holds after a failure, and what to do.
const HOLDS: &str = "Nothing was read, and nothing was changed. Fix the cause and plan again.";

/// Every kind of data source.
pub(super) fn all(provider_data: &Arc<ProviderData>) -> Vec<Arc<dyn DataSource>> {
    let provider_data = || Arc::clone(provider_data);
    vec![
        Arc::new(connection::OneConnection(provider_data())),
        Arc::new(connections::Connections(provider_data())),
        Arc::new(queues::Queues(provider_data())),
        Arc::new(pools::Pools(provider_data())),
    ]
}

fn schema(description: &str, attributes: Vec<Attribute>) -> Schema {
    let body = BlockBody { attributes, description: description.to_owned(), ..BlockBody::default() };
    Schema { body, ..Schema::default() }
}

/// Begins to read what `config` asks for, in the place that it names.
async fn open(provider_data: &ProviderData, request: &DataRequest<'_>) -> Result<Session, Fault> {
    let place = (text(request.config, "region"), text(request.config, "project_id"));
    Session::open(provider_data, place, READ, request.stop).await
}

/// A text of the configuration; `None` where it is not set.
fn text<'a>(config: &'a Value, name: &str) -> Option<&'a str> {
    config.get(name).as_str()
}

/// What was configured, and around it where that is and what was found.
fn answer(config: &Value, session: &Session, found: Value) -> Value {
    let mut state = found;
    state.set_attribute("region", session.project.region().map(str::to_owned).into_value());
    state.set_attribute("project_id", session.project.id().into());
    // A spelling of the configuration stays.
    for (name, value) in config.as_map().into_iter().flatten() {
        if !value.is_null() || state.get(name).is_null() {
            state.set_attribute(name, value.clone());
        }
    }
    state
}

/// An error that says what could not be read.
fn told(summary: &str) -> impl Fn(Fault) -> Diagnostics {
    move |fault| match fault {
        // A data source has no timeouts block to point to.
        Fault::TimedOut { limit, said, .. } => {
            let what = format!("The service did not answer everything within {}.", humantime::format_duration(limit));
            let text = match said {
                None => format!("{what}\n\n{HOLDS}"),
                Some(error) => error_detail::describe_timeout("", &what, &error, HOLDS),
            };
            Diagnostic::error(format!("Timed Out: {summary}"), text).into()
        }
        other => other.tell(summary, HOLDS),
    }
}

/// `charging_mode` in words; none for a number that no page explains.
fn charging_mode(number: i64) -> Option<String> {
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
        let fault =
            Fault::TimedOut { about: String::new(), limit: READ, writing: false, awaited: String::new(), said: None };
        let report: Vec<_> = told("Could Not Read")(fault).into_iter().collect();
        assert_eq!(report[0].summary, "Timed Out: Could Not Read");
        assert!(report[0].detail.contains("within 5m") && !report[0].detail.contains("timeouts"), "{report:?}");
    }
}
