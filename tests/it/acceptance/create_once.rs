//! A connection is created exactly once, despite lost responses, interrupts and kills, and no foreign connection is
//! adopted.

use std::process::Command;
use std::time::Duration;

use terraform_provider_dli::emulator::{Fault, FaultKind, LoggedRequest, Quirk, Settings};

use super::connection::{ADDRESS, CREATE, connection};
use super::harness::{Cloud, Running, Workspace, for_one_terraform};
use super::signals::processes;
use super::terraform::Terraform;

const CREATION: &str = "CreateEnhancedConnection";

/// Every collection that a connection can have.
const ALL_COLLECTIONS: &str = r#"queues = ["q1"]
  elastic_resource_pools = ["pool1"]
  hosts  = { a = "10.0.0.1", B = "10.0.0.2" }
  routes = { r1 = "10.1.0.0/16", r2 = "10.2.0.0/16" }
  tags   = { t = "1" }"#;

/// The number of create requests, and the number of connections that exist.
fn create_counts(cloud: &Cloud) -> (usize, usize) {
    let requests = cloud.requests();
    let received = requests.iter().filter(|request| request.operation == Some(CREATION));
    (received.count(), cloud.emulator().connections(super::harness::PROJECT).len())
}

/// Requires a complete result: an empty plan, the connection in the state, and nothing left after a destroy.
fn expect_complete(cloud: &Cloud, workspace: &Workspace) {
    workspace.expect_no_changes();
    assert_eq!(workspace.state(ADDRESS)["id"], cloud.connection().id);
    workspace.destroy();
    cloud.expect_empty();
}

#[test]
fn create_with_a_lost_response_is_found() {
    for trouble in [FaultKind::LoseAnswer, FaultKind::TruncateAnswer] {
        for_one_terraform(|terraform| {
            let cloud = Cloud::start();
            let workspace = cloud.workspace(terraform);
            cloud.emulator().inject(Fault::new(CREATION, trouble.clone()).times(1)).expect("a valid fault");
            workspace.configure(&connection(ALL_COLLECTIONS));
            let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0);
            applied.expect_no_diagnostics();
            assert_eq!(create_counts(&cloud), (1, 1));
            expect_complete(&cloud, &workspace);
        });
    }
}

#[test]
fn create_that_was_not_applied_is_retried() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let fault = Fault::refuse(CREATION, 502, "APIGW.0201", "Backend unavailable");
        cloud.emulator().inject(fault.times(1)).expect("a valid fault");
        workspace.configure(&connection(ALL_COLLECTIONS));
        workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0).expect_no_diagnostics();
        assert_eq!(create_counts(&cloud), (2, 1));
        expect_complete(&cloud, &workspace);
    });
}

/// The journal says that the earlier run's request succeeded, so the provider need not search for its result.
#[test]
fn deleted_connection_is_created_again_without_a_search() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&connection(""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let deleted = cloud.connection().id;
        cloud.edit(|account| account.delete(&deleted));
        let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0);
        applied.expect_no_diagnostics();
        assert_ne!(workspace.state(ADDRESS)["id"], deleted);
        expect_complete(&cloud, &workspace);
    });
}

/// The journal has the ID of the connection, and the service does not have the connection any more.
#[test]
fn deleted_connection_of_a_killed_run_is_created_again_at_once() {
    for_one_terraform(|terraform| {
        let settings = Settings { quirks: [Quirk::GoneAsDli0023].into(), ..Settings::default() };
        let cloud = Cloud::start_with(settings);
        let workspace = cloud.workspace(terraform);
        workspace.configure(&connection(""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let deleted = cloud.connection().id;
        cloud.edit(|account| account.delete(&deleted));
        // As if the run had been killed more than a minute ago, after the response and before it stored the state.
        std::fs::remove_file(workspace.path().join("terraform.tfstate")).expect("written by the apply");
        let (path, _) = journal_entry(&workspace);
        let entry = std::fs::read(&path).expect("written by the apply");
        let mut entry: serde_json::Value = serde_json::from_slice(&entry).expect("a journal entry");
        entry["told"] = false.into();
        for time in ["first", "last"] {
            entry[time] = (entry[time].as_i64().expect("a time") - 90_000).into();
        }
        std::fs::write(&path, entry.to_string()).expect("a writable directory");

        let before = cloud.requests().len();
        let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0);
        let path = format!("/{deleted}");
        let reads = cloud.requests()[before..].iter().filter(|request| request.path.ends_with(&path)).count();
        assert_eq!(reads, 1, "the first response decides");
        let diagnostics = applied.diagnostics();
        let [announced, again, warning] = &diagnostics[..] else { panic!("{diagnostics:#?}") };
        assert!(announced.text.contains(&format!("\"test\" with the ID {deleted}")), "{announced:#?}");
        assert_eq!(again.text, announced.text);
        for expected in ["Connection of an Earlier Run Is Gone", &deleted, "does not exist any more"] {
            assert!(warning.text.contains(expected), "missing {expected:?}: {warning:#?}");
        }
        assert!(!warning.text.contains("unknown"), "the outcome is known: {warning:#?}");
        expect_complete(&cloud, &workspace);
    });
}

/// If names are not unique, another connection with the same name and settings may already exist.
#[test]
fn existing_connection_is_not_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { quirks: [Quirk::NamesNotUnique].into(), ..Settings::default() });
        let theirs = cloud.workspace(terraform);
        theirs.step(&connection(ALL_COLLECTIONS), CREATE);
        let foreign = cloud.connection().id;

        let ours = cloud.workspace(terraform);
        cloud.emulator().inject(Fault::new(CREATION, FaultKind::LoseAnswer).times(1)).expect("a valid fault");
        ours.configure(&connection(ALL_COLLECTIONS));
        ours.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(cloud.connections().len(), 2);
        assert_ne!(ours.state(ADDRESS)["id"], foreign);
        ours.destroy();
        assert_eq!(cloud.connection().id, foreign);
        theirs.expect_no_changes();
    });
}

/// While the provider's request fails, another client creates a connection of the same name in another VPC.
#[test]
fn concurrent_foreign_connection_is_reported() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let fault = Fault::refuse(CREATION, 500, "DLI.0999", "Internal error");
        cloud.emulator().inject(fault).expect("a valid fault");
        let workspace = cloud.workspace_with(terraform, "plan_checks = false");
        workspace.configure(&connection(""));
        let applying = workspace.start(&["apply", "-json", "-auto-approve"]);
        applying.wait_for("the creation fails", || create_counts(&cloud).0 == 1);
        let foreign = cloud.edit(|account| {
            account.create(terraform_provider_dli::dli::wire::CreateConnection {
                name: "test".into(),
                dest_vpc_id: "11111111-c310-4621-913d-4c4d655d8495".into(),
                dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".into(),
                ..Default::default()
            })
        });
        let error = applying.wait().expect_code(1).error_of(ADDRESS);
        let import = format!("terraform import ADDRESS {foreign}");
        for expected in ["DLI.0999", "11111111-c310-4621-913d-4c4d655d8495", &import] {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        assert!(!error.contains("one may exist"), "the connection was found: {error}");
        assert_eq!(workspace.find_state(ADDRESS), None);
        assert_eq!(cloud.connection().id, foreign);
    });
}

/// Starts an apply whose connection exists while the response is still delayed.
fn create_with_delayed_response(cloud: &Cloud, terraform: &Terraform) -> (Workspace, Running) {
    create_in_state(cloud, terraform, &[])
}

fn create_in_state(cloud: &Cloud, terraform: &Terraform, options: &[&str]) -> (Workspace, Running) {
    let minute = Duration::from_mins(1);
    let late = Fault::new(CREATION, FaultKind::Delay { at_least: minute, at_most: minute });
    cloud.emulator().inject(late.times(1)).expect("a valid fault");
    let workspace = cloud.workspace(terraform);
    workspace.configure(&connection(ALL_COLLECTIONS));
    let applying = workspace.start(&[&["apply", "-auto-approve"], options].concat());
    applying.wait_for("the connection is created", || !cloud.connections().is_empty());
    (workspace, applying)
}

/// Kills an apply and its provider while the create response is delayed.
fn kill_during_create(cloud: &Cloud, terraform: &Terraform) -> Workspace {
    let (workspace, applying) = create_with_delayed_response(cloud, terraform);
    kill(&workspace, applying);
    workspace
}

fn kill(workspace: &Workspace, applying: Running) {
    applying.signal_group("KILL");
    drop(applying);
    let _ = std::fs::remove_file(workspace.path().join(".terraform.tfstate.lock.info"));
}

/// The killed run may have stored the connection in its own state.
#[test]
fn other_states_connection_is_not_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let (workspace, applying) = create_in_state(&cloud, terraform, &["-state=first.tfstate"]);
        kill(&workspace, applying);
        let _ = std::fs::remove_file(workspace.path().join(".first.tfstate.lock.info"));
        let id = cloud.connection().id;
        let (_, shown_path) = journal_entry(&workspace);
        let apply = |state: &str| workspace.run(&["apply", "-json", "-auto-approve", &format!("-state={state}")]);
        let error = apply("second.tfstate").expect_code(1).error_of(ADDRESS);
        for expected in [&id, "with another state", "Nothing was created", "terraform import ADDRESS ID", &shown_path] {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        let adopted = apply("first.tfstate").expect_code(0).diagnostics();
        assert!(adopted.iter().any(|warning| warning.text.contains("Earlier Run Adopted")), "{adopted:#?}");
        assert_eq!((create_counts(&cloud).0, cloud.connection().id), (1, id));
    });
}

/// The journal entry that a killed run left: its path, and the path as messages show it.
fn journal_entry(workspace: &Workspace) -> (std::path::PathBuf, String) {
    let mut entries = std::fs::read_dir(workspace.path().join(".terraform/dli")).expect("at least one");
    let entry = entries.next().expect("at least one").expect("a readable directory");
    (entry.path(), format!(".terraform/dli/{}", entry.file_name().display()))
}

/// Requires that the next run adopts the connection of the killed run and completes it.
#[track_caller]
fn expect_adopted(cloud: &Cloud, workspace: &Workspace) {
    let id = cloud.connection().id;
    let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0);
    let warnings: Vec<_> = applied.diagnostics().into_iter().map(|diagnostic| diagnostic.text).collect();
    // Terraform plans a create twice: for the plan, and again in the apply.
    let [announced, again, adopted] = &warnings[..] else { panic!("{warnings:#?}") };
    assert!(announced.contains("Connection May Exist Already") && again == announced, "{warnings:#?}");
    assert!(adopted.contains("Earlier Run Adopted") && adopted.contains(&id), "{warnings:#?}");
    assert_eq!((create_counts(cloud).1, cloud.connection().id), (1, id));
    expect_complete(cloud, workspace);
    assert!(!workspace.path().join(".terraform/dli").exists(), "the journal is empty");
}

#[test]
fn connection_of_a_killed_provider_is_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let (workspace, applying) = create_with_delayed_response(&cloud, terraform);
        for process in processes(&workspace.provider()) {
            let status = Command::new("sh").args(["-c", &format!("kill -9 {process}")]).status();
            assert!(status.expect("a shell runs").success());
        }
        applying.wait().expect_code(1);
        expect_adopted(&cloud, &workspace);
    });
}

/// The next run starts before lists show the connection.
#[test]
fn connection_listed_late_is_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        cloud.fault("ListEnhancedConnections:stale=7s");
        let workspace = kill_during_create(&cloud, terraform);
        expect_adopted(&cloud, &workspace);
    });
}

#[test]
fn connection_of_a_killed_terraform_is_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = kill_during_create(&cloud, terraform);
        expect_adopted(&cloud, &workspace);
    });
}

/// The adopted connection follows the rule of every other one: what is not set stays, and what is empty is removed.
#[test]
fn parts_unset_since_a_kill_stay() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = kill_during_create(&cloud, terraform);
        let id = cloud.connection().id;
        cloud.edit(|account| account.add_route(&id, "r1", "10.1.0.0/16"));
        workspace.configure(&connection("hosts = {}\n  queues = []"));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let created = cloud.connection();
        assert_eq!((&created.id, created.hosts, created.available_queue_info), (&id, vec![], vec![]));
        let kept = (created.routes.len(), created.elastic_resource_pools.len(), cloud.tags().len());
        assert_eq!(kept, (1, 1, 1));
        expect_complete(&cloud, &workspace);
    });
}

/// The same name and settings at the same time: without a journal entry there is no proof.
#[test]
fn connection_without_a_journal_is_not_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = kill_during_create(&cloud, terraform);
        let id = cloud.connection().id;
        let other = workspace.fresh();
        other.configure(&connection(ALL_COLLECTIONS));
        let applied = other.run(&["apply", "-json", "-auto-approve"]).expect_code(1);
        let error = applied.error_of(ADDRESS);
        for expected in ["DLI.0006", &id, "Nothing was created", "terraform import ADDRESS"] {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        assert_eq!(error.to_lowercase().matches("choose another name").count(), 1, "{error}");
        assert_eq!((other.find_state(ADDRESS), cloud.connection().id), (None, id));
    });
}

/// With remote state, a killed run may not have stored the removal of the replaced connection. That connection is not
/// the new one.
#[test]
fn replaced_connection_in_state_is_not_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(""), CREATE);
        let replaced = cloud.connection().id;
        let file = workspace.path().join("terraform.tfstate");
        let state = std::fs::read(&file).expect("written by the apply");

        let minute = Duration::from_mins(1);
        let late = Fault::new(CREATION, FaultKind::Delay { at_least: minute, at_most: minute });
        cloud.emulator().inject(late.times(1)).expect("a valid fault");
        workspace.configure(&connection("").replace("78f2562a", "88f2562a"));
        let applying = workspace.start(&["apply", "-auto-approve"]);
        applying.wait_for("the other connection is created", || {
            cloud.connections().iter().any(|there| there.id != replaced)
        });
        applying.signal_group("KILL");
        drop(applying);
        let _ = std::fs::remove_file(workspace.path().join(".terraform.tfstate.lock.info"));
        std::fs::write(&file, state).expect("a writable directory");

        let created = cloud.connection().id;
        workspace.run(&["apply", "-auto-approve", "-refresh=false"]).expect_code(0);
        assert_eq!(cloud.connection().id, created);
        expect_complete(&cloud, &workspace);
    });
}

/// A journal entry stays until the next plan and belongs to its Terraform workspace.
#[test]
fn other_workspaces_connection_is_not_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&connection(""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let id = cloud.connection().id;

        workspace.run(&["workspace", "new", "other"]).expect_code(0);
        let error = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1).error_of(ADDRESS);
        assert!(error.contains("DLI.0006") && error.contains(&id), "{error}");
        assert_eq!(workspace.find_state(ADDRESS), None);

        workspace.run(&["workspace", "select", "default"]).expect_code(0);
        let workspace = workspace.with_variable("TF_WORKSPACE", "third");
        let error = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1).error_of(ADDRESS);
        assert!(error.contains("DLI.0006") && error.contains(&id), "{error}");
        let workspace = workspace.with_variable("TF_WORKSPACE", "default");
        expect_complete(&cloud, &workspace);
        assert!(!workspace.path().join(".terraform/dli").exists(), "the journal is empty");
    });
}

/// Each provider alias has its own process, and all share one journal directory. One may be configured after the other
/// has created its connection.
#[test]
fn other_aliases_connection_is_not_adopted() {
    for late in ["", "\n  default_tags = { first = dli_enhanced_connection.test.id }"] {
        for_one_terraform(|terraform| {
            let cloud = Cloud::start();
            let provider = cloud.provider_block("");
            let alias = provider.replacen('{', &format!("{{\n  alias = \"second\"{late}"), 1);
            let workspace = Workspace::new(terraform).with_provider(&(provider + &alias));
            let second = connection("provider = dli.second\n  depends_on = [dli_enhanced_connection.test]");
            workspace.configure(&(connection("") + &second.replacen("\"test\"", "\"other\"", 1)));
            let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1);
            let error = applied.error_of("dli_enhanced_connection.other");
            let id = cloud.connection().id;
            assert!(error.contains("DLI.0006") && error.contains(&id), "{error}");
            assert_eq!(workspace.state(ADDRESS)["id"], id);
            assert_eq!(workspace.find_state("dli_enhanced_connection.other"), None);
        });
    }
}

/// A directory may have several states. A connection in one of them was not lost by a killed run, and a lost state must
/// not lead to a second connection.
#[test]
fn acknowledged_connection_is_not_created_again() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { quirks: [Quirk::NamesNotUnique].into(), ..Settings::default() });
        let workspace = cloud.workspace(terraform);
        workspace.configure(&connection(ALL_COLLECTIONS));
        workspace.run(&["apply", "-auto-approve", "-state=first.tfstate"]).expect_code(0);
        let id = cloud.connection().id;
        let (_, shown_path) = journal_entry(&workspace);
        let second = ["apply", "-json", "-auto-approve", "-state=second.tfstate"];
        let error = workspace.run(&second).expect_code(1).error_of(ADDRESS);
        for expected in
            [&id, "reported it to Terraform", "Nothing was created", "terraform import ADDRESS ID", &shown_path]
        {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        assert_eq!(cloud.connection().id, id);
        workspace.run(&["destroy", "-auto-approve", "-state=first.tfstate"]).expect_code(0);
        cloud.expect_empty();
        assert!(!workspace.path().join(".terraform/dli").exists(), "the journal is empty");
        workspace.run(&second).expect_code(0);
    });
}

/// The connection was changed before the next run: it may be the provider's own, but there is no proof. Without unique
/// names a second one could be created.
#[test]
fn possible_duplicate_blocks_a_second_create() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { quirks: [Quirk::NamesNotUnique].into(), ..Settings::default() });
        let workspace = kill_during_create(&cloud, terraform);
        let id = cloud.connection().id;
        cloud.edit(|account| account.replace_hosts(&id, Vec::new()));
        let (entry, shown_path) = journal_entry(&workspace);
        let error = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1).error_of(ADDRESS);
        for expected in [&id, "Nothing was created", "terraform import ADDRESS ID", &shown_path] {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        assert_eq!(cloud.connection().id, id);
        // The user removes the entry to declare that the connection is foreign.
        std::fs::remove_file(entry).expect("a writable directory");
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(cloud.connections().len(), 2);
    });
}

/// An unreadable entry may belong to any connection.
#[test]
fn unreadable_journal_entry_blocks_create() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { quirks: [Quirk::NamesNotUnique].into(), ..Settings::default() });
        let workspace = kill_during_create(&cloud, terraform);
        let id = cloud.connection().id;
        let (entry, shown_path) = journal_entry(&workspace);
        std::fs::write(&entry, "").expect("a writable directory");
        let error = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1).error_of(ADDRESS);
        for expected in [&id, "cannot be read", &shown_path, "Nothing was created"] {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        assert_eq!(cloud.connection().id, id);
    });
}

/// No operation returns the route table, so an adopted connection with the wrong one would never show as drift.
#[test]
fn different_route_table_is_not_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = kill_during_create(&cloud, terraform);
        let id = cloud.connection().id;
        workspace.configure(&connection("routetable_id = \"11111111-c310-4621-913d-4c4d655d8495\""));
        let error = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1).error_of(ADDRESS);
        for expected in ["routetable_id", &id, "Nothing was created"] {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        assert_eq!(workspace.find_state(ADDRESS), None);
    });
}

/// If no journal entry can be written, no message may refer to one.
#[test]
fn unwritable_journal_promises_no_recovery() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        std::fs::create_dir_all(workspace.path().join(".terraform")).expect("a writable directory");
        std::fs::write(workspace.path().join(".terraform/dli"), "in the way").expect("a writable directory");
        let minute = Duration::from_mins(1);
        let late = Fault::new(CREATION, FaultKind::Delay { at_least: minute, at_most: minute });
        cloud.emulator().inject(late.times(1)).expect("a valid fault");
        workspace.configure(&connection(""));
        let applying = workspace.start(&["apply", "-json", "-auto-approve"]);
        applying.wait_for("the connection is created", || !cloud.connections().is_empty());
        applying.signal("INT");
        let error = applying.wait().expect_code(1).error_of(ADDRESS);
        assert!(
            error.contains("No journal entry could be written") && !error.contains("Apply again in this"),
            "{error}"
        );
    });
}

/// Without unique names: if two connections may be the killed run's, the provider adopts neither and creates no third
/// one.
#[test]
fn two_candidates_block_adoption_and_create() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { quirks: [Quirk::NamesNotUnique].into(), ..Settings::default() });
        let minute = Duration::from_mins(1);
        let late = Fault::new(CREATION, FaultKind::Delay { at_least: minute, at_most: minute });
        cloud.emulator().inject(late.times(1)).expect("a valid fault");
        let workspace = cloud.workspace(terraform);
        workspace.configure(&connection(""));
        let applying = workspace.start(&["apply", "-auto-approve"]);
        applying.wait_for("the connection is created", || !cloud.connections().is_empty());
        applying.signal_group("KILL");
        drop(applying);
        let _ = std::fs::remove_file(workspace.path().join(".terraform.tfstate.lock.info"));
        let first = cloud.connection();
        let second = cloud.edit(|account| {
            account.create(terraform_provider_dli::dli::wire::CreateConnection {
                name: first.name.clone(),
                dest_vpc_id: first.dest_vpc_id.clone(),
                dest_network_id: first.dest_network_id.clone(),
                ..Default::default()
            })
        });
        let error = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1).error_of(ADDRESS);
        for expected in [&first.id, &second, "terraform import ADDRESS ID"] {
            assert!(error.contains(expected), "missing {expected:?}:\n{error}");
        }
        assert_eq!(cloud.connections().len(), 2);
    });
}

/// Two runs in one directory, each with a state of its own, are active at the same time.
#[test]
fn connection_of_a_concurrent_run_is_not_adopted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let finish = workspace.path().join("finish");
        // The route keeps the provider process of the first run alive until the provisioner ends.
        let rest = format!(
            r#"
resource "terraform_data" "wait" {{
  input = dli_enhanced_connection.test.id
  provisioner "local-exec" {{
    command = "while [ ! -e {} ]; do sleep 0.1; done"
  }}
}}
resource "dli_enhanced_connection_route" "r" {{
  connection_id = terraform_data.wait.output
  name          = "r"
  cidr          = "10.9.0.0/16"
}}
"#,
            finish.display()
        );
        workspace.configure(&(connection("") + &rest));
        let first = workspace.start(&["apply", "-auto-approve", "-state=first.tfstate"]);
        first.wait_for("the connection exists", || entry_id(&workspace).is_some());
        let id = cloud.connection().id;
        // Only the connection: the provisioner would make a wrongly successful run wait, too.
        let target = format!("-target={ADDRESS}");
        let second = workspace.run(&["apply", "-json", "-auto-approve", "-state=second.tfstate", &target]);
        std::fs::write(&finish, "").expect("the directory is writable");
        let error = second.expect_code(1).error_of(ADDRESS);
        for part in [
            &id,
            "Name Is Taken",
            "has just created",
            "Nothing was created",
            "wait until it has ended, then plan again",
        ] {
            assert!(error.contains(part), "expected {part:?}:\n{error}");
        }
        first.wait().expect_code(0);
        assert_eq!((cloud.connection().id, create_counts(&cloud).0), (id, 1));
        workspace.run(&["destroy", "-auto-approve", "-state=first.tfstate"]).expect_code(0);
        cloud.expect_empty();
    });
}

/// ID in the only journal entry, once the service has answered.
fn entry_id(workspace: &Workspace) -> Option<String> {
    let entry = std::fs::read_dir(workspace.path().join(".terraform/dli")).ok()?.next()?.ok()?.path();
    let entry: serde_json::Value = serde_json::from_slice(&std::fs::read(entry).ok()?).ok()?;
    Some(entry["id"].as_str()?.to_owned())
}

/// The next run can lose a connection if this one is killed.
#[test]
fn unwritable_journal_is_reported() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        std::fs::create_dir_all(workspace.path().join(".terraform")).expect("a writable directory");
        std::fs::write(workspace.path().join(".terraform/dli"), "in the way").expect("a writable directory");
        workspace.configure(&connection(""));
        let diagnostics = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0).diagnostics();
        let [warning] = &diagnostics[..] else { panic!("{diagnostics:#?}") };
        assert!(!warning.is_error && warning.text.starts_with("No Journal of Created Connections\n"), "{warning:?}");
    });
}

#[test]
fn search_after_an_unknown_outcome_is_reported() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let fault = Fault::refuse(CREATION, 500, "DLI.0999", "Internal error");
        cloud.emulator().inject(fault.times(1)).expect("a valid fault");
        let workspace = cloud.workspace(terraform).with_variable("TF_LOG_PROVIDER", "INFO");
        workspace.configure(&connection(""));
        let killed = workspace.start(&["apply", "-auto-approve"]);
        killed.wait_for("the creation fails", || create_counts(&cloud).0 == 1);
        killed.signal_group("KILL");
        drop(killed);
        let _ = std::fs::remove_file(workspace.path().join(".terraform.tfstate.lock.info"));

        let applying = workspace.start(&["apply", "-json", "-auto-approve"]);
        let searches = || {
            let lists = |request: &LoggedRequest| request.operation == Some("ListEnhancedConnections");
            cloud.requests().into_iter().filter(lists).count()
        };
        let before = searches();
        applying.wait_for("the search lasts", || searches() >= before + 5);
        cloud.edit(|account| {
            account.create(terraform_provider_dli::dli::wire::CreateConnection {
                name: "test".into(),
                dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".into(),
                dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".into(),
                ..Default::default()
            })
        });
        let applied = applying.wait().expect_code(0);
        let waiting = "The search for the connection of an earlier run's request (until about ";
        assert!(applied.stderr.contains(waiting), "{applied}");
        assert!(
            applied.stderr.contains(" UTC, a minute after that request; a create timeout of 2m is long enough for it)"),
            "{applied}"
        );
        let diagnostics = applied.diagnostics();
        let reason = " seconds, because the service may still have been working on the request.";
        let is_expected = |text: &str| text.contains("The provider searched for it for ") && text.contains(reason);
        assert!(diagnostics.iter().any(|warning| is_expected(&warning.text)), "{diagnostics:#?}");
    });
}
