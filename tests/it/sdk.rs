//! Huawei's own Python SDK, unmodified, as a judge of the emulator: every operation of the family, and refusals.
//!
//! `cargo test --test it sdk -- --nocapture` prints the table.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;
use terraform_provider_dli::emulator::{ACCESS_KEY, Emulator, SECRET_KEY, Settings};

use crate::python::{ask, python};

/// A project id of the form that real ones have.
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// Every operation that has to do with enhanced connections, under its name in the SDK.
const OPERATIONS: [&str; 22] = [
    "AssociateQueueToEnhancedConnection",
    "BatchCreateResourceTags",
    "BatchDeleteResourceTags",
    "CreateConnectivityTask",
    "CreateEnhancedConnection",
    "CreateEnhancedConnectionRoutes",
    "CreateRouteToEnhancedConnection",
    "DeleteEnhancedConnection",
    "DeleteEnhancedConnectionRoutes",
    "DeleteRouteFromEnhancedConnection",
    "DisassociateQueueFromEnhancedConnection",
    "ListElasticResourcePools",
    "ListEnhancedConnections",
    "ListQueues",
    "RunAuthorizationAction",
    "ShowConnectivityTask",
    "ShowEnhancedConnection",
    "ShowEnhancedConnectionPrivilege",
    "ShowQueue",
    "ShowQuota",
    "ShowResourceTags",
    "UpdateEnhancedConnection",
];

/// One line of the table that `sdk.py` makes.
#[derive(Debug, Deserialize)]
struct Row {
    operation: String,
    case: String,
    /// Why it does not pass.
    failure: Option<String>,
    /// What the SDK's exception says, where there was one.
    request_id: Option<String>,
}

/// The SDK finds the emulator by its own variable, as it would find any region that it does not know.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_passes() {
    let emulator =
        Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("there is a free port");
    let input = json!({
        "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "project_id": PROJECT, "region": "eu-west-101",
        "pooled_queue": "pooled1", "pool_of_queue": "pool1",
    });
    let mut script = python("sdk.py");
    script.env("HUAWEICLOUD_SDK_REGION_DLI_EU_WEST_101", emulator.endpoint());
    let written = tokio::task::spawn_blocking(move || ask(&mut script, &input)).await.expect("it does not panic");
    let rows: Vec<Row> = serde_json::from_value(written).expect("it writes rows");
    print(&rows);

    let failed: Vec<_> = rows.iter().filter(|row| row.failure.is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let judged: BTreeSet<_> = rows.iter().map(|row| row.operation.as_str()).collect();
    assert_eq!(judged, OPERATIONS.into());

    let requests = emulator.requests();
    let succeeded = requests.iter().filter(|request| request.status < 300).filter_map(|request| request.operation);
    assert_eq!(succeeded.collect::<BTreeSet<_>>(), OPERATIONS.into(), "what the SDK asked for is what was understood");
    let told: Vec<_> = rows.iter().filter_map(|row| row.request_id.as_deref()).collect();
    let refused = requests.iter().filter(|request| request.status >= 400);
    assert_eq!(told, refused.map(|request| request.request_id.as_str()).collect::<Vec<_>>());
}

#[expect(clippy::print_stdout, reason = "the table is there to be read")]
fn print(rows: &[Row]) {
    for Row { operation, case, failure, .. } in rows {
        println!("{operation:<40} {case:<36} {}", failure.as_deref().unwrap_or("passes"));
    }
}
