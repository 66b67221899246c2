//! Data source `dli_enhanced_connection`: one connection, by ID or by exact name.
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
use super::refresh;
use crate::dli::rules;
use crate::framework::data_source::{DataRequest, DataSource};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::resource::ResponseState;
use crate::framework::schema::{Attribute, Presence, Schema};
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::data_source::{open, report, state, text};
use crate::provider::shared::validators::{ExactlyOneOf, MatchesRule, ObjectId};
use crate::provider::shared::{connection_part, location};

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
            let addition = match attribute.name {
                "id" => " Exactly one of `id` and `name` must be set.",
                "name" => " It must match exactly, including case. Deleted connections are not found.",
                _ => continue,
            };
            let description = attribute.description.clone() + addition;
            let input = Attribute { presence: Presence::OptionalComputed, ..attribute.clone() };
            let input = if input.name == "id" {
                input.validator(ObjectId(rules::CONNECTION_ID))
            } else {
                input.validator(MatchesRule(&[rules::CONNECTION_NAME]))
            };
            *attribute = input.description(description);
        }
        attributes.splice(2..2, location::data_source_attributes());
        let schema = Schema::new(
            "Reads one enhanced datasource connection, by ID or exact name. It is an error if no connection, or more \
             than one, matches.",
            attributes,
        );
        Schema { validators: vec![Arc::new(ExactlyOneOf(&["id", "name"]))], ..schema }
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        report("Could Not Read the Enhanced Connection", async {
            let context = open(&self.0, &request).await?;
            let (connection, missing) = if let Some(name) = text(request.config, "name") {
                let named = refresh::find_by_name(&context, name, Path::attribute("name"), "Set id instead of name.");
                (named.await?, no_such("name", name))
            } else {
                let id = text(request.config, "id").unwrap_or_default();
                let found = connection_part::find_connection_once(&context, id).await?;
                (found.map(Arc::unwrap_or_clone), no_such("id", id))
            };
            let Some(connection) = connection else { return Err(missing.into()) };
            let details = ConnectionDetails::read(&context, connection).await?.ok_or(missing)?;
            let (found, warnings) = details.into_value(&self.0.tag_policy());
            response.add_warning(warnings);
            response.set_state(state(request.config, &context, found));
            Ok(())
        })
        .await
    }
}

fn no_such(attribute: &str, value: &str) -> Diagnostics {
    let case = if attribute == "name" { " Names must match exactly, including case." } else { "" };
    let text = format!(
        "{attribute}: there is no enhanced connection with the {attribute} {value:?} in this project, or it was \
         deleted.{case}\n\nAlso check region and project_id of this data source and of the provider. If the same \
         configuration creates the connection, refer to the id attribute of the resource, so that Terraform reads the \
         data source after the creation."
    );
    Diagnostic::error("Enhanced Connection Not Found", text).at(Path::attribute(attribute)).into()
}
