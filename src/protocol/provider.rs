//! What the provider offers, and its schemas.

use std::collections::BTreeMap;

use super::response::{Reply, respond};
use super::tfplugin6::{self as wire, get_metadata, get_provider_schema};
use super::{encode, function};
use crate::framework::server::{Registry, Server};

pub(super) async fn metadata(server: &Server) -> Reply<get_metadata::Response> {
    respond("GetMetadata", "", async {
        Ok(get_metadata::Response {
            server_capabilities: Some(capabilities()),
            resources: (server.resources.schemas())
                .map(|(name, _)| get_metadata::ResourceMetadata { type_name: name.to_owned() })
                .collect(),
            data_sources: (server.data_sources.schemas())
                .map(|(name, _)| get_metadata::DataSourceMetadata { type_name: name.to_owned() })
                .collect(),
            functions: (server.functions().iter())
                .map(|function| get_metadata::FunctionMetadata { name: function.name.to_owned() })
                .collect(),
            list_resources: (server.list_resources.schemas())
                .map(|(name, _)| get_metadata::ListResourceMetadata { type_name: name.to_owned() })
                .collect(),
            actions: (server.actions.schemas())
                .map(|(name, _)| get_metadata::ActionMetadata { type_name: name.to_owned() })
                .collect(),
            ..get_metadata::Response::default()
        })
    })
    .await
}

pub(super) async fn schema(server: &Server) -> Reply<get_provider_schema::Response> {
    respond("GetProviderSchema", "", async {
        Ok(get_provider_schema::Response {
            provider: Some(encode::schema(server.provider_schema())),
            resource_schemas: schemas(&server.resources),
            data_source_schemas: schemas(&server.data_sources),
            list_resource_schemas: schemas(&server.list_resources),
            functions: function::signatures(server),
            action_schemas: schemas(&server.actions)
                .into_iter()
                .map(|(name, schema)| (name, wire::ActionSchema { schema: Some(schema) }))
                .collect(),
            server_capabilities: Some(capabilities()),
            ..get_provider_schema::Response::default()
        })
    })
    .await
}

fn schemas<T: ?Sized>(types: &Registry<T>) -> BTreeMap<String, wire::Schema> {
    types.schemas().map(|(name, schema)| (name.to_owned(), encode::schema(schema))).collect()
}

fn capabilities() -> wire::ServerCapabilities {
    wire::ServerCapabilities {
        // Core reuses the schema of one process for later processes of the same command.
        get_provider_schema_optional: true,
        // Core requests the configuration of an imported object instead of deriving it from the state.
        generate_resource_config: true,
        // Core plans deletions, too.
        plan_destroy: true,
        // Core lets `moved` blocks name other resource types.
        move_resource_state: true,
    }
}
