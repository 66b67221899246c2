//! A metadata service that is slow or fails once.

use std::time::Duration;

use terraform_provider_dli::client::Client;
use terraform_provider_dli::emulator::{Fault, FaultKind, Settings};

use super::{call, config, metadata, operations, start};

const SESSION: &str = "MetadataToken";
const KEY: &str = "MetadataSecurityKey";

fn slow(operation: &str) -> Fault {
    let time = Duration::from_millis(1500);
    Fault::new(operation, FaultKind::Delay { at_least: time, at_most: time }).times(1)
}

/// The operations of one call with this fault.
async fn operations_with(fault: Fault) -> Vec<String> {
    let emulator = start(Settings::default()).await;
    let shown = format!("{fault:?}");
    emulator.inject(fault).expect("a valid fault");
    let client = Client::new(config(&emulator, metadata())).expect("a valid configuration");
    call(&client).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
    let requested = operations(&emulator);
    emulator.stop().await;
    requested
}

#[tokio::test]
async fn one_failure_is_retried() {
    for status in [500, 503, 429] {
        let refused = Fault::refuse(KEY, status, "", "not now").times(1);
        assert_eq!(operations_with(refused).await, [SESSION, KEY, KEY, "ListQueues"], "{status}");
    }
    for status in [500, 429] {
        let refused = Fault::refuse(SESSION, status, "", "not now").times(1);
        assert_eq!(operations_with(refused).await, [SESSION, SESSION, KEY, "ListQueues"], "{status}");
    }
}

#[tokio::test]
async fn slow_response_is_awaited() {
    assert_eq!(operations_with(slow(KEY)).await, [SESSION, KEY, "ListQueues"]);
    // The first request times out and may be logged before or after the next one.
    let requested = operations_with(slow(SESSION)).await;
    assert_eq!(requested.iter().filter(|operation| *operation == KEY).count(), 1, "{requested:?}");
}

/// A failure is not reported as a missing metadata service, and the next call asks again.
#[tokio::test]
async fn failed_metadata_service_is_asked_again() {
    let emulator = start(Settings::default()).await;
    emulator.inject(Fault::refuse(KEY, 500, "", "not now")).expect("a valid fault");
    let client = Client::new(config(&emulator, metadata())).expect("a valid configuration");
    assert!(!client.has_credentials().await);
    let error =
        client.project(None, None).expect("a complete configuration").list_queues().await.expect_err("a missing key");
    assert!(error.is_transient() && error.to_string().contains("HTTP 500"), "{error}");
    emulator.clear_faults();
    assert!(client.has_credentials().await);
    call(&client).await.expect("a key");
    emulator.stop().await;
}
