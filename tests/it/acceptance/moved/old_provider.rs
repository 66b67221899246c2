//! A provider under the address of another one that serves only the schemas of its resources.
//!
//! Terraform asks the provider of a moved state for its schemas and nothing else, so every other call is an error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use terraform_provider_dli::framework::diagnostic::{Diagnostic, Diagnostics};
use terraform_provider_dli::framework::provider::Provider;
use terraform_provider_dli::framework::resource::{
    CreateRequest, DeleteRequest, ReadRequest, Resource, ResponseState, UpdateRequest,
};
use terraform_provider_dli::framework::schema::{Attribute, Block, BlockBody, BlockNesting, Schema};
use terraform_provider_dli::framework::server::Server;
use terraform_provider_dli::framework::types::Type;
use terraform_provider_dli::framework::value::Value;
use terraform_provider_dli::protocol::{self, Service};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A running provider. Dropping it stops it.
pub(super) struct OldProvider {
    address: SocketAddr,
    configured: Arc<AtomicBool>,
    _runtime: Runtime,
}

impl OldProvider {
    /// Serves the resources of the provider with this name.
    pub(super) fn start(name: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let incoming = futures_util::stream::unfold(listener, async |listener| {
            let accepted = listener.accept().await.map(|(stream, _)| stream);
            Some((accepted, listener))
        });
        let configured = Arc::<AtomicBool>::default();
        let provider = Schemas { name, configured: Arc::clone(&configured) };
        let service = protocol::grpc(Service::new(Server::new(provider)));
        let server = tonic::transport::Server::builder().add_service(service);
        runtime.spawn(server.serve_with_incoming(Box::pin(incoming)));
        Self { address, configured, _runtime: runtime }
    }

    /// Whether Terraform has configured it, for which the real provider needs credentials.
    pub(super) fn is_configured(&self) -> bool {
        self.configured.load(Ordering::Relaxed)
    }

    /// The value of `TF_REATTACH_PROVIDERS` that makes Terraform use it for this address. OpenTofu replaces the host
    /// of Terraform's registry in a state by that of its own.
    pub(super) fn reattach(&self, provider: &str) -> String {
        let address = serde_json::json!({ "Network": "tcp", "String": self.address.to_string() });
        let process = std::process::id();
        let attached = serde_json::json!({
            "Protocol": "grpc", "ProtocolVersion": 6, "Pid": process, "Test": true, "Addr": address
        });
        let in_opentofu = provider.replacen("registry.terraform.io", "registry.opentofu.org", 1);
        serde_json::json!({ provider: attached, in_opentofu: attached }).to_string()
    }
}

struct Schemas {
    name: &'static str,
    configured: Arc<AtomicBool>,
}

#[async_trait]
impl Provider for Schemas {
    fn schema(&self) -> Schema {
        Schema::default()
    }

    async fn configure(&self, _: &Value) -> Result<Diagnostics, Diagnostics> {
        self.configured.store(true, Ordering::Relaxed);
        Ok(Diagnostics::new())
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        let strings = |names: &[&'static str]| names.iter().map(|name| Attribute::string(name)).collect::<Vec<_>>();
        let set = |name| Attribute::new(name, Type::set(Type::String));
        let block = |name, names: &[&'static str]| Block {
            name,
            nesting: BlockNesting::List { min_items: 0, max_items: 0 },
            body: BlockBody { attributes: strings(names), ..BlockBody::default() },
        };
        let mut connection = strings(&["id", "region", "name", "vpc_id", "subnet_id", "route_table_id", "status"]);
        connection.extend([set("queues"), Attribute::new("tags", Type::map(Type::String))]);
        let mut associate = strings(&["id", "region", "connection_id"]);
        associate.push(set("elastic_resource_pools"));
        let mut privilege = strings(&["id", "region", "connection_id", "project_id"]);
        privilege.push(Attribute::new("privileges", Type::list(Type::String)));
        let blocks = vec![block("hosts", &["name", "ip"]), block("routes", &["name", "cidr"])];
        let kinds = [
            ("dli_datasource_connection", connection, blocks),
            ("dli_datasource_connection_associate", associate, Vec::new()),
            ("dli_datasource_connection_privilege", privilege, Vec::new()),
            ("dli_queue", strings(&["id", "name"]), Vec::new()),
        ];
        let resource = |(name, attributes, blocks)| {
            // A type name lives as long as the process.
            let type_name = Box::leak(format!("{}_{name}", self.name).into_boxed_str());
            Arc::new(Old { type_name, body: BlockBody { attributes, blocks, ..BlockBody::default() } }) as Arc<_>
        };
        kinds.into_iter().map(resource).collect()
    }
}

struct Old {
    type_name: &'static str,
    body: BlockBody,
}

fn unexpected() -> Diagnostics {
    Diagnostic::error("Unexpected Call", "Only the schemas of the old provider are needed.").into()
}

#[async_trait]
impl Resource for Old {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn schema(&self) -> Schema {
        Schema { body: self.body.clone(), ..Schema::default() }
    }

    async fn create(&self, _: CreateRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        Err(unexpected())
    }

    async fn read(&self, _: ReadRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        Err(unexpected())
    }

    async fn update(&self, _: UpdateRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        Err(unexpected())
    }

    async fn delete(&self, _: DeleteRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        Err(unexpected())
    }
}
