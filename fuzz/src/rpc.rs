//! Whole requests to the provider's service, as they come off the wire: any message of any RPC is answered with a message
//! of its own, never with a gRPC error, and nothing panics behind it. The provider is not configured, so no call gets as
//! far as a network.

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

/// How many of [`METHODS`], from the first, a request is made for with values of their schemas.
const SHAPED: usize = 12;

/// The service, and what its schemas are. `ConfigureProvider` leaves nothing behind: it gets a provider of its own.
struct Bench {
    runtime: Runtime,
    service: ProviderServer<Service>,
    provider: Type,
    resources: Vec<(String, Type)>,
    data_sources: Vec<(String, Type)>,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

fn server() -> Server {
    Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()))
}

impl Bench {
    fn new() -> Self {
        let server = server();
        let ty = |(name, schema): (&'static str, &Schema)| (name.to_owned(), schema.ty());
        Self {
            runtime: Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime"),
            provider: server.provider_schema().ty(),
            resources: server.resource_schemas().map(ty).collect(),
            data_sources: server.data_source_schemas().map(ty).collect(),
            service: protocol::grpc(Service::new(server)),
        }
    }

    fn kind(&self, source: &mut Source<'_>, data: bool) -> (String, Type) {
        let kinds = if data { &self.data_sources } else { &self.resources };
        let (name, ty) = &kinds[source.below(kinds.len())];
        if source.rarely(16) { (source.text(), ty.clone()) } else { (name.clone(), ty.clone()) }
    }

    /// A message with values of the schema, more or less.
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
    BENCH.with_borrow_mut(|bench| {
        let bench = bench.get_or_insert_with(Bench::new);
        let mut source = Source::new(bytes);
        let shaped = !source.rarely(4);
        let method = source.below(if shaped { SHAPED } else { METHODS.len() });
        let message = if shaped { bench.message(method, &mut source) } else { source.rest().to_vec() };
        ask(bench, METHODS[method], &message, shaped);
    });
}

/// Sends one message and looks at the answer.
fn ask(bench: &Bench, method: &str, message: &[u8], shaped: bool) {
    let service = match method {
        "ConfigureProvider" => protocol::grpc(Service::new(server())),
        _ => bench.service.clone(),
    };
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    let request = Request::post(format!("/tfplugin6.Provider/{method}"))
        .header("content-type", "application/grpc")
        .body(Body::from([&[0], length.as_slice(), message].concat()))
        .expect("a request");
    let (status, body) = bench.runtime.block_on(async {
        let answer = service.oneshot(request).await.expect("the service never fails");
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("the answer has an end");
        let trailers = body.trailers().cloned().unwrap_or(head.headers);
        (tonic::Status::from_header_map(&trailers), body.to_bytes())
    });
    let status = status.expect("there is always a status");
    if status.code() == Code::Ok {
        assert!(body.len() >= 5, "{method}: an answer has a message");
    } else {
        // What is no message of this kind has nothing that a diagnostic could be about.
        let unreadable = status.code() == Code::Internal && status.message().contains("decode");
        assert!(unreadable && !shaped, "{method}: {status:?}");
    }
    let told = String::from_utf8_lossy(&body);
    assert!(!told.contains("panicked"), "{method}: {told}");
}
