//! Shared code of the data sources.
//!
//! Lists have a fixed order, so that the same remote objects always give the same plan. Names are compared by the
//! provider, whatever the filter of the service matches.

use std::{fmt::Debug, marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    error_detail, location,
    operation::{OperationContext, OperationError},
};
use crate::{
    client,
    framework::{
        data_source::{DataRequest, DataSource},
        diagnostic::{Diagnostic, Diagnostics},
        model::IntoValue,
        resource::ResponseState,
        schema::{Attribute, BlockBody, Nesting, Schema},
        types::Type,
        value::Value,
    },
    provider::provider_data::ProviderData,
};

/// Timeout of a read.
const READ: Duration = Duration::from_mins(5);
/// The state after a failed read.
const STATE_NOTE: &str = "Nothing was read, and nothing was changed. Fix the cause and plan again.";

/// A computed attribute of a list entry: name, type, description, value.
pub(in crate::provider) struct Column<T>(
    pub(in crate::provider) &'static str,
    pub(in crate::provider) Type,
    pub(in crate::provider) &'static str,
    pub(in crate::provider) fn(&T) -> Value,
);

/// The texts of a list data source.
pub(in crate::provider) struct ListTexts {
    pub(in crate::provider) type_name: &'static str,
    pub(in crate::provider) description: &'static str,
    /// Name of the attribute that holds the list, and its description.
    pub(in crate::provider) list: (&'static str, &'static str),
    pub(in crate::provider) error_summary: &'static str,
}

/// A data source that lists all objects of one kind in a project.
#[async_trait]
pub(in crate::provider) trait ListSource: Debug + Send + Sync + 'static {
    type Entry: Send + Sync + 'static;

    const TEXTS: ListTexts;

    fn filters() -> Vec<Attribute>;

    fn columns() -> Vec<Column<Self::Entry>>;

    async fn list(project: &client::Project) -> Result<Vec<Self::Entry>, client::Error>;

    /// The name, by which the list is sorted.
    fn name(entry: &Self::Entry) -> &str;

    /// Whether an entry matches the filters of the configuration.
    fn matches(entry: &Self::Entry, config: &Value) -> bool;
}

/// Implements [`DataSource`] for a list.
#[derive(Debug)]
pub(in crate::provider) struct ListDataSource<S>(Arc<ProviderData>, PhantomData<fn() -> S>);

impl<S: ListSource> ListDataSource<S> {
    pub(in crate::provider) fn new(provider_data: Arc<ProviderData>) -> Self {
        Self(provider_data, PhantomData)
    }
}

#[async_trait]
impl<S: ListSource> DataSource for ListDataSource<S> {
    fn type_name(&self) -> &'static str {
        S::TEXTS.type_name
    }

    fn schema(&self) -> Schema {
        let columns = S::columns().into_iter();
        let columns =
            columns.map(|Column(name, ty, text, _)| Attribute::new(name, ty).description(text).computed()).collect();
        let (list, description) = S::TEXTS.list;
        let mut attributes = S::filters();
        attributes.extend(location::data_source_attributes());
        attributes.push(Attribute::nested(list, Nesting::List, columns).computed().description(description));
        schema(S::TEXTS.description, attributes)
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        report(S::TEXTS.error_summary, async {
            let context = open(&self.0, &request).await?;
            let mut entries = context.read(S::list(&context.project)).await?;
            entries.retain(|entry| S::matches(entry, request.config));
            entries.sort_by(|a, b| S::name(a).cmp(S::name(b)));
            let columns = S::columns();
            let row =
                |entry: &S::Entry| Value::map(columns.iter().map(|Column(name, .., value)| (*name, value(entry))));
            let rows = Value::List(entries.iter().map(row).collect());
            response.set_state(state(request.config, &context, Value::map([(S::TEXTS.list.0, rows)])));
            Ok(())
        })
        .await
    }
}

pub(in crate::provider) fn schema(description: &str, attributes: Vec<Attribute>) -> Schema {
    let body = BlockBody { attributes, description: description.to_owned(), ..BlockBody::default() };
    Schema { body, ..Schema::default() }
}

/// Begins a read in the region and project of the configuration.
pub(in crate::provider) async fn open(
    provider_data: &ProviderData,
    request: &DataRequest<'_>,
) -> Result<OperationContext, OperationError> {
    let location = (text(request.config, "region"), text(request.config, "project_id"));
    provider_data.begin(location, READ, request.stop).await
}

/// A string attribute of the configuration; `None` if it is not set.
pub(in crate::provider) fn text<'a>(config: &'a Value, name: &str) -> Option<&'a str> {
    config.get(name).as_str()
}

/// The state of a data source: its configuration, region, project, and what was found.
pub(in crate::provider) fn state(config: &Value, context: &OperationContext, found: Value) -> Value {
    let mut state = found;
    state.set_attribute("region", context.project.region().map(str::to_owned).into_value());
    state.set_attribute("project_id", context.project.id().into());
    // The spelling of the configuration takes precedence.
    for (name, value) in config.as_map().into_iter().flatten() {
        if !value.is_null() || state.get(name).is_null() {
            state.set_attribute(name, value.clone());
        }
    }
    state
}

/// Runs a read; its error becomes diagnostics with this summary.
pub(in crate::provider) fn report(
    summary: &str,
    read: impl Future<Output = Result<(), OperationError>>,
) -> impl Future<Output = Result<(), Diagnostics>> {
    let read = Box::pin(read);
    let into_diagnostics = move |error| match error {
        // A data source has no timeouts block.
        OperationError::TimedOut { limit, last_error, .. } => {
            let what = format!("The service did not answer everything within {}.", humantime::format_duration(limit));
            let text = match last_error {
                None => format!("{what}\n\n{STATE_NOTE}"),
                Some(error) => error_detail::describe_timeout("", &what, &error, STATE_NOTE),
            };
            Diagnostic::error(format!("Timed Out: {summary}"), text).into()
        }
        other => other.into_errors(summary, STATE_NOTE),
    };
    async move { read.await.map_err(into_diagnostics) }
}

/// The name of a `charging_mode`; `None` for an undocumented number.
pub(in crate::provider) fn charging_mode(number: i64) -> Value {
    let name = match number {
        1 => Some("pay_per_use".to_owned()),
        2 => Some("yearly_monthly".to_owned()),
        _ => None,
    };
    name.into_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn timeout_error_names_no_timeouts_block() {
        let error = OperationError::TimedOut {
            subject: String::new(),
            limit: READ,
            writing: false,
            waiting_for: String::new(),
            last_error: None,
        };
        let report: Vec<_> =
            report("Could Not Read", async { Err(error) }).await.expect_err("a timeout").into_iter().collect();
        assert_eq!(report[0].summary, "Timed Out: Could Not Read");
        assert!(report[0].detail.contains("within 5m") && !report[0].detail.contains("timeouts"), "{report:?}");
    }
}
