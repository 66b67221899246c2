//! Huawei's own Python SDK, unmodified, as a judge of the emulator: every operation that it has, IAM, and refusals. (The
//! metadata service has no SDK.)
//!
//! `cargo test --test it sdk -- --nocapture` prints the table.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use terraform_provider_dli::emulator::{
    ACCESS_KEY, Emulator, IamAccount, SECRET_KEY, Settings, iam_operations, operations,
};

use crate::python::{ask, python};

/// A project id of the form that real ones have.
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

const REGION: &str = "eu-west-101";

/// One line of the table that a script makes, see `tests/python/table.py`.
#[derive(Debug, Deserialize)]
struct Row {
    operation: String,
    case: String,
    /// Why it does not pass.
    failure: Option<String>,
    /// What the SDK's exception says, where there was one.
    request_id: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_passes() {
    let emulator = start(Settings::default()).await;
    let input = json!({
        "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "project_id": PROJECT, "region": REGION,
        "pooled_queue": "pooled1", "pool_of_queue": "pool1",
    });
    judge(&emulator, "sdk.py", input, operations()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_iam_hands_out_is_believed() {
    let iam_account = IamAccount { projects: vec![(REGION.to_owned(), PROJECT.to_owned())], ..IamAccount::default() };
    let emulator = start(Settings { iam_account: iam_account.clone(), ..Settings::default() }).await;
    let input = json!({
        "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "project_id": PROJECT, "region": REGION,
        "domain": iam_account.domain_name, "user": iam_account.user_name, "password": iam_account.password, "agency": iam_account.agency,
    });
    // The service itself is asked for nothing but a list.
    judge(&emulator, "sdk_iam.py", input, iam_operations().chain(["ListEnhancedConnections"])).await;
}

async fn start(settings: Settings) -> Emulator {
    Emulator::start(([127, 0, 0, 1], 0).into(), settings).await.expect("there is a free port")
}

/// Requires that every row of the script passes, and that it has called just these operations. The SDK finds the
/// emulator by its own variables, as it would find any region that it does not know.
async fn judge(emulator: &Emulator, script: &str, input: Value, operations: impl IntoIterator<Item = &'static str>) {
    let mut script = python(script);
    for variable in ["IAM_ENDPOINT", "REGION_IAM_EU_WEST_101", "REGION_DLI_EU_WEST_101"] {
        script.env(format!("HUAWEICLOUD_SDK_{variable}"), emulator.endpoint());
    }
    let written = tokio::task::spawn_blocking(move || ask(&mut script, &input)).await.expect("it does not panic");
    let rows: Vec<Row> = serde_json::from_value(written).expect("it writes rows");
    print(&rows);
    let failed: Vec<_> = rows.iter().filter(|row| row.failure.is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");

    let operations: BTreeSet<_> = operations.into_iter().collect();
    assert_eq!(rows.iter().map(|row| row.operation.as_str()).collect::<BTreeSet<_>>(), operations);
    let requests = emulator.requests();
    let succeeded = requests.iter().filter(|request| request.status < 300).filter_map(|request| request.operation);
    assert_eq!(succeeded.collect::<BTreeSet<_>>(), operations, "what the SDK asked for is what was understood");
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
