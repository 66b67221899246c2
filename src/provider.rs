//! The provider `dli`: its configuration, and one file (or folder) for each kind of resource.
//!
//! In here there is no gRPC and no MessagePack. A resource turns its typed model into calls of the `client` room and
//! the answers back into the model.

mod account;
mod bound;
mod checks;
mod claims;
mod data;
mod enhanced_connection;
mod enhanced_connection_binding;
mod enhanced_connection_privilege;
mod enhanced_connection_route;
mod failure;
mod locks;
mod pending;
mod place;
mod session;
mod small;
mod survey;
mod tagging;
mod waiting;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;

use self::{
    account::Account, checks::Follows, enhanced_connection::EnhancedConnection,
    enhanced_connection_binding::EnhancedConnectionBinding, enhanced_connection_privilege::EnhancedConnectionPrivilege,
    enhanced_connection_route::EnhancedConnectionRoute, pending::Pending,
};
use crate::{
    dli::rules,
    framework::{
        data_source::DataSource,
        diagnostic::Diagnostics,
        provider::Provider,
        resource::Resource,
        schema::{Attribute, Body, Nesting, Schema},
        types::Type,
        validate::{EachElement, EachKey},
        value::Value,
    },
};

/// Reads one environment variable; `None` where it is not set.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The provider.
#[derive(Debug)]
pub struct DliProvider {
    account: Arc<Account>,
}

impl DliProvider {
    /// A provider that is not configured yet; `environment` stands in for what its configuration leaves out.
    ///
    /// It forgets what it has begun when it is killed: see [`DliProvider::remembering_in`].
    pub fn new(environment: Environment) -> Self {
        Self { account: Arc::new(Account::new(environment, Pending::default())) }
    }

    /// The same with a directory for notes of creations that are under way: by them the next run finds what a killed one
    /// has made and could not tell. It is made when it is needed, and goes when it is empty.
    pub fn remembering_in(environment: Environment, directory: PathBuf) -> Self {
        Self::with(environment, Pending::in_directory(directory))
    }

    /// The same where all processes that this client has started take part in one run, such as those of the provider's
    /// aliases: none of them takes what another has just begun for an earlier run's.
    pub fn for_client(environment: Environment, directory: PathBuf, client: Option<String>) -> Self {
        let pending = Pending::in_directory(directory);
        Self::with(
            environment,
            match client {
                Some(client) => pending.of_client(client),
                None => pending,
            },
        )
    }

    fn with(environment: Environment, pending: Pending) -> Self {
        Self { account: Arc::new(Account::new(environment, pending)) }
    }

    /// What is to be done once the client has said goodbye, having had all its answers: the notes of what they told of say
    /// that it was told.
    pub fn farewell(&self) -> impl FnOnce() + Send + use<> {
        let account = Arc::clone(&self.account);
        move || account.pending().end()
    }
}

#[async_trait]
impl Provider for DliProvider {
    fn schema(&self) -> Schema {
        let attributes = account::schema::attributes().into_iter().chain(vec![
            Attribute::bool("insecure").describe(
                "Accepts any TLS certificate of the service. For tests only: whoever sits in between can read and change \
                 everything. Environment: `HW_INSECURE`.",
            ),
            Attribute::string("cacert_file").describe(
                "File with certificates (PEM) to trust besides those of the operating system. Environment: `OS_CACERT`.",
            ),
            Attribute::new("default_tags", Type::map(Type::String))
                .check(EachKey(Follows(&[rules::TAG_KEY])))
                .check(EachElement(Follows(&[rules::TAG_VALUE])))
                .describe("Tags that every connection gets; what `tags` of a resource says goes before them."),
            Attribute::nested(
                "ignore_tags",
                Nesting::Single,
                vec![
                    Attribute::new("keys", Type::set(Type::String)).describe("Keys of such tags."),
                    Attribute::new("key_prefixes", Type::set(Type::String)).describe("Beginnings of their keys."),
                ],
            )
            .describe("Tags that somebody else looks after: they are neither seen nor touched."),
            Attribute::bool("plan_checks").describe(
                "Whether a plan asks the service if the queues and elastic resource pools that are to be bound exist and may \
                 be bound, and if the name of a new connection is free. Default: `true`. Without credentials nothing is \
                 asked.",
            ),
        ]);
        let attributes = attributes.collect();
        let blocks = vec![account::schema::assume_role()];
        let description = "Manages Huawei Cloud Data Lake Insight (DLI). Nothing is asked of the network before the \
                           first resource needs it."
            .to_owned();
        Schema { body: Body { attributes, blocks, description, ..Body::default() }, ..Schema::default() }
    }

    async fn configure(&self, config: &Value) -> Result<Diagnostics, Diagnostics> {
        self.account.configure(config)
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        let account = || Arc::clone(&self.account);
        vec![
            Arc::new(EnhancedConnection::new(account())),
            Arc::new(EnhancedConnectionBinding::new(account())),
            Arc::new(EnhancedConnectionPrivilege::new(account())),
            Arc::new(EnhancedConnectionRoute::new(account())),
        ]
    }

    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        data::all(&self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_can_be_served() {
        let provider = DliProvider::new(Box::new(|_| None));
        let resources = provider.resources().into_iter().map(|kind| (kind.type_name(), kind.schema()));
        let data_sources = provider.data_sources().into_iter().map(|kind| (kind.type_name(), kind.schema()));
        for (name, schema) in resources.chain(data_sources).chain([("provider", provider.schema())]) {
            assert_eq!(schema.faults(), Vec::<String>::new(), "{name}");
        }
    }
}
