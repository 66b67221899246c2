//! `dli_enhanced_connection`: one connection, by its id or its exact name.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}` | read by id |
//! | `GET /v2.0/{project}/datasource/enhanced-connections` | read by name |
//! | `GET /v3/{project}/dli_enhanced_datasource/{id}/tags` | read |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}/privileges` | read of a shared connection |

use std::sync::Arc;

use async_trait::async_trait;

use super::connection_details::{self, ConnectionDetails};
use crate::{
    client::ConnectionFilter,
    dli::{rules, wire},
    framework::{
        data_source::{DataRequest, DataSource},
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
        resource::ResponseState,
        schema::{Attribute, Presence, Schema},
    },
    provider::{
        provider_data::ProviderData,
        shared::data_source::{self, open, report, state, text},
        shared::location,
        shared::operation::{OperationContext, OperationError},
        shared::validators::{ExactlyOneOf, MatchesRule},
    },
};

#[derive(Debug)]
pub(in crate::provider) struct EnhancedConnectionDataSource(pub(in crate::provider) Arc<ProviderData>);

#[async_trait]
impl DataSource for EnhancedConnectionDataSource {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connection"
    }

    fn schema(&self) -> Schema {
        let mut attributes = connection_details::attributes();
        for attribute in &mut attributes {
            let (rule, how): (&'static [_], _) = match attribute.name {
                "id" => (&[rules::CONNECTION_ID], " Exactly one of `id` and `name` is set."),
                "name" => (&[rules::CONNECTION_NAME], " Exact, in its case too, and of a connection that exists."),
                _ => continue,
            };
            let found = attribute.clone();
            let description = found.description.clone() + how;
            *attribute = Attribute { presence: Presence::OptionalComputed, ..found }
                .validator(MatchesRule(rule))
                .description(description);
        }
        attributes.splice(2..2, location::data_source_attributes());
        let schema = data_source::schema(
            "One enhanced datasource connection, by its ID or its exact name. No match, or several connections of that name, \
             is an error.",
            attributes,
        );
        Schema { validators: vec![Arc::new(ExactlyOneOf(&["id", "name"]))], ..schema }
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        report("Could Not Read the Enhanced Connection", async {
            let context = open(&self.0, &request).await?;
            let id = text(request.config, "id").unwrap_or_default();
            let (connection, missing) = match text(request.config, "name") {
                Some(name) => (by_name(&context, name).await?, no_such("name", name)),
                None => (by_id(&context, id).await?, no_such("id", id)),
            };
            let details = ConnectionDetails::read(&context, connection).await?.ok_or(missing)?;
            let (found, warnings) = details.into_value(&self.0.tag_policy());
            response.add_warning(warnings);
            response.set_state(state(request.config, &context, found));
            Ok(())
        })
        .await
    }
}

async fn by_id(context: &OperationContext, id: &str) -> Result<wire::Connection, OperationError> {
    match context.read(context.project.show_connection(id)).await {
        Ok(shown) if shown.is_deleted() => Err(no_such("id", id).into()),
        Err(error) if error.is_not_found() => Err(no_such("id", id).into()),
        other => other,
    }
}

async fn by_name(context: &OperationContext, name: &str) -> Result<wire::Connection, OperationError> {
    let filter =
        ConnectionFilter { name: Some(name), status: Some(wire::STATUS_ACTIVE), ..ConnectionFilter::default() };
    let mut named = context.read(context.project.list_connections(&filter)).await?;
    named.retain(|connection| connection.name == name && !connection.is_deleted());
    match named.len() {
        0 => Err(no_such("name", name).into()),
        1 => Ok(named.remove(0)),
        count => {
            let mut ids: Vec<_> = named.iter().map(|connection| connection.id.as_str()).collect();
            ids.sort_unstable();
            let text = format!(
                "name: there are {count} enhanced connections named {name:?}: {}.\n\nSet id instead of name.",
                ids.join(", ")
            );
            Err(OperationError::Reported(
                Diagnostic::error("Name Is Not Unique", text).at(Path::attribute("name")).into(),
            ))
        }
    }
}

fn no_such(attribute: &str, value: &str) -> Diagnostics {
    let case = if attribute == "name" { " Names must match exactly, including case." } else { "" };
    let text = format!(
        "{attribute}: there is no enhanced connection with the {attribute} {value:?} in this project, or it was deleted.{case}\
         \n\nAlso check region and project_id of this data source and of the provider. If the same configuration creates the \
         connection, refer to its id, so that it is read only once it exists."
    );
    Diagnostic::error("Enhanced Connection Not Found", text).at(Path::attribute(attribute)).into()
}
