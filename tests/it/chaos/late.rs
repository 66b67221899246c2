//! A creation that takes effect, or shows, long after this side has lost the answer. Names need not be unique, so that a
//! second connection can be made, and is seen.

use std::time::Duration;

use terraform_provider_dli::emulator::{Fault, FaultKind, Quirk, Settings};
use tokio_util::sync::CancellationToken;

use super::blocks::{Block, Configuration, Declared};
use super::clock;
use super::cloud::Cloud;
use super::terraform::Workspace;

/// Lists that are asked for: by the plan, by the same plan in the process that applies it, before the creation, and before
/// and after each of fifteen pauses in the minute behind it.
const LOOKS: u32 = 3 + 16;

fn cloud() -> Cloud {
    Cloud::start(Settings { quirks: [Quirk::NamesNotUnique].into(), ..Settings::default() })
}

fn wanted() -> Configuration {
    let declared = Declared {
        name: "late".to_owned(),
        vpc: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        network: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
        ..Declared::default()
    };
    [("dli_enhanced_connection.late".to_owned(), Block::Connection(declared))].into()
}

fn inject(cloud: &Cloud, fault: &str) {
    cloud.emulator().inject(fault.parse().unwrap()).unwrap();
}

async fn expect_one(cloud: &Cloud, workspace: &Workspace) {
    let told = workspace.apply(&wanted(), &CancellationToken::new()).await;
    assert_eq!((told.errors, cloud.ever().len()), (vec![], 1));
    cloud.emulator().clear_faults();
    assert!(workspace.plan(&wanted()).await.actions.is_empty());
}

/// Forty seconds, as the provider counts them.
#[test]
fn what_lists_show_late_is_waited_for() {
    clock::run(async {
        let cloud = cloud();
        inject(&cloud, "CreateEnhancedConnection:lose-answer*1");
        inject(&cloud, "List*:stale=4s");
        expect_one(&cloud, &Workspace::new(&cloud.endpoint())).await;
    });
}

/// The same after a kill, by a run that comes at once.
#[test]
fn what_lists_show_late_after_a_kill_is_waited_for() {
    clock::run(async {
        let cloud = cloud();
        let workspace = Workspace::new(&cloud.endpoint());
        let minute = Duration::from_mins(1);
        let late = Fault::new("CreateEnhancedConnection", FaultKind::Delay { at_least: minute, at_most: minute });
        cloud.emulator().inject(late.times(1)).unwrap();
        inject(&cloud, "List*:stale=4s");
        let (configuration, alive) = (wanted(), CancellationToken::new());
        let made = async {
            while cloud.ever().is_empty() {
                clock::pause(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            told = workspace.apply(&configuration, &alive) => panic!("it ends: {told:?}"),
            () = made => {}
        }
        expect_one(&cloud, &workspace).await;
    });
}

/// Later than anybody waits: then there are two, and that is said.
#[test]
fn what_nobody_could_wait_for_is_told() {
    clock::run(async {
        let cloud = cloud();
        let workspace = Workspace::new(&cloud.endpoint());
        inject(&cloud, "CreateEnhancedConnection:lose-answer*1");
        inject(&cloud, &format!("List*:stale=1m*{LOOKS}"));
        let told = workspace.apply(&wanted(), &CancellationToken::new()).await;
        let [first, second] = &cloud.ever()[..] else { panic!("two: {:?}", cloud.ever()) };
        assert_eq!(told.errors, Vec::<String>::new());
        let [warning] = &told.warnings[..] else { panic!("one warning: {:?}", told.warnings) };
        for word in ["There May Be a Second Connection", &first.id, &second.id] {
            assert!(warning.contains(word), "it should tell {word:?}: {warning}");
        }
    });
}
