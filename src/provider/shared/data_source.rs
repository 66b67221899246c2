//! Shared code of the data sources.
//!
//! Lists have a fixed order, so that the same remote objects always give the same plan. Names are compared by the
//! provider, whatever the filter of the service matches.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::operation::{OperationContext, OperationError, timeout_text};
use super::shared_reads::Sharing;
use super::{location, optional};
use crate::client;
use crate::framework::data_source::{DataRequest, DataSource};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::IntoValue;
use crate::framework::resource::ResponseState;
use crate::framework::schema::{Attribute, Nesting, Schema};
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;

/// Timeout of a read.
pub(crate) const READ: Duration = Duration::from_mins(5);
/// The state after a failed read.
const STATE_NOTE: &str = "Nothing was read, and nothing was changed. Fix the cause and plan again.";

/// A filter of a list: an attribute of the configuration, compared with a value of each entry in any case.
pub(crate) struct Filter<T>(pub(crate) Attribute, pub(crate) fn(&T) -> &str);

/// A computed attribute of each list entry.
pub(crate) struct Column<T> {
    attribute: Attribute,
    value: Box<dyn Fn(&T) -> Value + Send + Sync>,
}

impl<T: 'static> Column<T> {
    pub(crate) fn value(
        name: &'static str,
        ty: Type,
        description: &str,
        value: impl Fn(&T) -> Value + Send + Sync + 'static,
    ) -> Self {
        Self { attribute: Attribute::new(name, ty).description(description).computed(), value: Box::new(value) }
    }

    /// A string; null if it is empty.
    pub(crate) fn text(name: &'static str, description: &str, value: fn(&T) -> &str) -> Self {
        Self::value(name, Type::String, description, move |entry| optional::text(value(entry)).into_value())
    }

    pub(crate) fn number(name: &'static str, description: &str, value: fn(&T) -> i64) -> Self {
        Self::value(name, Type::Number, description, move |entry| value(entry).into())
    }

    pub(crate) fn cidr_in_vpc(value: fn(&T) -> &str) -> Self {
        Self::text("cidr_in_vpc", "Network inside DLI. It must not overlap the network of a connection's VPC.", value)
    }

    pub(crate) fn charging_mode(value: fn(&T) -> i64) -> Self {
        let description = "`pay_per_use` (by the CU-hour) or `yearly_monthly`; null if the service does not return it.";
        Self::value("charging_mode", Type::String, description, move |entry| match value(entry) {
            1 => "pay_per_use".into(),
            2 => "yearly_monthly".into(),
            _ => Value::Null,
        })
    }

    pub(crate) fn created_at(value: fn(&T) -> i64) -> Self {
        let value = move |entry: &T| optional::timestamp(value(entry)).into_value();
        Self::value("created_at", Type::String, "Creation time, RFC 3339 in UTC.", value)
    }

    pub(crate) fn can_be_bound(condition: &str, value: fn(&T) -> bool) -> Self {
        let description = format!("Whether an enhanced connection may bind it: {condition}");
        Self::value("can_be_bound", Type::Bool, &description, move |entry| value(entry).into())
    }
}

/// A call that lists objects.
type List<T> = fn(&client::Project) -> BoxFuture<'_, Result<Vec<T>, client::Error>>;

/// A data source that lists all objects of one kind in a project, sorted by name.
pub(crate) struct ListDataSource<T> {
    pub(crate) provider_data: Arc<ProviderData>,
    pub(crate) type_name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) error_summary: &'static str,
    /// Name of the attribute that holds the list, and its description.
    pub(crate) rows: (&'static str, &'static str),
    pub(crate) list: List<T>,
    pub(crate) filters: Vec<Filter<T>>,
    /// One of the columns is `name`.
    pub(crate) columns: Vec<Column<T>>,
}

#[async_trait]
impl<T: Send + Sync + 'static> DataSource for ListDataSource<T> {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn schema(&self) -> Schema {
        let columns = self.columns.iter().map(|column| column.attribute.clone()).collect();
        let (rows, description) = self.rows;
        let mut attributes: Vec<_> = self.filters.iter().map(|Filter(attribute, _)| attribute.clone()).collect();
        attributes.extend(location::data_source_attributes());
        attributes.push(Attribute::nested(rows, Nesting::List, columns).computed().description(description));
        Schema::new(self.description, attributes)
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        report(self.error_summary, async {
            let context = open(&self.provider_data, &request).await?;
            let mut entries = context.read((self.list)(&context.project)).await?;
            entries.retain(|entry| {
                self.filters.iter().all(|Filter(attribute, value)| {
                    text(request.config, attribute.name).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value(entry)))
                })
            });
            let row = |entry: &T| {
                Value::map(self.columns.iter().map(|column| (column.attribute.name, (column.value)(entry))))
            };
            let mut rows: Vec<_> = entries.iter().map(row).collect();
            rows.sort_by(|a, b| a.get("name").as_str().cmp(&b.get("name").as_str()));
            let found = Value::map([(self.rows.0, Value::List(rows))]);
            response.set_state(state(request.config, &context, found));
            Ok(())
        })
        .await
    }
}

/// Begins a read in the region and project of the configuration.
pub(crate) async fn open(
    provider_data: &ProviderData,
    request: &DataRequest<'_>,
) -> Result<OperationContext, OperationError> {
    let location = (text(request.config, "region"), text(request.config, "project_id"));
    Ok(provider_data.begin(location, READ, request.stop).await?.with_sharing(Sharing::Objects))
}

/// A string attribute of the configuration; `None` if it is not set.
pub(crate) fn text<'a>(config: &'a Value, name: &str) -> Option<&'a str> {
    config.get(name).as_str()
}

/// The state of a data source: its configuration, region, project, and what was found.
pub(crate) fn state(config: &Value, context: &OperationContext, found: Value) -> Value {
    let mut state = found;
    state.set_attribute("region", context.project.region().map(str::to_owned).into_value());
    state.set_attribute("project_id", context.project.id().into());
    // The spelling of the configuration takes precedence.
    for (name, value) in config.entries() {
        if !value.is_null() || state.get(name).is_null() {
            state.set_attribute(name, value.clone());
        }
    }
    state
}

/// Runs a read; its error becomes diagnostics with this summary.
pub(crate) fn report(
    summary: &str,
    read: impl Future<Output = Result<(), OperationError>>,
) -> impl Future<Output = Result<(), Diagnostics>> {
    let read = Box::pin(read);
    let into_diagnostics = move |error| match error {
        // A data source has no timeouts block.
        OperationError::TimedOut { limit, last_error, .. } => {
            let what = format!("The service did not return everything within {}.", humantime::format_duration(limit));
            let text = timeout_text("", &what, last_error.as_deref(), STATE_NOTE);
            Diagnostic::error(format!("Timed Out: {summary}"), text).into()
        }
        other => other.into_errors(summary, STATE_NOTE),
    };
    async move { read.await.map_err(into_diagnostics) }
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
