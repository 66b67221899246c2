//! Debug mode: a process that clients attach to.

use std::process::Command;

use serde_json::Value;
use tokio::net::UnixStream;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::client::{Handshake, PATIENCE, Plugin, Proof};

fn start() -> (Plugin, Value) {
    let plugin = Plugin::start(|command| {
        command.arg("--debug");
    });
    // As a person does: paste the line into a shell.
    let script = format!("{}; printf %s \"$TF_REATTACH_PROVIDERS\"", plugin.line());
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).expect("the variable is JSON");
    (plugin, value["opendli/dli"].clone())
}

/// The address as the handshake line would give it, for the same client.
fn handshake(reattach: &Value) -> Handshake {
    let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let address = &reattach["Addr"];
    Handshake { fields: vec![String::new(), String::new(), field(&address["Network"]), field(&address["String"])] }
}

#[tokio::test]
async fn it_serves_until_interrupted() {
    let (plugin, reattach) = start();
    assert_eq!(reattach["Protocol"], "grpc");
    assert_eq!(reattach["ProtocolVersion"], 6);
    assert_eq!(reattach["Pid"], plugin.pid());
    assert_eq!(reattach["Test"], true);
    let handshake = handshake(&reattach);

    // The client's probe: it connects and goes.
    drop(UnixStream::connect(handshake.socket()).await.unwrap());
    handshake.ask(Proof::Plaintext).await.unwrap();
    handshake.ask(Proof::Plaintext).await.unwrap();

    plugin.signal("INT");
    plugin.silent_end(PATIENCE);
    assert_eq!(plugin.traces(), 0);
    let (status, text) = plugin.end(PATIENCE);
    assert_eq!(status.code(), Some(0));
    assert!(text.contains("Ctrl-C"), "{text}");
    assert_eq!(text.trim().lines().count(), 1, "one sentence and nothing about the probe: {text}");
}

#[tokio::test]
async fn tools_can_list_the_services() {
    let (_plugin, reattach) = start();
    let channel = handshake(&reattach).channel(Proof::Plaintext).await.unwrap();
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().and_then(|answer| answer.message_response);
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("a list, not {answer:?}") };
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
