//! Concurrent clients lose no change.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;
use terraform_provider_dli::emulator::{Emulator, Settings};
use tokio::task::JoinSet;

use super::{
    harness::{Cloud, PROJECT, body, connections},
    state_file::saved,
    stress::Crowd,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_lose_nothing() {
    let cloud = Arc::new(Cloud::start().await);
    let shared = cloud.create(body("shared")).await;
    let shared_id = shared.rsplit('/').next().expect("an id").to_owned();
    let mut writers = JoinSet::new();
    for writer in 0..64 {
        let (cloud, shared_id) = (Arc::clone(&cloud), shared_id.clone());
        writers.spawn(async move {
            for round in 0..4 {
                cloud.create(body(&format!("w{writer}_{round}"))).await;
            }
            // Several clients create a connection with the same name.
            let claimed = cloud.call("POST", &connections(), body("one")).await.status;
            // Several clients add each of twenty tags to one connection.
            let tags = json!({"tags": [{"key": format!("k{}", writer % 20), "value": ""}]});
            let path = format!("/v3/{PROJECT}/dli_enhanced_datasource/{shared_id}/tags/create");
            cloud.call("POST", &path, tags).await.ok(204);
            claimed
        });
    }
    let claimed = writers.join_all().await;
    assert_eq!(claimed.iter().filter(|status| **status == 201).count(), 1);
    assert_eq!(claimed.iter().filter(|status| **status == 400).count(), 63);
    let held = cloud.emulator.connections(PROJECT);
    let names: BTreeSet<_> = held.iter().map(|connection| connection.name.clone()).collect();
    let ids: BTreeSet<_> = held.iter().map(|connection| connection.id.clone()).collect();
    assert_eq!((held.len(), names.len(), ids.len()), (258, 258, 258));
    assert_eq!(cloud.emulator.tags(PROJECT, &shared_id).len(), 20);
    assert_eq!(cloud.emulator.requests().len(), 1 + 64 * 6);
}

/// Concurrent changes share a write of the state file, and each is in the file before its response.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_share_state_file() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("state.json");
    let cloud = Arc::new(Cloud::with(Settings { state: Some(file.clone()), ..Settings::default() }).await);
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let (cloud, file) = (Arc::clone(&cloud), file.clone());
        writers.spawn(async move {
            for round in 0..4 {
                let path = cloud.create(body(&format!("w{writer}_{round}"))).await;
                let id = path.rsplit('/').next().expect("an id");
                assert!(saved(&file).iter().any(|connection| connection["id"] == id), "answered and not kept");
            }
        });
    }
    writers.join_all().await;
    assert_eq!(saved(&file).len(), 64);
}

/// A short run of `cargo bench --bench stress`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn valid_and_invalid_clients_run_together() {
    let emulator = Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()).await.expect("a free port");
    let report = Crowd::new(&emulator.endpoint(), 64, 7).work(|round| round < 40).await.compare().await;
    assert!(report.wrong.is_empty(), "{:#?}", report.wrong);
    let kinds: BTreeSet<_> = report.answers.keys().map(|(what, _)| *what).collect();
    assert!(report.compared >= 64 && kinds.len() == 14, "{report:#?}");
    assert!(report.answers.keys().all(|(_, status)| *status < 500), "{report:#?}");
}
