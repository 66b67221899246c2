//! The provider's gRPC service as Terraform core sees it: every RPC responds, and the responses meet core's rules.

#![expect(clippy::unwrap_used, reason = "a panic fails the test and shows the line")]

mod functions;
mod list;
mod sample;

use std::collections::BTreeMap;

use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use terraform_provider_dli::framework::server::Server;
use terraform_provider_dli::framework::value::{UNKNOWN, Value};
use terraform_provider_dli::protocol::tfplugin6::provider_client::ProviderClient;
use terraform_provider_dli::protocol::tfplugin6::{self as wire, DynamicValue, RawState, ResourceIdentityData};
use terraform_provider_dli::protocol::{self, MAX_MESSAGE_SIZE, Service, msgpack};
use terraform_provider_dli::provider::{CreationJournal, DliProvider};
use tonic::transport::{Channel, Endpoint};

const TYPE: &str = "dli_enhanced_connection";

/// A client of the provider without environment variables.
async fn provider() -> ProviderClient<Channel> {
    client_of(Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()))).await
}

/// A client of a provider, over an in-memory pipe.
async fn client_of(provider: Server) -> ProviderClient<Channel> {
    let (client, server) = tokio::io::duplex(1 << 20);
    let serving = tonic::transport::Server::builder()
        .add_service(protocol::grpc(Service::new(provider)))
        .serve_with_incoming(tokio_stream::once(Ok::<_, std::io::Error>(server)));
    tokio::spawn(serving);
    let mut client = Some(TokioIo::new(client));
    let connector =
        tower::service_fn(move |_| std::future::ready(client.take().ok_or("only one connection is supported")));
    let channel = Endpoint::from_static("http://in.memory").connect_with_connector(connector).await.unwrap();
    ProviderClient::new(channel).max_decoding_message_size(MAX_MESSAGE_SIZE).max_encoding_message_size(MAX_MESSAGE_SIZE)
}

#[expect(clippy::unnecessary_wraps, reason = "every field of the wire's messages is optional")]
fn dynamic_value(value: &Value) -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: msgpack::encode(value), json: Vec::new() })
}

fn connection(changes: &[(&str, Value)]) -> Value {
    let mut connection = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()))
        .resources
        .schema(TYPE)
        .unwrap()
        .empty();
    connection.set_attribute("tags_all", Value::map::<&str>([]));
    connection.set_attribute("name", "test".into());
    connection.set_attribute("dest_vpc_id", "22094d8f-c310-4621-913d-4c4d655d8495".into());
    connection.set_attribute("dest_network_id", "78f2562a-36e4-4b39-95b9-f5aab22e1281".into());
    for (name, value) in changes {
        connection.set_attribute(name, value.clone());
    }
    connection
}

/// Sends an empty request to every RPC. A missing method or any gRPC error fails the test.
#[tokio::test]
async fn every_rpc_responds() {
    let mut provider = provider().await;
    let mut methods = 0;
    macro_rules! ask {
        ($($method:ident($request:expr)),* $(,)?) => {
            $(
                let response = provider.$method($request).await;
                assert!(response.is_ok(), "{}: {response:?}", stringify!($method));
                methods += 1;
            )*
        };
    }
    ask! {
        get_metadata(wire::get_metadata::Request::default()),
        get_provider_schema(wire::get_provider_schema::Request::default()),
        get_resource_identity_schemas(wire::get_resource_identity_schemas::Request::default()),
        validate_provider_config(wire::validate_provider_config::Request::default()),
        configure_provider(wire::configure_provider::Request::default()),
        stop_provider(wire::stop_provider::Request::default()),
        validate_resource_config(wire::validate_resource_config::Request::default()),
        upgrade_resource_state(wire::upgrade_resource_state::Request::default()),
        upgrade_resource_identity(wire::upgrade_resource_identity::Request::default()),
        read_resource(wire::read_resource::Request::default()),
        plan_resource_change(wire::plan_resource_change::Request::default()),
        apply_resource_change(wire::apply_resource_change::Request::default()),
        import_resource_state(wire::import_resource_state::Request::default()),
        move_resource_state(wire::move_resource_state::Request::default()),
        generate_resource_config(wire::generate_resource_config::Request::default()),
        validate_data_resource_config(wire::validate_data_resource_config::Request::default()),
        read_data_source(wire::read_data_source::Request::default()),
        validate_ephemeral_resource_config(wire::validate_ephemeral_resource_config::Request::default()),
        open_ephemeral_resource(wire::open_ephemeral_resource::Request::default()),
        renew_ephemeral_resource(wire::renew_ephemeral_resource::Request::default()),
        close_ephemeral_resource(wire::close_ephemeral_resource::Request::default()),
        validate_list_resource_config(wire::validate_list_resource_config::Request::default()),
        list_resource(wire::list_resource::Request::default()),
        get_functions(wire::get_functions::Request::default()),
        call_function(wire::call_function::Request::default()),
        validate_action_config(wire::validate_action_config::Request::default()),
        plan_action(wire::plan_action::Request::default()),
        invoke_action(wire::invoke_action::Request::default()),
        validate_state_store_config(wire::validate_state_store::Request::default()),
        configure_state_store(wire::configure_state_store::Request::default()),
        read_state_bytes(wire::read_state_bytes::Request::default()),
        write_state_bytes(tokio_stream::once(wire::write_state_bytes::RequestChunk::default())),
        lock_state(wire::lock_state::Request::default()),
        unlock_state(wire::unlock_state::Request::default()),
        get_states(wire::get_states::Request::default()),
        delete_state(wire::delete_state::Request::default()),
    }
    // The number of methods in protocol 6.11.
    assert_eq!(methods, 36);
}

/// An event without a type crashes core.
#[tokio::test]
async fn unknown_action_completes_with_an_error() {
    let request = wire::invoke_action::Request { action_type: "dli_nothing".into(), ..Default::default() };
    let mut events = provider().await.invoke_action(request).await.unwrap().into_inner();
    let event = events.message().await.unwrap().unwrap();
    let Some(wire::invoke_action::event::Type::Completed(completed)) = event.r#type else { panic!("{event:?}") };
    assert_eq!(completed.diagnostics.len(), 1);
    assert_eq!(events.message().await.unwrap(), None);
}

/// The rules for schemas that core checks or relies on.
#[tokio::test]
async fn schema_meets_terraforms_rules() {
    const RESERVED: [&str; 9] =
        ["count", "for_each", "depends_on", "provider", "lifecycle", "connection", "provisioner", "alias", "version"];
    fn check(attributes: &[wire::schema::Attribute]) {
        for attribute in attributes {
            let name = &attribute.name;
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
            assert!(!RESERVED.contains(&name.as_str()), "{name}");
            assert_ne!(attribute.r#type.is_empty(), attribute.nested_type.is_none(), "{name}: one kind of type");
            assert!(attribute.required || attribute.optional || attribute.computed, "{name}");
            assert!(!(attribute.required && (attribute.optional || attribute.computed)), "{name}");
            assert!(!attribute.description.is_empty(), "{name} has no description");
            if !attribute.r#type.is_empty() {
                serde_json::from_slice::<serde_json::Value>(&attribute.r#type).unwrap();
            }
            check(attribute.nested_type.as_ref().map_or(&[], |nested| &nested.attributes));
        }
    }
    fn check_block(block: &wire::schema::Block) {
        check(&block.attributes);
        for nested in &block.block_types {
            let name = &nested.type_name;
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
            assert!(!RESERVED.contains(&name.as_str()), "{name}");
            assert!(block.attributes.iter().all(|attribute| attribute.name != *name), "{name}: twice");
            check_block(nested.block.as_ref().unwrap());
        }
    }
    let response = provider().await.get_provider_schema(wire::get_provider_schema::Request::default()).await.unwrap();
    let response = response.into_inner();
    assert_eq!(response.diagnostics, []);
    check_block(&response.provider.unwrap().block.unwrap());
    assert_eq!((response.resource_schemas.len(), response.data_source_schemas.len()), (4, 6));
    for schema in response.resource_schemas.into_values().chain(response.data_source_schemas.into_values()) {
        check_block(&schema.block.unwrap());
    }
}

/// Core keeps only the private state and identity of the response.
#[tokio::test]
async fn private_state_and_identity_are_returned() {
    const ID: &str = "2a620c33-5609-40c9-affd-2b6453071b0f";
    let identity = |id: Value, region: Value| {
        let value = Value::map([("id", id), ("region", region), ("project_id", Value::Null)]);
        Some(ResourceIdentityData { identity_data: dynamic_value(&value) })
    };
    let config = connection(&[]);
    let mut planned = config.clone();
    planned.set_attribute("id", UNKNOWN);
    let request = wire::plan_resource_change::Request {
        type_name: TYPE.into(),
        proposed_new_state: dynamic_value(&planned),
        config: dynamic_value(&config),
        prior_private: b"mine".to_vec(),
        ..Default::default()
    };
    let mut provider = provider().await;
    let plan = provider.plan_resource_change(request.clone()).await.unwrap().into_inner();
    assert_eq!(plan.planned_private, b"mine");
    assert_eq!((plan.planned_identity, plan.diagnostics), (None, Vec::new()), "its parts are unknown");

    // The plan of an update has the stored identity, or else that of the prior state.
    let state = connection(&[("id", ID.into())]);
    for (stored, expected) in
        [(identity(ID.into(), "r".into()), identity(ID.into(), "r".into())), (None, identity(ID.into(), Value::Null))]
    {
        let request = wire::plan_resource_change::Request {
            prior_state: dynamic_value(&state),
            proposed_new_state: dynamic_value(&state),
            prior_identity: stored,
            ..request.clone()
        };
        let plan = provider.plan_resource_change(request).await.unwrap().into_inner();
        assert_eq!((plan.planned_identity, plan.diagnostics), (expected, Vec::new()));
    }

    // The provider is not configured, so each call fails and leaves the state unchanged.
    let stored = identity(ID.into(), "r".into());
    let request = wire::read_resource::Request {
        type_name: TYPE.into(),
        current_state: dynamic_value(&state),
        private: b"mine".to_vec(),
        current_identity: stored.clone(),
        ..Default::default()
    };
    let read = provider.read_resource(request).await.unwrap().into_inner();
    assert_eq!((read.private.as_slice(), &read.new_identity), (b"mine".as_slice(), &stored));
    assert_eq!((read.new_state, read.diagnostics.len()), (dynamic_value(&state), 1));

    let request = wire::apply_resource_change::Request {
        type_name: TYPE.into(),
        prior_state: dynamic_value(&state),
        planned_private: b"mine".to_vec(),
        planned_identity: stored.clone(),
        ..Default::default()
    };
    let applied = provider.apply_resource_change(request).await.unwrap().into_inner();
    assert_eq!((applied.private.as_slice(), &applied.new_identity), (b"mine".as_slice(), &stored));
    assert_eq!((applied.new_state, applied.diagnostics.len()), (dynamic_value(&state), 1));
}

/// The rules of core: names of attributes, and whether an import must or can set them.
#[tokio::test]
async fn identity_schemas_meet_terraforms_rules() {
    let mut provider = provider().await;
    let request = wire::get_resource_identity_schemas::Request::default();
    let response = provider.get_resource_identity_schemas(request).await.unwrap().into_inner();
    assert_eq!((response.diagnostics, response.identity_schemas.len()), (Vec::new(), 4));
    for (name, schema) in response.identity_schemas {
        assert_eq!(schema.version, 0, "{name}");
        for attribute in &schema.identity_attributes {
            assert_eq!(attribute.r#type, b"\"string\"", "{name}.{}", attribute.name);
            assert_ne!(attribute.required_for_import, attribute.optional_for_import, "{name}.{}", attribute.name);
            assert!(!attribute.description.is_empty(), "{name}.{}", attribute.name);
        }
        let required = schema.identity_attributes.iter().filter(|attribute| attribute.required_for_import);
        let required: Vec<_> = required.map(|attribute| attribute.name.as_str()).collect();
        let expected: &[&str] = match name.as_str() {
            "dli_enhanced_connection" => &["id"],
            "dli_enhanced_connection_binding" => &["connection_id"],
            "dli_enhanced_connection_route" => &["connection_id", "name"],
            _ => &["connection_id", "applicant_project_id"],
        };
        assert_eq!(required, expected, "{name}");
    }
}

/// Core asks only for older versions, of which there are none.
#[tokio::test]
async fn identity_of_another_version_is_not_upgraded() {
    let mut provider = provider().await;
    let json = br#"{ "id": "2a62", "region": null, "old": 1 }"#;
    let mut upgrade = async |type_name: &str, version: i64, json: &[u8]| {
        let raw_identity = Some(RawState { json: json.to_vec(), flatmap: BTreeMap::new() });
        let request = wire::upgrade_resource_identity::Request { type_name: type_name.into(), version, raw_identity };
        let response = provider.upgrade_resource_identity(request).await.unwrap().into_inner();
        let details: Vec<_> = response.diagnostics.into_iter().map(|diagnostic| diagnostic.detail).collect();
        (response.upgraded_identity, details)
    };
    let identity = Value::map([("id", "2a62".into()), ("region", Value::Null), ("project_id", Value::Null)]);
    let expected = Some(ResourceIdentityData { identity_data: dynamic_value(&identity) });
    assert_eq!(upgrade(TYPE, 0, json).await, (expected, Vec::new()));
    for (type_name, version, json, words) in
        [(TYPE, 1, &json[..], "schema version 1"), (TYPE, 0, b"{", "JSON"), ("dli_nothing", 0, json, "dli_nothing")]
    {
        let (upgraded, details) = upgrade(type_name, version, json).await;
        assert!(upgraded.is_none() && details.len() == 1 && details[0].contains(words), "{details:?}");
    }
}

/// Terraform 1.14 and later use this RPC if the provider announces it.
#[tokio::test]
async fn generated_config_omits_computed_attributes() {
    let mut provider = provider().await;
    let schema = provider.get_provider_schema(wire::get_provider_schema::Request::default()).await.unwrap();
    assert!(schema.into_inner().server_capabilities.unwrap().generate_resource_config);
    let configured = [("hosts", Value::map([("a", "10.0.0.1".into())])), ("tags", Value::map::<String>([]))];
    let mut config = connection(&configured);
    let mut state = config.clone();
    config.set_attribute("tags_all", Value::Null);
    for name in ["id", "status", "created_at"] {
        state.set_attribute(name, name.into());
    }
    state.set_attribute("bindings", Value::map::<String>([]));
    let request = wire::generate_resource_config::Request { type_name: TYPE.into(), state: dynamic_value(&state) };
    let response = provider.generate_resource_config(request).await.unwrap().into_inner();
    assert_eq!((response.config, response.diagnostics), (dynamic_value(&config), Vec::new()));
    let request = wire::generate_resource_config::Request { type_name: "dli_nothing".into(), ..Default::default() };
    assert_eq!(provider.generate_resource_config(request).await.unwrap().into_inner().diagnostics.len(), 1);
}

/// The message exceeds tonic's default limit of 4 MiB, as one with 20,000 long host names does.
#[tokio::test]
async fn large_messages_pass_in_both_directions() {
    let name = |number: u32| format!("host-{number:05}.{}", "a-long-department-name.".repeat(4));
    let hosts = (0..20_000).map(|number| (name(number), Value::from("10.0.0.1")));
    let config = connection(&[("hosts", Value::map(hosts))]);
    let request = wire::plan_resource_change::Request {
        type_name: TYPE.into(),
        prior_state: dynamic_value(&config),
        proposed_new_state: dynamic_value(&config),
        config: dynamic_value(&config),
        ..Default::default()
    };
    assert!(prost::Message::encoded_len(&request) > 4 << 20);
    let plan = provider().await.plan_resource_change(request).await.unwrap().into_inner();
    assert_eq!((plan.planned_state, plan.diagnostics), (dynamic_value(&config), Vec::new()));
}

#[tokio::test]
async fn invalid_state_file_error_has_a_path() {
    let mut provider = provider().await;
    for (json, version, words) in [
        (r#"{"hosts": {"a": ["1.2.3.4"]}}"#, 0, r#"hosts["a"]: expected string"#),
        ("{", 0, "JSON"),
        ("", 0, "JSON"),
        ("[]", 0, "expected object"),
        ("{}", 7, "schema version 7"),
    ] {
        let raw_state = Some(RawState { json: json.into(), flatmap: BTreeMap::new() });
        let request = wire::upgrade_resource_state::Request { type_name: TYPE.into(), version, raw_state };
        let response = provider.upgrade_resource_state(request).await.unwrap().into_inner();
        let details: Vec<_> = response.diagnostics.iter().map(|d| d.detail.as_str()).collect();
        assert!(details.len() == 1 && details[0].contains(words), "{json}: {details:?}");
        assert_eq!(response.upgraded_state, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any bytes get a response without a gRPC error.
    #[test]
    fn any_dynamic_value_gets_a_response(bytes in prop::collection::vec(any::<u8>(), 0..80), as_json: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut provider = provider().await;
            let value = Some(if as_json {
                DynamicValue { msgpack: Vec::new(), json: bytes }
            } else {
                DynamicValue { msgpack: bytes, json: Vec::new() }
            });
            let type_name = TYPE.to_owned();
            let config = value.clone();
            let request = wire::validate_resource_config::Request { type_name, config, ..Default::default() };
            provider.validate_resource_config(request).await.unwrap();
            let request = wire::apply_resource_change::Request {
                type_name: TYPE.to_owned(),
                prior_state: value.clone(),
                planned_state: value.clone(),
                config: value,
                ..Default::default()
            };
            provider.apply_resource_change(request).await.unwrap();
        });
    }
}
