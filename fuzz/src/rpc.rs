//! Random messages to every RPC of the provider's gRPC service. A decodable message never causes a gRPC error or a
//! panic. The provider is not configured, so no call uses the network.

use std::cell::RefCell;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use prost::Message as _;
use terraform_provider_dli::{
    framework::{schema::Schema, server::Server, types::Type},
    protocol::{
        self, Service, msgpack,
        tfplugin6::{self as wire, DynamicValue, RawState, provider_server::ProviderServer},
    },
    provider::{CreationJournal, DliProvider},
};
use tokio::runtime::{Builder, Runtime};
use tonic::Code;
use tower::ServiceExt as _;

use super::source::Source;

const METHODS: [&str; 36] = [
    "ValidateProviderConfig",
    "ConfigureProvider",
    "ValidateResourceConfig",
    "UpgradeResourceState",
    "ReadResource",
    "PlanResourceChange",
    "ApplyResourceChange",
    "ImportResourceState",
    "GenerateResourceConfig",
    "ValidateDataResourceConfig",
    "ReadDataSource",
    "MoveResourceState",
    "UpgradeResourceIdentity",
    "GetMetadata",
    "GetProviderSchema",
    "GetResourceIdentitySchemas",
    "StopProvider",
    "ValidateEphemeralResourceConfig",
    "OpenEphemeralResource",
    "RenewEphemeralResource",
    "CloseEphemeralResource",
    "ValidateListResourceConfig",
    "ListResource",
    "GetFunctions",
    "CallFunction",
    "ValidateActionConfig",
    "PlanAction",
    "InvokeAction",
    "ValidateStateStoreConfig",
    "ConfigureStateStore",
    "ReadStateBytes",
    "WriteStateBytes",
    "LockState",
    "UnlockState",
    "GetStates",
    "DeleteState",
];

/// The number of [`METHODS`], from the first, with messages that match the schemas.
const WITH_MESSAGES: usize = 12;

/// The service and its types. `ConfigureProvider` gets a new service, so that it cannot affect later calls.
struct Fixture {
    runtime: Runtime,
    service: ProviderServer<Service>,
    provider: Type,
    resources: Vec<(String, Type)>,
    data_sources: Vec<(String, Type)>,
}

thread_local! {
    static FIXTURE: RefCell<Option<Fixture>> = const { RefCell::new(None) };
}

fn server() -> Server {
    Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()))
}

impl Fixture {
    fn new() -> Self {
        let server = server();
        let ty = |(name, schema): (&'static str, &Schema)| (name.to_owned(), schema.ty());
        Self {
            runtime: Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime"),
            provider: server.provider_schema().ty(),
            resources: server.resources.schemas().map(ty).collect(),
            data_sources: server.data_sources.schemas().map(ty).collect(),
            service: protocol::grpc(Service::new(server)),
        }
    }

    fn kind(&self, source: &mut Source<'_>, data: bool) -> (String, Type) {
        let kinds = if data { &self.data_sources } else { &self.resources };
        let (name, ty) = &kinds[source.below(kinds.len())];
        if source.rarely(16) { (source.text(), ty.clone()) } else { (name.clone(), ty.clone()) }
    }

    /// A message whose values mostly match the schema.
    fn message(&self, method: usize, source: &mut Source<'_>) -> Vec<u8> {
        let (type_name, ty) = self.kind(source, (9..=10).contains(&method));
        let of = |source: &mut Source<'_>| envelope(source, &ty);
        match method {
            0 => wire::validate_provider_config::Request { config: envelope(source, &self.provider) }.encode_to_vec(),
            1 => {
                let config = envelope(source, &self.provider);
                wire::configure_provider::Request { config, ..Default::default() }.encode_to_vec()
            }
            2 => wire::validate_resource_config::Request { type_name, config: of(source), ..Default::default() }
                .encode_to_vec(),
            3 => {
                let raw_state = Some(RawState { json: source.body(), ..Default::default() });
                let version = i64::from(source.rarely(8)) * source.integer();
                wire::upgrade_resource_state::Request { type_name, version, raw_state }.encode_to_vec()
            }
            4 => {
                let (current_state, private) = (of(source), source.bytes().to_vec());
                wire::read_resource::Request { type_name, current_state, private, ..Default::default() }.encode_to_vec()
            }
            5 => wire::plan_resource_change::Request {
                type_name,
                prior_state: of(source),
                proposed_new_state: of(source),
                config: of(source),
                prior_private: source.bytes().to_vec(),
                ..Default::default()
            }
            .encode_to_vec(),
            6 => wire::apply_resource_change::Request {
                type_name,
                prior_state: of(source),
                planned_state: of(source),
                config: of(source),
                planned_private: source.bytes().to_vec(),
                ..Default::default()
            }
            .encode_to_vec(),
            7 => {
                let id = source.text() + &source.text();
                wire::import_resource_state::Request { type_name, id, ..Default::default() }.encode_to_vec()
            }
            8 => wire::generate_resource_config::Request { type_name, state: of(source) }.encode_to_vec(),
            9 => wire::validate_data_resource_config::Request { type_name, config: of(source) }.encode_to_vec(),
            10 => {
                wire::read_data_source::Request { type_name, config: of(source), ..Default::default() }.encode_to_vec()
            }
            _ => wire::move_resource_state::Request {
                target_type_name: type_name,
                source_type_name: source.text(),
                source_state: Some(RawState { json: source.body(), ..Default::default() }),
                ..Default::default()
            }
            .encode_to_vec(),
        }
    }
}

fn envelope(source: &mut Source<'_>, ty: &Type) -> Option<DynamicValue> {
    Some(match source.below(16) {
        13 => return None,
        14 => DynamicValue { msgpack: source.bytes().to_vec(), json: Vec::new() },
        15 => DynamicValue { msgpack: Vec::new(), json: source.body() },
        _ => DynamicValue { msgpack: msgpack::encode(&source.value(ty)), json: Vec::new() },
    })
}

pub fn run(bytes: &[u8]) {
    FIXTURE.with_borrow_mut(|fixture| {
        let fixture = fixture.get_or_insert_with(Fixture::new);
        let mut source = Source::new(bytes);
        let is_valid = !source.rarely(4);
        let method = source.below(if is_valid { WITH_MESSAGES } else { METHODS.len() });
        let message = if is_valid { fixture.message(method, &mut source) } else { source.rest().to_vec() };
        send(fixture, METHODS[method], &message, is_valid);
    });
}

/// Sends one message and checks the response.
fn send(fixture: &Fixture, method: &str, message: &[u8], is_valid: bool) {
    let service = match method {
        "ConfigureProvider" => protocol::grpc(Service::new(server())),
        _ => fixture.service.clone(),
    };
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    let request = Request::post(format!("/tfplugin6.Provider/{method}"))
        .header("content-type", "application/grpc")
        .body(Body::from([&[0], length.as_slice(), message].concat()))
        .expect("a request");
    let (status, body) = fixture.runtime.block_on(async {
        let response = service.oneshot(request).await.expect("the service never fails");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a complete body");
        let trailers = body.trailers().cloned().unwrap_or(head.headers);
        (tonic::Status::from_header_map(&trailers), body.to_bytes())
    });
    let status = status.expect("a status");
    if status.code() == Code::Ok {
        // A list may be empty.
        assert!(body.len() >= 5 || method == "ListResource", "{method}: no message");
    } else {
        // A message that cannot be decoded is the only gRPC error.
        let is_decode_error = status.code() == Code::Internal && status.message().contains("decode");
        assert!(is_decode_error && !is_valid, "{method}: {status:?}");
    }
    let text = String::from_utf8_lossy(&body);
    assert!(!text.contains("panicked"), "{method}: {text}");
}
