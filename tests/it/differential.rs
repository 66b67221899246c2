//! The emulator and a server of another hand, given the same random calls: their answers must mean the same.
//!
//! The calls, the other server and the comparison are Python's, see `tests/python/differential.py`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use terraform_provider_dli::emulator::{ACCESS_KEY, Emulator, SECRET_KEY, Settings};

use crate::python::{ask, python};

/// What `differential.py` tells.
#[derive(Debug, Deserialize)]
struct Told {
    /// How often each status or code was answered.
    outcomes: BTreeMap<String, u64>,
    /// The first one of each seed, with the calls that led to it.
    disagreements: Vec<Value>,
}

/// Every answer that the documents know is among those compared.
#[tokio::test(flavor = "multi_thread")]
async fn two_readings_of_the_documents_agree() {
    let emulator =
        Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("there is a free port");
    let input = json!({
        "first": { "endpoint": emulator.endpoint(), "access_key": ACCESS_KEY, "secret_key": SECRET_KEY },
        "seeds": (1..=12).collect::<Vec<_>>(), "calls": 100,
    });
    let told = tokio::task::spawn_blocking(move || ask(&mut python("differential.py"), &input)).await;
    let Told { outcomes, disagreements } =
        serde_json::from_value(told.expect("it does not panic")).expect("it tells outcomes");
    assert!(disagreements.is_empty(), "{disagreements:#?}");
    assert_eq!(outcomes.values().sum::<u64>(), 1200, "{outcomes:?}");
    for outcome in ["200", "201", "204", "DLI.0001", "DLI.0002", "DLI.0006", "DLI.0007", "APIGW.0101", "APIGW.0301"] {
        assert!(outcomes.contains_key(outcome), "{outcome} is not among {outcomes:?}");
    }
}
