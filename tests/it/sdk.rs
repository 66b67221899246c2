//! Huawei's unmodified Python SDK against the emulator: every operation of every service, and errors. The SDK does not
//! support the metadata service.
//!
//! `cargo test --test it sdk -- --nocapture` prints the table.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use terraform_provider_dli::emulator::{ACCESS_KEY, Emulator, IamAccount, SECRET_KEY, Settings, operations_of};

use crate::python::{ask, python};

const PROJECT: &str = "0123456789abcdef0123456789abcdef";

const REGION: &str = "eu-west-101";

/// A row of the table that a script prints, see `tests/python/table.py`.
#[derive(Debug, Deserialize)]
struct Row {
    operation: String,
    case: String,
    /// Why the case fails.
    failure: Option<String>,
    /// The request ID in the SDK's exception.
    request_id: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_passes() {
    let emulator = start(Settings::default()).await;
    let input = json!({
        "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "project_id": PROJECT, "region": REGION,
        "pooled_queue": "pooled1", "pool_of_queue": "pool1",
    });
    check(&emulator, "sdk.py", input, operations_of(&["DLI"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_credentials_are_accepted() {
    let iam_account = IamAccount { projects: vec![(REGION.to_owned(), PROJECT.to_owned())], ..IamAccount::default() };
    let emulator = start(Settings { iam_account: iam_account.clone(), ..Settings::default() }).await;
    let input = json!({
        "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "project_id": PROJECT, "region": REGION,
        "domain": iam_account.domain_name, "user": iam_account.user_name, "password": iam_account.password,
        "agency": iam_account.agency,
    });
    // The list is the only operation of DLI.
    check(&emulator, "sdk_iam.py", input, operations_of(&["IAM"]).chain(["ListEnhancedConnections"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_networks_passes() {
    let emulator = start(Settings::default()).await;
    let input = json!({
        "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "project_id": PROJECT,
        "domain_id": IamAccount::default().domain_id, "endpoint": emulator.endpoint(),
    });
    // The list of pools is the only operation of DLI here.
    let expected = operations_of(&["VPC", "DNS", "EPS"]).chain(["ListElasticResourcePools"]);
    check(&emulator, "sdk_networks.py", input, expected).await;
}

async fn start(settings: Settings) -> Emulator {
    Emulator::start(([127, 0, 0, 1], 0).into(), settings).await.expect("a free port")
}

/// Requires that every row of the script passes and that it calls exactly these operations.
///
/// The SDK gets the emulator's URL from its own environment variables for unknown regions.
async fn check(emulator: &Emulator, script: &str, input: Value, operations: impl IntoIterator<Item = &'static str>) {
    let mut script = python(script);
    for variable in ["IAM_ENDPOINT", "REGION_IAM_EU_WEST_101", "REGION_DLI_EU_WEST_101"] {
        script.env(format!("HUAWEICLOUD_SDK_{variable}"), emulator.endpoint());
    }
    let written = tokio::task::spawn_blocking(move || ask(&mut script, &input)).await.expect("no panic");
    let rows: Vec<Row> = serde_json::from_value(written).expect("rows");
    print(&rows);
    let failed: Vec<_> = rows.iter().filter(|row| row.failure.is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");

    let operations: BTreeSet<_> = operations.into_iter().collect();
    assert_eq!(rows.iter().map(|row| row.operation.as_str()).collect::<BTreeSet<_>>(), operations);
    let requests = emulator.requests();
    let succeeded = requests.iter().filter(|request| request.status < 300).filter_map(|request| request.operation);
    assert_eq!(succeeded.collect::<BTreeSet<_>>(), operations, "the SDK and the emulator name the same operations");
    let request_ids: Vec<_> = rows.iter().filter_map(|row| row.request_id.as_deref()).collect();
    let failed_requests = requests.iter().filter(|request| request.status >= 400);
    assert_eq!(request_ids, failed_requests.map(|request| request.request_id.as_str()).collect::<Vec<_>>());
}

#[expect(clippy::print_stdout, reason = "the table is the result of the test")]
fn print(rows: &[Row]) {
    for Row { operation, case, failure, .. } in rows {
        println!("{operation:<40} {case:<36} {}", failure.as_deref().unwrap_or("passes"));
    }
}
