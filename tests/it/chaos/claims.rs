//! Two runs that are active at the same time, each with its own state, in one directory.

use std::time::Duration;

use terraform_provider_dli::emulator::{Fault, FaultKind, Settings};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration, ConnectionConfig};
use super::clock;
use super::cloud::Cloud;
use super::terraform::Workspace;

const LIST: &str = "ListEnhancedConnections";

fn configuration() -> Configuration {
    let config = ConnectionConfig {
        name: "shared".to_owned(),
        vpc: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        network: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
        ..ConnectionConfig::default()
    };
    [("dli_enhanced_connection.shared".to_owned(), Block::Connection(config))].into()
}

/// The second run finds no connection and no journal entry of the name, and then waits for the rate limiter. The first
/// run sends its request in the meantime. If the second one sent its own, a lost response would make it take the first
/// run's connection for its own.
#[test]
fn concurrent_run_does_not_create_same_name() {
    clock::run(async {
        let cloud = Cloud::start(Settings::default());
        let inject = |fault: Fault| cloud.emulator().inject(fault).unwrap();
        inject(Fault::refuse(LIST, 429, "APIGW.0308", "policy user over ratelimit,limit:1,time:20 second").times(1));
        // Both runs are still active when the second one may send.
        let late = Duration::from_secs(3);
        inject(Fault::new("CreateEnhancedConnection", FaultKind::Delay { at_least: late, at_most: late }).times(1));
        let first = Workspace::new(&cloud.endpoint()).without_plan_checks();
        let second = first.with_another_state();

        let (configuration, alive) = (configuration(), CancellationToken::new());
        let waiting = async {
            while !cloud.requests().iter().any(|request| request.operation == Some(LIST) && request.status == 200) {
                clock::pause(Duration::from_millis(5)).await;
            }
            first.apply(&configuration, &alive).await
        };
        let (refused, created) = tokio::join!(second.apply(&configuration, &alive), waiting);

        assert_eq!((created.errors, cloud.creation_count()), (vec![], 1));
        let [error] = &refused.errors[..] else { panic!("one error expected: {refused:?}") };
        let expected = ["Name Is Taken", "Another run in this directory is creating", "Nothing was created"];
        for expected in expected {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        let id = cloud.connections()[0].id.clone();
        let entries: Vec<_> = std::fs::read_dir(first.journal_directory()).unwrap().collect();
        let [Ok(entry)] = &entries[..] else { panic!("one entry expected: {entries:?}") };
        assert!(std::fs::read_to_string(entry.path()).unwrap().contains(&id), "the first run's entry stays");
        assert!(second.state().is_empty() && first.plan(&configuration).await.is_empty());
    });
}
