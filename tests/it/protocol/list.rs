//! Lists over gRPC: the stream of objects, its limit, its errors, and its end when the client has enough.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use terraform_provider_dli::framework::diagnostic::{Diagnostic, Diagnostics};
use terraform_provider_dli::framework::list_resource::{ListItem, ListRequest, ListResource, ListResults};
use terraform_provider_dli::framework::provider::Provider;
use terraform_provider_dli::framework::resource::Resource;
use terraform_provider_dli::framework::schema::{Attribute, BlockBody, Schema};
use terraform_provider_dli::framework::server::Server;
use terraform_provider_dli::framework::value::Value;
use terraform_provider_dli::protocol::tfplugin6 as wire;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{client_of, dynamic_value, provider};

/// Lists without an end, until it gets to `stop_at`; its end closes the channel.
struct Endless(Arc<std::sync::Mutex<Option<UnboundedSender<()>>>>);

#[async_trait]
impl ListResource for Endless {
    fn type_name(&self) -> &'static str {
        "sample_endless"
    }

    fn schema(&self) -> Schema {
        let attributes = vec![Attribute::string("stop_at")];
        Schema { body: BlockBody { attributes, ..BlockBody::default() }, ..Schema::default() }
    }

    async fn list(&self, request: ListRequest<'_>, results: &mut ListResults) -> Result<(), Diagnostics> {
        let _running = self.0.lock().unwrap().take();
        for number in 0.. {
            let name = number.to_string();
            if request.config.get("stop_at") == &name.as_str().into() {
                results.warn(Diagnostic::warning("Almost Done", "").into()).await;
                return Err(Diagnostic::error("Stopped", "").into());
            }
            let identity = Value::map([("id", Value::from(name.as_str()))]);
            let resource = if request.include_resource { identity.clone() } else { Value::Null };
            if !results.send(ListItem { display_name: name, identity, resource }).await {
                break;
            }
        }
        Ok(())
    }
}

struct Sample(Arc<Endless>);

#[async_trait]
impl Provider for Sample {
    fn schema(&self) -> Schema {
        Schema::default()
    }

    async fn configure(&self, _: &Value) -> Result<Diagnostics, Diagnostics> {
        Ok(Diagnostics::new())
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        Vec::new()
    }

    fn list_resources(&self) -> Vec<Arc<dyn ListResource>> {
        vec![Arc::<Endless>::clone(&self.0)]
    }
}

/// A server, and a receiver that is closed when its first list has ended.
fn sample() -> (Server, UnboundedReceiver<()>) {
    let (running, ended) = unbounded_channel();
    let endless = Endless(Arc::new(std::sync::Mutex::new(Some(running))));
    (Server::new(Sample(Arc::new(endless))), ended)
}

fn request(stop_at: Value, limit: i64, include_resource_object: bool) -> wire::list_resource::Request {
    let config = dynamic_value(&Value::map([("stop_at", stop_at)]));
    wire::list_resource::Request { type_name: "sample_endless".into(), config, include_resource_object, limit }
}

async fn events(server: Server, request: wire::list_resource::Request) -> Vec<wire::list_resource::Event> {
    let mut stream = client_of(server).await.list_resource(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(event) = stream.message().await.unwrap() {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn list_ends_at_its_limit() {
    for (limit, names) in [(0, vec![]), (1, vec!["0"]), (3, vec!["0", "1", "2"])] {
        for include in [false, true] {
            let events = events(sample().0, request(Value::Null, limit, include)).await;
            assert_eq!(events.iter().map(|event| event.display_name.as_str()).collect::<Vec<_>>(), names);
            for event in events {
                let identity = Value::map([("id", Value::from(event.display_name.as_str()))]);
                assert_eq!(event.identity.unwrap().identity_data, dynamic_value(&identity));
                assert_eq!(event.resource_object, dynamic_value(&identity).filter(|_| include));
            }
        }
    }
}

/// A warning is an event of its own, and an error is the last event.
#[tokio::test]
async fn warnings_and_errors_are_events() {
    let events = events(sample().0, request("2".into(), 100, false)).await;
    let diagnostics: Vec<_> =
        events.iter().map(|event| event.diagnostic.iter().map(|d| d.summary.as_str()).collect::<Vec<_>>()).collect();
    assert_eq!(diagnostics, [vec![], vec![], vec!["Almost Done"], vec!["Stopped"]]);
    assert!(events[2..].iter().all(|event| event.identity.is_none()));
}

/// Core cancels the call once it has enough; the list must not go on.
#[tokio::test]
async fn cancelled_list_stops() {
    let (server, mut ended) = sample();
    let mut client = client_of(server).await;
    let mut stream = client.list_resource(request(Value::Null, i64::MAX, false)).await.unwrap().into_inner();
    stream.message().await.unwrap().expect("an object");
    drop(stream);
    let closed = tokio::time::timeout(Duration::from_secs(10), ended.recv()).await;
    assert_eq!(closed.expect("the list has ended"), None);
}

#[tokio::test]
async fn list_of_the_provider_is_declared_and_validated() {
    let mut provider = provider().await;
    let schema =
        provider.get_provider_schema(wire::get_provider_schema::Request::default()).await.unwrap().into_inner();
    let identities = provider.get_resource_identity_schemas(wire::get_resource_identity_schemas::Request::default());
    let identities = identities.await.unwrap().into_inner().identity_schemas;
    // Core requires an identity of the same name.
    assert!(schema.list_resource_schemas.keys().eq(identities.keys()));
    for (name, list) in schema.list_resource_schemas {
        let attributes = list.block.unwrap().attributes;
        assert!(attributes.iter().all(|attribute| !attribute.computed), "{name}");
    }
    // Not configured: an error event, and no object.
    for type_name in ["dli_enhanced_connection", "dli_nothing"] {
        let request = wire::list_resource::Request { type_name: type_name.into(), limit: 100, ..Default::default() };
        let mut stream = provider.list_resource(request).await.unwrap().into_inner();
        let event = stream.message().await.unwrap().expect("an event");
        assert_eq!((event.diagnostic.len(), event.identity), (1, None), "{type_name}");
        assert_eq!(stream.message().await.unwrap(), None);
    }
}

/// Terraform 1.15 sends a null state if a list has left out the object.
#[tokio::test]
async fn configuration_of_a_null_state_is_null() {
    let mut provider = provider().await;
    let request = wire::generate_resource_config::Request {
        type_name: "dli_enhanced_connection".into(),
        state: dynamic_value(&Value::Null),
    };
    let response = provider.generate_resource_config(request).await.unwrap().into_inner();
    assert_eq!((response.config, response.diagnostics), (dynamic_value(&Value::Null), Vec::new()));
}
