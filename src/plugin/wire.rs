//! The generated messages and services of `proto/plugin.proto`.
#![expect(missing_docs, clippy::pedantic, reason = "generated code: the proto file's comments are its documentation")]

tonic::include_proto!("plugin");

/// Every service of `proto/`, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/services.bin"));
