//! Lists the parts of connections for `terraform query`: bindings, routes or privileges.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections` | without `connection_id`, once |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}` | with `connection_id` |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}/privileges` | privileges |

use std::sync::Arc;

use async_trait::async_trait;

use super::PartResource;
use super::part::{CommonAttributes, ConnectionPart, ListedPart, Part};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::list_resource::{ListItem, ListRequest, ListResource, ListResults};
use crate::framework::model::IntoValue;
use crate::framework::schema::{Attribute, Presence, Schema};
use crate::framework::value::Value;
use crate::provider::enhanced_connection::list::{FAILED, list};
use crate::provider::shared::operation::{OperationContext, report};
use crate::provider::shared::{connection_part, data_source, location};

#[async_trait]
impl<P: ConnectionPart> ListResource for PartResource<P> {
    fn type_name(&self) -> &'static str {
        P::TEXTS.type_name
    }

    fn schema(&self) -> Schema {
        let (presence, description) = if P::LISTS_PRIVILEGES {
            (Presence::Required, "ID of the enhanced connection.")
        } else {
            (Presence::Optional, "ID of the enhanced connection whose objects are listed. Default: all connections.")
        };
        let connection_id = Attribute {
            presence,
            plan_modifiers: Vec::new(),
            semantic_equality: None,
            ..connection_part::connection_id().description(description)
        };
        let attributes = [connection_id].into_iter().chain(location::action_attributes()).collect();
        Schema::new(P::TEXTS.list_description, attributes)
    }

    async fn list(&self, request: ListRequest<'_>, results: &mut ListResults) -> Result<(), Diagnostics> {
        let text = |name: &str| data_source::text(request.config, name);
        report(FAILED.0, FAILED.1, async {
            let location = (text("region"), text("project_id"));
            let context = self.provider_data.begin(location, data_source::READ, request.stop).await?;
            let connections = match text("connection_id") {
                None => list(&context, None, None).await?,
                Some(id) => {
                    let shown = connection_part::find_connection(&context, id).await?;
                    vec![Arc::unwrap_or_clone(shown.ok_or_else(|| connection_part::no_connection(FAILED.0, id))?)]
                }
            };
            for connection in connections {
                let privileges = if P::LISTS_PRIVILEGES {
                    context.read(context.project.list_privileges(&connection.id)).await?
                } else {
                    Vec::new()
                };
                for listed in P::listed(&connection, privileges) {
                    let display_name = format!("{}: {}", connection.name, listed.display_name);
                    let part = listed_part(&context, &connection.id, listed);
                    let names = P::TEXTS.identity.iter().map(|(name, _)| *name);
                    let names = names.chain(["connection_id", "region", "project_id"]);
                    let identity = Value::map(names.map(|name| (name, part.get(name).clone())));
                    let resource = if request.include_resource { part } else { Value::Null };
                    if !results.send(ListItem { display_name, identity, resource }).await {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
        .await
    }
}

/// A part as an import reads it.
fn listed_part<P: ConnectionPart>(context: &OperationContext, connection: &str, listed: ListedPart<P>) -> Value {
    let common = CommonAttributes { connection_id: connection.to_owned(), ..CommonAttributes::default() };
    let mut part = Part { common, own: listed.part };
    part.set_computed(context, Some(listed.found));
    part.into_value()
}
