//! A metadata service that is there, and slow or failing for a moment.

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

/// One call that meets this, and what was asked for it.
async fn met(fault: Fault) -> Vec<String> {
    let emulator = start(Settings::default()).await;
    let shown = format!("{fault:?}");
    emulator.inject(fault).expect("it can happen");
    let client = Client::new(config(&emulator, metadata())).expect("in order");
    call(&client).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
    let asked = operations(&emulator);
    emulator.stop().await;
    asked
}

#[tokio::test]
async fn one_failure_is_not_seen() {
    for status in [500, 503, 429] {
        let refused = Fault::refuse(KEY, status, "", "not now").times(1);
        assert_eq!(met(refused).await, [SESSION, KEY, KEY, "ListQueues"], "{status}");
    }
    for status in [500, 429] {
        let refused = Fault::refuse(SESSION, status, "", "not now").times(1);
        assert_eq!(met(refused).await, [SESSION, SESSION, KEY, "ListQueues"], "{status}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    assert_eq!(met(slow(KEY)).await, [SESSION, KEY, "ListQueues"]);
    // Whether the first question, which was given up, is logged before the next one is chance.
    let asked = met(slow(SESSION)).await;
    assert_eq!(asked.iter().filter(|operation| *operation == KEY).count(), 1, "{asked:?}");
}

/// It is told for what it is, and whoever comes later asks again.
#[tokio::test]
async fn a_service_that_failed_is_not_taken_for_none() {
    let emulator = start(Settings::default()).await;
    emulator.inject(Fault::refuse(KEY, 500, "", "not now")).expect("it can happen");
    let client = Client::new(config(&emulator, metadata())).expect("in order");
    assert!(!client.has_credentials().await);
    let error = client.project(None, None).expect("complete").list_queues().await.expect_err("there is no key");
    assert!(error.is_transient() && error.to_string().contains("HTTP 500"), "{error}");
    emulator.clear_faults();
    assert!(client.has_credentials().await);
    call(&client).await.expect("it is there");
    emulator.stop().await;
}
