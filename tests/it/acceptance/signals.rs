//! Ctrl-C and killed Terraform processes during an apply.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use terraform_provider_dli::emulator::{Fault, FaultKind};

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, Running, Workspace, for_each_terraform};
use super::terraform::Terraform;

const CONFIGURATION: &str = r#"
resource "dli_enhanced_connection" "test" {
  name            = "test"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1"]
}
"#;

/// A cloud that creates a connection at once, but responds late.
fn slow_cloud(latency: Duration) -> Cloud {
    let cloud = Cloud::start();
    let late = FaultKind::Delay { at_least: latency, at_most: latency };
    cloud.emulator().inject(Fault::new("CreateEnhancedConnection", late)).expect("a valid fault");
    cloud
}

/// Starts an apply whose connection exists and whose response is still delayed.
fn start_create(cloud: &Cloud, terraform: &Terraform) -> (Workspace, Running) {
    let workspace = cloud.workspace(terraform);
    workspace.configure(CONFIGURATION);
    let applying = workspace.start(&["apply", "-auto-approve"]);
    applying.wait_for("the connection is created", || !cloud.connections().is_empty());
    (workspace, applying)
}

#[test]
fn interrupted_apply_keeps_created_resources() {
    for_each_terraform(|terraform| {
        // The create response arrives in time; the response of a further request would not.
        let cloud = slow_cloud(Duration::from_millis(2600));
        let (workspace, applying) = start_create(&cloud, terraform);
        applying.signal_group("INT");
        let applied = applying.wait_at_most(Duration::from_secs(5));
        assert!(applied.status.code().is_some(), "Terraform ends by itself:\n{applied}");
        assert_eq!(workspace.state(ADDRESS)["id"], cloud.connection().id, "{applied}");

        workspace.destroy();
        cloud.expect_empty();
    });
}

/// A connection that may exist but is not in the state must be named.
#[test]
fn interrupted_create_names_the_connection() {
    for_each_terraform(|terraform| {
        let cloud = slow_cloud(Duration::from_mins(1));
        // Keeps the workspace alive for the apply.
        let (_workspace, applying) = start_create(&cloud, terraform);
        applying.signal_group("INT");
        let applied = applying.wait_at_most(Duration::from_secs(5)).expect_code(1);
        assert!(applied.stderr.contains("Interrupted: Could Not Create the Enhanced Connection"), "{applied}");
        assert!(applied.stderr.contains("named \"test\""), "{applied}");
    });
}

/// Nothing is started after the current request, and the state matches the service.
#[test]
fn interrupted_update_finishes_its_current_call() {
    let with = |queue: &str, ip: &str, tag: &str| {
        connection(&format!("queues = [{queue:?}]\n  hosts = {{ a = {ip:?} }}\n  tags = {{ t = {tag:?} }}"))
    };
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        // Only the apply is to be slow, not a plan check.
        let workspace = cloud.workspace_with(terraform, "plan_checks = false");
        workspace.step(&with("q1", "10.0.0.1", "1"), CREATE);
        cloud.emulator().set_latency(Duration::from_secs(2));
        let after = with("q2", "10.0.0.2", "2");
        workspace.configure(&after);
        let applying = workspace.start(&["apply", "-auto-approve"]);
        applying.wait_for("q1 is unbound", || cloud.connection().available_queue_info.is_empty());
        applying.signal_group("INT");
        applying.wait_at_most(Duration::from_secs(5));
        let id = cloud.connection().id;
        assert_eq!(cloud.changes(), ["POST".to_owned(), format!("POST /{id}/disassociate-queue")]);
        let state = workspace.state(ADDRESS);
        assert_eq!(
            (&state["queues"], &state["hosts"]["a"], &state["tags"]["t"]),
            (&json!([]), &json!("10.0.0.1"), &json!("1"))
        );

        cloud.emulator().set_latency(Duration::ZERO);
        workspace.step(&after, UPDATE);
        assert_eq!(cloud.connection().id, id);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// A cancelled CI job signals every process of the group, the provider first.
#[cfg(target_os = "linux")]
#[test]
fn terminated_apply_keeps_created_resources() {
    for_each_terraform(|terraform| {
        let cloud = slow_cloud(Duration::from_millis(2600));
        let (workspace, applying) = start_create(&cloud, terraform);
        for process in processes(&workspace.provider()) {
            let status = Command::new("sh").args(["-c", &format!("kill -s TERM {process}")]).status();
            assert!(status.expect("a shell runs").success());
        }
        applying.signal_group("TERM");
        let applied = applying.wait_at_most(Duration::from_secs(10));
        assert_eq!(workspace.state(ADDRESS)["id"], cloud.connection().id, "{applied}");
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn provider_exits_when_terraform_is_killed() {
    for_each_terraform(|terraform| {
        let cloud = slow_cloud(Duration::from_mins(1));
        let (workspace, applying) = start_create(&cloud, terraform);
        assert!(!processes(&workspace.provider()).is_empty(), "the provider runs while it waits for the response");
        applying.signal("KILL");
        let killed = Instant::now();
        while !processes(&workspace.provider()).is_empty() {
            assert!(killed.elapsed() < Duration::from_secs(5), "still there: {:?}", processes(&workspace.provider()));
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}

/// The processes that run this executable.
pub(crate) fn processes(executable: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("a Linux file").filter_map(Result::ok);
    let running = entries.filter(|entry| fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == executable));
    running.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
