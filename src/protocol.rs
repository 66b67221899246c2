//! The protocol room.

/// The generated messages and service of `proto/tfplugin6.proto`.
#[expect(missing_docs, clippy::pedantic, reason = "generated code: the proto file's comments are its documentation")]
pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}
