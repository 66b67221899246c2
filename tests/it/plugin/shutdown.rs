//! The services beside the provider's, and the end.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use terraform_provider_dli::plugin::wire::grpc_broker_client::GrpcBrokerClient;
use terraform_provider_dli::plugin::wire::grpc_controller_client::GrpcControllerClient;
use terraform_provider_dli::plugin::wire::grpc_stdio_client::GrpcStdioClient;
use terraform_provider_dli::plugin::wire::{ConnInfo, Empty};
use tokio::time::timeout;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::client::{COOKIE, Certificate, Handshake, PATIENCE, Plugin, Proof, program};

/// The client waits this long after its Shutdown before it kills; the aim is a twentieth of it, but a machine may be busy.
const SHUTDOWN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn the_process_ends_on_shutdown_whatever_is_still_open() {
    let client = Certificate::new();
    let plugin = Plugin::launch(Some(&client), &[]);
    let handshake = Handshake::of(&plugin);
    let channel = handshake.channel(Proof::Own(&client)).await.unwrap();

    // As go-plugin opens them on every connection.
    let mut stdio = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await.unwrap().into_inner();
    let talk = tokio_stream::once(ConnInfo { service_id: 1, ..ConnInfo::default() });
    let talk = futures_util::StreamExt::chain(talk, tokio_stream::pending());
    let mut broker = GrpcBrokerClient::new(channel.clone()).start_stream(talk).await.unwrap().into_inner();

    let mut health = HealthClient::new(channel.clone());
    let about = HealthCheckRequest { service: "plugin".to_owned() };
    assert_eq!(health.check(about.clone()).await.unwrap().into_inner().status(), ServingStatus::Serving);
    // A stream that nothing ends.
    let mut watch = health.watch(about).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());

    handshake.ask(Proof::Own(&client)).await.unwrap();
    assert!(stdio.message().now_or_never().is_none(), "stdio is open and silent");
    assert!(broker.message().now_or_never().is_none(), "the broker is open and silent");
    assert_eq!(plugin.traces(), 1);

    let begin = Instant::now();
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.expect("an answer before the end");
    assert_eq!(timeout(PATIENCE, stdio.message()).await.expect("an end in time").unwrap(), None);
    assert_eq!(timeout(PATIENCE, broker.message()).await.expect("an end in time").unwrap(), None);
    plugin.silent_end(SHUTDOWN);
    assert!(begin.elapsed() < SHUTDOWN);
    assert_eq!(plugin.traces(), 0);
    let (status, text) = plugin.end(PATIENCE);
    assert_eq!((status.code(), text.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_is_left_to_the_client() {
    let plugin = Plugin::launch(None, &[]);
    let handshake = Handshake::of(&plugin);
    plugin.signal("INT");
    handshake.ask(Proof::Plaintext).await.unwrap();
    plugin.signal("INT");
    handshake.ask(Proof::Plaintext).await.unwrap();
    plugin.signal("TERM");
    plugin.silent_end(PATIENCE);
    assert_eq!(plugin.traces(), 0);
    let (status, _) = plugin.end(PATIENCE);
    assert_eq!(status.code(), Some(0));
}

/// `kill -9` of the client: here a shell has its part.
#[test]
fn the_process_does_not_outlive_its_client() {
    let temp = tempfile::tempdir().unwrap();
    let inner = program(temp.path());
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "\"$0\"; true"]).arg(inner.get_program());
    command.env_clear().env("TMPDIR", temp.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs([COOKIE, ("TF_LOG", "DEBUG")]);
    let client = Plugin::spawn(command, temp);
    let handshake = Handshake::of(&client);
    client.signal("KILL");
    client.silent_end(Duration::from_secs(5));
    assert!(!handshake.socket().exists());
    assert_eq!(client.traces(), 0);
    let (_, text) = client.end(PATIENCE);
    assert!(text.contains("the client exited"), "{text}");
}
