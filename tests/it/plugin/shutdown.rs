//! go-plugin's services and the shutdown.

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

use super::client::{COOKIE, Certificate, ClientIdentity, Handshake, Plugin, TIMEOUT, program};

/// The client kills the process if it runs this long after Shutdown. The target is a twentieth of it on an idle
/// machine.
const SHUTDOWN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn process_exits_on_shutdown_with_open_streams() {
    let client = Certificate::new();
    let plugin = Plugin::launch(Some(&client), &[]);
    let handshake = Handshake::of(&plugin);
    let channel = handshake.channel(ClientIdentity::Own(&client)).await.unwrap();

    // go-plugin opens these on every connection.
    let mut stdio = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await.unwrap().into_inner();
    let talk = tokio_stream::once(ConnInfo { service_id: 1, ..ConnInfo::default() });
    let talk = futures_util::StreamExt::chain(talk, tokio_stream::pending());
    let mut broker = GrpcBrokerClient::new(channel.clone()).start_stream(talk).await.unwrap().into_inner();

    let mut health = HealthClient::new(channel.clone());
    let about = HealthCheckRequest { service: "plugin".to_owned() };
    assert_eq!(health.check(about.clone()).await.unwrap().into_inner().status(), ServingStatus::Serving);
    // A stream without an end.
    let mut watch = health.watch(about).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());

    handshake.request_schema(ClientIdentity::Own(&client)).await.unwrap();
    assert!(stdio.message().now_or_never().is_none(), "stdio is open without messages");
    assert!(broker.message().now_or_never().is_none(), "the broker is open without messages");
    assert_eq!(plugin.leftover_files(), 1);

    let begin = Instant::now();
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.expect("a response before the exit");
    assert_eq!(timeout(TIMEOUT, stdio.message()).await.expect("a closed stream in time").unwrap(), None);
    assert_eq!(timeout(TIMEOUT, broker.message()).await.expect("a closed stream in time").unwrap(), None);
    plugin.expect_stdout_closed(SHUTDOWN);
    assert!(begin.elapsed() < SHUTDOWN);
    assert_eq!(plugin.leftover_files(), 0);
    let (status, text) = plugin.wait_exit(TIMEOUT);
    assert_eq!((status.code(), text.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupt_is_left_to_the_client() {
    let plugin = Plugin::launch(None, &[]);
    let handshake = Handshake::of(&plugin);
    plugin.signal("INT");
    handshake.request_schema(ClientIdentity::Plaintext).await.unwrap();
    plugin.signal("INT");
    handshake.request_schema(ClientIdentity::Plaintext).await.unwrap();
    plugin.signal("TERM");
    plugin.expect_stdout_closed(TIMEOUT);
    assert_eq!(plugin.leftover_files(), 0);
    let (status, _) = plugin.wait_exit(TIMEOUT);
    assert_eq!(status.code(), Some(0));
}

/// Here a shell is the client that is killed.
#[test]
fn process_exits_with_its_client() {
    let temp = tempfile::tempdir().unwrap();
    let inner = program(temp.path());
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "\"$0\"; true"]).arg(inner.get_program());
    command.env_clear().env("TMPDIR", temp.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs([COOKIE, ("TF_LOG", "DEBUG")]);
    let client = Plugin::spawn(command, temp);
    let handshake = Handshake::of(&client);
    client.signal("KILL");
    client.expect_stdout_closed(Duration::from_secs(5));
    assert!(!handshake.socket().exists());
    assert_eq!(client.leftover_files(), 0);
    let (_, text) = client.wait_exit(TIMEOUT);
    assert!(text.contains("the client exited"), "{text}");
}
