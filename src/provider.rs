//! The provider `dli`: its configuration, and one file or folder for each resource, data source and action.
//!
//! A resource converts its model to requests of the `client` module, and the responses back to the model.

mod configuration;
mod connectivity;
mod elastic_resource_pools;
mod enhanced_connection;
mod enhanced_connection_binding;
mod enhanced_connection_privilege;
mod enhanced_connection_route;
mod functions;
mod network_check;
mod provider_data;
mod queues;
mod shared;

use std::sync::Arc;

use async_trait::async_trait;

use self::configuration::checks::valid_settings;
use self::connectivity::action::ConnectivityTest;
use self::connectivity::data_source::ConnectivityDataSource;
use self::elastic_resource_pools::elastic_resource_pools;
use self::enhanced_connection::EnhancedConnection;
use self::enhanced_connection::data_source::EnhancedConnectionDataSource;
use self::enhanced_connection::data_sources::EnhancedConnectionsDataSource;
use self::enhanced_connection::list::ListConnections;
use self::enhanced_connection_binding::EnhancedConnectionBinding;
use self::enhanced_connection_privilege::EnhancedConnectionPrivilege;
use self::enhanced_connection_route::EnhancedConnectionRoute;
use self::network_check::NetworkCheckDataSource;
use self::provider_data::ProviderData;
use self::queues::queues;
use self::shared::validators::MatchesRule;
use crate::dli::rules;
use crate::framework::action::Action;
use crate::framework::data_source::DataSource;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::function::Function;
use crate::framework::list_resource::ListResource;
use crate::framework::provider::Provider;
use crate::framework::resource::Resource;
use crate::framework::schema::{Attribute, BlockBody, Nesting, Schema};
use crate::framework::types::Type;
use crate::framework::validator::{KeysAre, ValuesAre};
use crate::framework::value::Value;

pub use self::{
    configuration::settings::Environment,
    enhanced_connection::creation_journal::{Client, CreationJournal},
    enhanced_connection::journal_location::{journal_directory, state_identity},
};

const DESCRIPTION: &str = "Manages the enhanced datasource connections of Huawei Cloud Data Lake Insight (DLI). The \
                           provider sends no request before the first resource needs one.";

/// The provider.
#[derive(Debug)]
pub struct DliProvider {
    provider_data: Arc<ProviderData>,
}

impl DliProvider {
    /// Creates a provider. `environment` supplies what its configuration omits.
    pub fn new(environment: Environment, journal: CreationJournal) -> Self {
        Self { provider_data: Arc::new(ProviderData::new(environment, journal)) }
    }

    /// Returns the callback to run after the client's Shutdown call.
    pub fn on_shutdown(&self) -> impl FnOnce() + Send + use<> {
        let provider_data = Arc::clone(&self.provider_data);
        move || provider_data.creation_journal.acknowledge_all()
    }
}

#[async_trait]
impl Provider for DliProvider {
    fn schema(&self) -> Schema {
        let mut attributes = configuration::schema::attributes();
        attributes.extend([
            Attribute::new("default_tags", Type::map(Type::String))
                .validator(KeysAre(MatchesRule(&[rules::TAG_KEY])))
                .validator(ValuesAre(MatchesRule(&[rules::TAG_VALUE])))
                .description("Default tags for every connection. `tags` on a resource override them."),
            Attribute::nested(
                "ignore_tags",
                Nesting::Single,
                vec![
                    Attribute::new("keys", Type::set(Type::String)).description("Keys of the tags."),
                    Attribute::new("key_prefixes", Type::set(Type::String)).description("Prefixes of the keys."),
                ],
            )
            .description("Tags managed outside Terraform. The provider ignores them."),
            Attribute::bool("plan_checks").description(
                "Whether a plan checks that the queues and elastic resource pools to bind exist and can be bound, that \
                 the name of a new connection is free, that the VPC and the subnet exist, and that networks do not \
                 overlap. Default: `true`. Without credentials, plans are not checked.",
            ),
        ]);
        let blocks = vec![configuration::schema::assume_role()];
        let description = DESCRIPTION.to_owned();
        let body = BlockBody { attributes, blocks, description, ..BlockBody::default() };
        Schema { body, validators: vec![Arc::new(valid_settings)], ..Schema::default() }
    }

    fn set_client_version(&self, version: &str) {
        self.provider_data.set_client_version(version);
    }

    async fn configure(&self, config: &Value) -> Result<Diagnostics, Diagnostics> {
        self.provider_data.configure(config)
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        let provider_data = || Arc::clone(&self.provider_data);
        vec![
            Arc::new(EnhancedConnection(provider_data())),
            Arc::new(EnhancedConnectionBinding::new(provider_data())),
            Arc::new(EnhancedConnectionPrivilege::new(provider_data())),
            Arc::new(EnhancedConnectionRoute::new(provider_data())),
        ]
    }

    fn list_resources(&self) -> Vec<Arc<dyn ListResource>> {
        let provider_data = || Arc::clone(&self.provider_data);
        vec![
            Arc::new(ListConnections(provider_data())),
            Arc::new(EnhancedConnectionBinding::new(provider_data())),
            Arc::new(EnhancedConnectionPrivilege::new(provider_data())),
            Arc::new(EnhancedConnectionRoute::new(provider_data())),
        ]
    }

    fn functions(&self) -> Vec<Function> {
        functions::functions()
    }

    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        let provider_data = || Arc::clone(&self.provider_data);
        vec![
            Arc::new(EnhancedConnectionDataSource(provider_data())),
            Arc::new(EnhancedConnectionsDataSource(provider_data())),
            Arc::new(ConnectivityDataSource(provider_data())),
            Arc::new(NetworkCheckDataSource(provider_data())),
            Arc::new(queues(provider_data())),
            Arc::new(elastic_resource_pools(provider_data())),
        ]
    }

    fn actions(&self) -> Vec<Arc<dyn Action>> {
        vec![Arc::new(ConnectivityTest(Arc::clone(&self.provider_data)))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_can_be_served() {
        let provider = DliProvider::new(Box::new(|_| None), CreationJournal::default());
        let resources = provider.resources().into_iter().map(|kind| (kind.type_name(), kind.schema()));
        let data_sources = provider.data_sources().into_iter().map(|kind| (kind.type_name(), kind.schema()));
        let actions = provider.actions().into_iter().map(|kind| (kind.type_name(), kind.schema()));
        let lists = provider.list_resources().into_iter().map(|kind| (kind.type_name(), kind.schema()));
        let identity = |kind: Arc<dyn Resource>| Some((kind.type_name(), kind.identity_schema()?));
        let identities = provider.resources().into_iter().filter_map(identity);
        let resources = resources.chain(lists).chain(identities);
        for (name, schema) in resources.chain(data_sources).chain(actions).chain([("provider", provider.schema())]) {
            assert_eq!(schema.implementation_errors(), Vec::<String>::new(), "{name}");
        }
    }
}
