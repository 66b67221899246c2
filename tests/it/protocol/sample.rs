//! The gRPC service of a provider with only a data source and an action.

use std::sync::Arc;

use async_trait::async_trait;
use terraform_provider_dli::framework::action::{Action, InvokeRequest};
use terraform_provider_dli::framework::data_source::{DataRequest, DataSource};
use terraform_provider_dli::framework::diagnostic::{Diagnostic, Diagnostics};
use terraform_provider_dli::framework::path::Path;
use terraform_provider_dli::framework::provider::Provider;
use terraform_provider_dli::framework::resource::{Resource, ResponseState};
use terraform_provider_dli::framework::schema::{Attribute, BlockBody, Schema};
use terraform_provider_dli::framework::server::Server;
use terraform_provider_dli::framework::value::{UNKNOWN, Value};
use terraform_provider_dli::protocol::tfplugin6 as wire;
use terraform_provider_dli::protocol::tfplugin6::provider_client::ProviderClient;
use tonic::transport::Channel;

use super::{client_of, dynamic_value};

struct Sample;

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

    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        vec![Arc::new(Lookup)]
    }

    fn actions(&self) -> Vec<Arc<dyn Action>> {
        vec![Arc::new(Greet)]
    }
}

/// Greets by name; panics for "nobody" and waits for an interruption for "everybody".
struct Greet;

#[async_trait]
impl Action for Greet {
    fn type_name(&self) -> &'static str {
        "sample_greet"
    }

    fn schema(&self) -> Schema {
        let attributes = vec![Attribute::string("name").required()];
        Schema { body: BlockBody { attributes, ..BlockBody::default() }, ..Schema::default() }
    }

    async fn invoke(&self, request: InvokeRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        let name = request.config.get("name").as_str().unwrap_or_default();
        request.progress.send(format!("greeting {name}"));
        assert_ne!(name, "nobody");
        if name == "everybody" {
            request.stop.cancelled().await;
            return Err(Diagnostic::error("Interrupted", "").into());
        }
        Ok(Diagnostic::warning("Greeted", "").into())
    }
}

/// Finds every name except "gone".
struct Lookup;

#[async_trait]
impl DataSource for Lookup {
    fn type_name(&self) -> &'static str {
        "sample_lookup"
    }

    fn schema(&self) -> Schema {
        let attributes = vec![Attribute::string("name").required(), Attribute::string("id").computed()];
        Schema { body: BlockBody { attributes, ..BlockBody::default() }, ..Schema::default() }
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let name = request.config.get("name").as_str().unwrap_or_default();
        if name == "gone" {
            return Err(Diagnostic::error("Not Found", "").at(Path::attribute("name")).into());
        }
        response.set_state(lookup(name.into(), format!("id of {name}").into()));
        Ok(())
    }
}

fn lookup(name: Value, id: Value) -> Value {
    Value::map([("name", name), ("id", id)])
}

fn summaries(diagnostics: &[wire::Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
}

#[tokio::test]
async fn data_source_is_listed_validated_and_read() {
    let mut provider = client_of(Server::new(Sample)).await;
    let metadata = provider.get_metadata(wire::get_metadata::Request::default()).await.unwrap().into_inner();
    assert_eq!(metadata.data_sources.iter().map(|kind| &kind.type_name).collect::<Vec<_>>(), ["sample_lookup"]);
    assert_eq!(metadata.resources, []);
    let schemas = provider.get_provider_schema(wire::get_provider_schema::Request::default()).await.unwrap();
    let schemas = schemas.into_inner();
    let block = schemas.data_source_schemas["sample_lookup"].block.as_ref().unwrap();
    assert_eq!(
        block.attributes.iter().map(|a| (a.name.as_str(), a.required)).collect::<Vec<_>>(),
        [("name", true), ("id", false)]
    );
    assert!(schemas.resource_schemas.is_empty());

    let type_name = || "sample_lookup".to_owned();
    for (config, expected) in [
        (lookup(UNKNOWN, Value::Null), vec![]),
        (lookup(Value::Null, Value::Null), vec!["Missing Required Attribute"]),
        (lookup("a".into(), "mine".into()), vec!["Attribute Cannot Be Set"]),
    ] {
        let request =
            wire::validate_data_resource_config::Request { type_name: type_name(), config: dynamic_value(&config) };
        let response = provider.validate_data_resource_config(request).await.unwrap().into_inner();
        assert_eq!(summaries(&response.diagnostics), expected);
    }

    let request = |type_name: String, name: &str| wire::read_data_source::Request {
        type_name,
        config: dynamic_value(&lookup(name.into(), Value::Null)),
        ..Default::default()
    };
    let response = provider.read_data_source(request(type_name(), "a")).await.unwrap().into_inner();
    assert_eq!((response.state, response.diagnostics), (dynamic_value(&lookup("a".into(), "id of a".into())), vec![]));
    let response = provider.read_data_source(request(type_name(), "gone")).await.unwrap().into_inner();
    assert_eq!((response.state, summaries(&response.diagnostics)), (dynamic_value(&Value::Null), vec!["Not Found"]));
    let response = provider.read_data_source(request("sample_other".into(), "a")).await.unwrap().into_inner();
    assert_eq!(summaries(&response.diagnostics), ["Not in This Provider"]);
}

/// The progress messages of an invocation, and the diagnostics of its completion, which must come last.
async fn greet(provider: &mut ProviderClient<Channel>, name: Value) -> (Vec<String>, Vec<wire::Diagnostic>) {
    use wire::invoke_action::event::Type;
    let config = dynamic_value(&Value::map([("name", name)]));
    let request = wire::invoke_action::Request { action_type: "sample_greet".into(), config, ..Default::default() };
    let mut events = provider.invoke_action(request).await.unwrap().into_inner();
    let mut messages = Vec::new();
    loop {
        // Core panics at an event without a type.
        match events.message().await.unwrap().expect("a completion").r#type.expect("a type") {
            Type::Progress(progress) => {
                if progress.message == "greeting everybody" {
                    provider.stop_provider(wire::stop_provider::Request::default()).await.unwrap();
                }
                messages.push(progress.message);
            }
            Type::Completed(completed) => {
                assert_eq!(events.message().await.unwrap(), None);
                return (messages, completed.diagnostics);
            }
        }
    }
}

#[tokio::test]
async fn action_is_listed_validated_planned_and_invoked() {
    let mut provider = client_of(Server::new(Sample)).await;
    let metadata = provider.get_metadata(wire::get_metadata::Request::default()).await.unwrap().into_inner();
    assert_eq!(metadata.actions.iter().map(|kind| &kind.type_name).collect::<Vec<_>>(), ["sample_greet"]);
    let schemas = provider.get_provider_schema(wire::get_provider_schema::Request::default()).await.unwrap();
    let schema = schemas.into_inner().action_schemas["sample_greet"].schema.clone().unwrap();
    assert!(schema.block.unwrap().attributes.iter().all(|attribute| !attribute.computed));

    for (name, expected) in [("a".into(), vec![]), (UNKNOWN, vec![]), (Value::Null, vec!["Missing Required Attribute"])]
    {
        let config = dynamic_value(&Value::map([("name", name)]));
        let request =
            wire::validate_action_config::Request { type_name: "sample_greet".into(), config: config.clone() };
        let validated = provider.validate_action_config(request).await.unwrap().into_inner();
        assert_eq!(summaries(&validated.diagnostics), expected);
        let request = wire::plan_action::Request { action_type: "sample_greet".into(), config, ..Default::default() };
        let planned = provider.plan_action(request).await.unwrap().into_inner();
        assert_eq!((summaries(&planned.diagnostics), planned.deferred), (expected, None));
    }

    let (messages, diagnostics) = greet(&mut provider, "a".into()).await;
    assert_eq!((messages, summaries(&diagnostics)), (vec!["greeting a".to_owned()], vec!["Greeted"]));
    let (messages, diagnostics) = greet(&mut provider, "everybody".into()).await;
    assert_eq!((messages.len(), summaries(&diagnostics)), (1, vec!["Interrupted"]));
    let (messages, diagnostics) = greet(&mut provider, Value::Null).await;
    assert_eq!((messages.len(), summaries(&diagnostics)), (0, vec!["Missing Required Attribute"]));
    let (messages, diagnostics) = greet(&mut provider, "nobody".into()).await;
    assert_eq!((messages.len(), diagnostics.len(), diagnostics[0].severity), (1, 1, 1), "{diagnostics:?}");
}
