//! The wire: provider protocol 6.11 in generated types, the codecs of cty values, and the service that does decode →
//! framework → encode and decides nothing.
//!
//! In here there is no DLI and no HTTP.

pub mod codec;
mod dynamic;
mod encode;
pub mod json;
pub mod msgpack;
mod response;
mod service;
pub mod type_json;

pub use self::service::Service;

/// Largest message in either direction, in bytes: what Terraform and Go providers agree on. tonic's own default of 4 MiB
/// is less than the state of a connection with 20,000 hosts.
pub const MAX_MESSAGE_SIZE: usize = 256 << 20;

/// The service as gRPC serves it, with the message limit in both directions.
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
