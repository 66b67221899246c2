//! Sends the same random calls to the emulator and to a second server, and requires equal responses.
//!
//! `tests/python/differential.py` contains the calls, the second server and the comparison.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use terraform_provider_dli::emulator::{ACCESS_KEY, Emulator, SECRET_KEY, Settings};

use crate::python::{ask, python};

/// The result of `differential.py`.
#[derive(Debug, Deserialize)]
struct Comparison {
    /// How often each status or error code was returned.
    outcomes: BTreeMap<String, u64>,
    /// The first difference of each seed, with the calls before it.
    disagreements: Vec<Value>,
}

#[tokio::test(flavor = "multi_thread")]
async fn emulator_and_second_server_agree() {
    compare(1..=6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn emulator_and_second_server_agree_again() {
    compare(7..=12).await;
}

/// Makes 100 calls per seed. They must include every kind of response in the documents.
async fn compare(seeds: std::ops::RangeInclusive<u64>) {
    let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("a free port");
    let seeds: Vec<_> = seeds.collect();
    let calls = 100 * seeds.len() as u64;
    let input = json!({
        "first": { "endpoint": emulator.endpoint(), "access_key": ACCESS_KEY, "secret_key": SECRET_KEY },
        "seeds": seeds, "calls": 100,
    });
    let result = tokio::task::spawn_blocking(move || ask(&mut python("differential.py"), &input)).await;
    let Comparison { outcomes, disagreements } = serde_json::from_value(result.expect("no panic")).expect("outcomes");
    assert!(disagreements.is_empty(), "{disagreements:#?}");
    assert_eq!(outcomes.values().sum::<u64>(), calls, "{outcomes:?}");
    for outcome in ["200", "201", "204", "DLI.0001", "DLI.0002", "DLI.0006", "DLI.0007", "APIGW.0101", "APIGW.0301"] {
        assert!(outcomes.contains_key(outcome), "{outcome} is not among {outcomes:?}");
    }
}
