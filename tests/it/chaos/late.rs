//! A created connection that lists show long after its response was lost.
//!
//! Names need not be unique here, so a second creation would succeed and be detected.

use std::time::Duration;

use terraform_provider_dli::emulator::{Fault, FaultKind, Quirk, Settings};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration, ConnectionConfig};
use super::clock;
use super::cloud::Cloud;
use super::terraform::Workspace;

/// The number of list requests: by the plan, by the apply's own plan, before the creation, and 16 in the minute after
/// it.
const LISTS: u32 = 3 + 16;

fn cloud() -> Cloud {
    Cloud::start(Settings { quirks: [Quirk::NamesNotUnique].into(), ..Settings::default() })
}

fn configuration() -> Configuration {
    let config = ConnectionConfig {
        name: "late".to_owned(),
        vpc: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        network: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
        ..ConnectionConfig::default()
    };
    [("dli_enhanced_connection.late".to_owned(), Block::Connection(config))].into()
}

fn inject(cloud: &Cloud, fault: &str) {
    cloud.emulator().inject(fault.parse().unwrap()).unwrap();
}

async fn expect_one(cloud: &Cloud, workspace: &Workspace) {
    let result = workspace.apply(&configuration(), &CancellationToken::new()).await;
    assert_eq!((result.errors, cloud.all_connections().len()), (vec![], 1));
    cloud.emulator().clear_faults();
    assert!(workspace.plan(&configuration()).await.actions.is_empty());
}

/// The list is 40 seconds late by the provider's clock.
#[test]
fn creation_missing_from_the_list_is_found_later() {
    clock::run(async {
        let cloud = cloud();
        inject(&cloud, "CreateEnhancedConnection:lose-answer*1");
        inject(&cloud, "List*:stale=2s");
        expect_one(&cloud, &Workspace::new(&cloud.endpoint())).await;
    });
}

/// The next run starts immediately after Terraform is killed.
#[test]
fn killed_creation_missing_from_the_list_is_found() {
    clock::run(async {
        let cloud = cloud();
        let workspace = Workspace::new(&cloud.endpoint());
        let minute = Duration::from_mins(1);
        let late = Fault::new("CreateEnhancedConnection", FaultKind::Delay { at_least: minute, at_most: minute });
        cloud.emulator().inject(late.times(1)).unwrap();
        inject(&cloud, "List*:stale=2s");
        let (configuration, alive) = (configuration(), CancellationToken::new());
        let created = async {
            while cloud.all_connections().is_empty() {
                clock::pause(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            result = workspace.apply(&configuration, &alive) => panic!("the apply ended: {result:?}"),
            () = created => {}
        }
        expect_one(&cloud, &workspace).await;
    });
}

/// The list is later than the provider's deadline, so it creates a second connection.
#[test]
fn possible_duplicate_is_a_warning() {
    clock::run(async {
        let cloud = cloud();
        let workspace = Workspace::new(&cloud.endpoint());
        inject(&cloud, "CreateEnhancedConnection:lose-answer*1");
        inject(&cloud, &format!("List*:stale=1m*{LISTS}"));
        let result = workspace.apply(&configuration(), &CancellationToken::new()).await;
        let [first, second] = &cloud.all_connections()[..] else {
            panic!("expected two connections: {:?}", cloud.all_connections())
        };
        assert_eq!(result.errors, Vec::<String>::new());
        let [warning] = &result.warnings[..] else { panic!("expected one warning: {:?}", result.warnings) };
        for word in ["There May Be a Second Connection", &first.id, &second.id] {
            assert!(warning.contains(word), "expected {word:?} in: {warning}");
        }
    });
}
