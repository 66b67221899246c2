//! Debug mode, in which clients attach to a running process.

use std::process::Command;

use serde_json::Value;
use tokio::net::UnixStream;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::client::{ClientIdentity, Handshake, Plugin, TIMEOUT};

fn start() -> (Plugin, Value) {
    let plugin = Plugin::start(|command| {
        command.arg("--debug");
    });
    // Evaluates the printed line in a shell, as a user does.
    let script = format!("{}; printf %s \"$TF_REATTACH_PROVIDERS\"", plugin.line());
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON in the variable");
    (plugin, value["opendli/dli"].clone())
}

/// The address as a handshake line.
fn handshake(reattach: &Value) -> Handshake {
    let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let address = &reattach["Addr"];
    Handshake { fields: vec![String::new(), String::new(), field(&address["Network"]), field(&address["String"])] }
}

#[tokio::test]
async fn debug_process_serves_until_interrupted() {
    let (plugin, reattach) = start();
    assert_eq!(reattach["Protocol"], "grpc");
    assert_eq!(reattach["ProtocolVersion"], 6);
    assert_eq!(reattach["Pid"], plugin.pid());
    assert_eq!(reattach["Test"], true);
    let handshake = handshake(&reattach);

    // Like the client's probe: connect and close.
    drop(UnixStream::connect(handshake.socket()).await.unwrap());
    handshake.request_schema(ClientIdentity::Plaintext).await.unwrap();
    handshake.request_schema(ClientIdentity::Plaintext).await.unwrap();

    plugin.signal("INT");
    plugin.expect_stdout_closed(TIMEOUT);
    assert_eq!(plugin.leftover_files(), 0);
    let (status, text) = plugin.wait_exit(TIMEOUT);
    assert_eq!(status.code(), Some(0));
    assert!(text.contains("Ctrl-C"), "{text}");
    assert_eq!(text.trim().lines().count(), 1, "only the first line: {text}");
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let (_plugin, reattach) = start();
    let channel = handshake(&reattach).channel(ClientIdentity::Plaintext).await.unwrap();
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut responses = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let response = responses.message().await.unwrap().and_then(|response| response.message_response);
    let Some(MessageResponse::ListServicesResponse(list)) = response else { panic!("a list, not {response:?}") };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "plugin.GRPCBroker",
            "plugin.GRPCController",
            "plugin.GRPCStdio",
            "tfplugin6.Provider",
        ]
    );
}
