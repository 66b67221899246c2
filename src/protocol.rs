//! Provider protocol 6.11: generated types, the codecs of cty values, and the gRPC service.

mod action;
pub mod codec;
mod dynamic;
mod encode;
mod event_stream;
mod function;
pub mod json;
mod list;
pub mod msgpack;
mod response;
mod service;
pub mod type_json;

pub use self::service::Service;

/// Maximum message size in bytes, as in Terraform and Go providers. The state of a connection with 20,000 hosts exceeds
/// tonic's default of 4 MiB.
pub const MAX_MESSAGE_SIZE: usize = 256 << 20;

/// Returns the gRPC service with the message limit in both directions.
pub fn grpc(service: Service) -> tfplugin6::provider_server::ProviderServer<Service> {
    tfplugin6::provider_server::ProviderServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_SIZE)
        .max_encoding_message_size(MAX_MESSAGE_SIZE)
}

/// The generated messages and service of `proto/tfplugin6.proto`.
#[expect(missing_docs, clippy::pedantic, reason = "generated code: the proto file's comments are its documentation")]
pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}
