//! Lists the parts of connections for `terraform query`: bindings, routes or privileges.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections` | without `connection_id`, once |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}` | with `connection_id` |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}/privileges` | privileges |

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::operation::report;
use super::part_resource::{ConnectionPart, PartTexts};
use super::{connection_part, data_source, location};
use crate::dli::wire::{Connection, Privilege};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::list_resource::{ListItem, ListRequest, ListResource, ListResults};
use crate::framework::model::IntoValue;
use crate::framework::plan_modifier::PlanModifier;
use crate::framework::schema::{Attribute, Presence, Schema};
use crate::framework::value::Value;
use crate::provider::enhanced_connection::list::{FAILED, list};
use crate::provider::provider_data::ProviderData;

/// A part that a connection has.
pub(crate) struct ListedPart {
    /// Its attributes beside those that every part has.
    own: Value,
    /// Its ID, behind the connection's.
    id: String,
    display_name: String,
}

impl ListedPart {
    pub(crate) fn new<P: ConnectionPart>(mut part: P, found: P::Found, display_name: String) -> Self {
        part.set_computed(Some(found));
        Self { id: part.id(), own: part.into_value(), display_name }
    }
}

/// A list of one kind of part, as data.
pub(crate) struct PartList {
    pub(crate) provider_data: Arc<ProviderData>,
    pub(crate) texts: PartTexts,
    pub(crate) description: &'static str,
    /// Whether it needs the privileges of the connection, which are read for one connection at a time.
    pub(crate) needs_privileges: bool,
    /// The parts of a connection with these privileges.
    pub(crate) parts: fn(&Connection, Vec<Privilege>) -> Vec<ListedPart>,
}

impl fmt::Debug for PartList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartList").field("type_name", &self.texts.type_name).finish_non_exhaustive()
    }
}

impl PartList {
    fn item(&self, (connection, location): (&str, [&Value; 2]), part: ListedPart, include_resource: bool) -> ListItem {
        let ListedPart { mut own, id, display_name } = part;
        let common = [
            ("connection_id", connection.into()),
            ("region", location[0].clone()),
            ("project_id", location[1].clone()),
        ];
        let names = self.texts.identity.iter().map(|(name, _)| *name);
        let identity: Vec<_> = names.map(|name| (name, own.get(name).clone())).chain(common.clone()).collect();
        if include_resource {
            for (name, value) in common {
                own.set_attribute(name, value);
            }
            own.set_attribute("id", format!("{connection}/{id}").into());
            own.set_attribute("timeouts", Value::Null);
        } else {
            own = Value::Null;
        }
        ListItem { display_name, identity: Value::map(identity), resource: own }
    }
}

#[async_trait]
impl ListResource for PartList {
    fn type_name(&self) -> &'static str {
        self.texts.type_name
    }

    fn schema(&self) -> Schema {
        let connection_id = connection_part::connection_id();
        let (presence, description) = if self.needs_privileges {
            (Presence::Required, "ID of the enhanced connection.")
        } else {
            (Presence::Optional, "ID of the enhanced connection whose objects are listed. Default: all connections.")
        };
        let plan_modifiers: Vec<Arc<dyn PlanModifier>> = Vec::new();
        let connection_id =
            Attribute { presence, plan_modifiers, semantic_equality: None, ..connection_id.description(description) };
        let attributes = [connection_id].into_iter().chain(location::action_attributes()).collect();
        data_source::schema(self.description, attributes)
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
            let region = context.project.region().map(str::to_owned).into_value();
            let project_id = context.project.id().into();
            for connection in connections {
                let privileges = if self.needs_privileges {
                    context.read(context.project.list_privileges(&connection.id)).await?
                } else {
                    Vec::new()
                };
                for part in (self.parts)(&connection, privileges) {
                    let place = (connection.id.as_str(), [&region, &project_id]);
                    if !results.send(self.item(place, part, request.include_resource)).await {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
        .await
    }
}
