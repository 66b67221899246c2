//! A connection that no longer exists: deleted externally, or never created.

use std::fs;
use std::time::Duration;

use terraform_provider_dli::emulator::{Fault, Quirk};

use super::connection::{ADDRESS, CREATE, EXAMPLE, connection};
use super::harness::{Cloud, Workspace, for_one_terraform};

/// The variants of "not found" responses. Without a quirk, the connection is shown as DELETED.
const NOT_FOUND_RESPONSES: [&[Quirk]; 5] =
    [&[], &[Quirk::GoneAsDli0001], &[Quirk::GoneAsDli0001IsNotExist], &[Quirk::GoneAsDli0002], &[Quirk::GoneAsDli0023]];

/// Replaces the ID in the state with one that never existed.
fn replace_id_in_state(workspace: &Workspace, id: &str) {
    let file = workspace.path().join("terraform.tfstate");
    let state = fs::read_to_string(&file).expect("written by the apply");
    assert!(state.contains(id), "{state}");
    fs::write(&file, state.replace(id, "2a620c33-5609-40c9-affd-2b6453071b0f")).expect("a writable directory");
}

#[test]
fn deleted_connection_is_recreated() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(EXAMPLE, CREATE);
        let deleted = cloud.connection().id;
        cloud.edit(|account| account.delete(&deleted));
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(2);
        workspace.step(EXAMPLE, CREATE);
        let id = cloud.connection().id;
        assert_ne!(id, deleted);

        replace_id_in_state(&workspace, &id);
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(2);
        workspace.plan().expect(CREATE);
    });
}

/// With and without a refresh: only without one does the delete request itself meet the missing connection.
#[test]
fn destroying_a_deleted_connection_succeeds() {
    for_one_terraform(|terraform| {
        for refresh in ["-refresh=true", "-refresh=false"] {
            let cloud = Cloud::start();
            let workspace = cloud.workspace(terraform);
            workspace.step(EXAMPLE, CREATE);
            let deleted = cloud.connection().id;
            cloud.edit(|account| account.delete(&deleted));
            workspace.run(&["destroy", "-auto-approve", refresh]).expect_code(0);
            assert_eq!(workspace.find_state(ADDRESS), None);

            workspace.step(EXAMPLE, CREATE);
            replace_id_in_state(&workspace, &cloud.connection().id);
            workspace.run(&["destroy", "-auto-approve", refresh]).expect_code(0);
            assert_eq!(workspace.find_state(ADDRESS), None);
        }
    });
}

#[test]
fn every_not_found_response_means_deleted() {
    let configuration = connection("queues = [\"q1\"]\n  tags = { a = \"1\" }");
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&configuration, CREATE);
        let deleted = cloud.connection().id;
        cloud.edit(|account| account.delete(&deleted));
        let file = workspace.path().join("terraform.tfstate");
        let state = fs::read_to_string(&file).expect("written by the apply");
        for quirks in NOT_FOUND_RESPONSES {
            cloud.emulator().set_quirks(quirks.iter().copied());
            let planned = workspace.run(&["plan", "-detailed-exitcode"]).expect_code(2);
            assert!(planned.stdout.contains(&format!("{ADDRESS} will be created")), "{quirks:?}: {planned}");
            assert_eq!(planned.stderr, "", "{quirks:?}");

            // Without a refresh, the delete request itself meets the missing connection.
            workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
            assert_eq!(workspace.find_state(ADDRESS), None, "{quirks:?}");
            fs::write(&file, &state).expect("a writable directory");
        }
        workspace.step(&configuration, CREATE);
        assert_ne!(cloud.connection().id, deleted);
    });
}

/// A gateway that does not publish the operation says nothing about the connection.
#[test]
fn unpublished_api_is_an_error() {
    let configuration = format!(
        "{}\nresource \"dli_enhanced_connection_route\" \"test\" {{\n  connection_id = {ADDRESS}.id\n  \
        name = \"r1\"\n  \
         cidr = \"10.1.0.0/16\"\n}}\n",
        connection("")
    );
    let route = "dli_enhanced_connection_route.test";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&configuration, &[(ADDRESS, "create"), (route, "create")]);
        let text = "The API does not exist or has not been published in the environment";
        let fault = Fault::refuse("ShowEnhancedConnection", 404, "APIGW.0101", text);
        cloud.emulator().inject(fault).expect("a valid fault");
        let planned = workspace.run(&["plan", "-json"]).expect_code(1);
        let refreshed = workspace.run(&["apply", "-json", "-auto-approve", "-target", route]).expect_code(1);
        for error in
            planned.diagnostics().into_iter().chain(refreshed.diagnostics()).filter(|diagnostic| diagnostic.is_error)
        {
            for expected in ["APIGW.0101", "not published in this region", "not changed"] {
                assert!(error.text.contains(expected), "missing {expected:?}: {error:#?}");
            }
        }
        cloud.emulator().clear_faults();
        workspace.expect_no_changes();
    });
}

#[test]
fn delete_waits_for_the_deleted_status() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(EXAMPLE, CREATE);
        let delay = Duration::from_hours(1);
        cloud.emulator().set_delete_delay(delay);
        let destroying = workspace.start(&["destroy", "-auto-approve"]);
        let after_the_deletion = || {
            let requests = cloud.requests();
            let asked = requests.iter().position(|request| request.method == "DELETE");
            asked.map_or(0, |at| requests[at..].iter().filter(|request| request.method == "GET").count())
        };
        destroying.wait_for("two reads of the connection", || after_the_deletion() >= 2);
        assert!(workspace.find_state(ADDRESS).is_some());
        cloud.emulator().advance(delay);
        destroying.wait().expect_code(0);
        cloud.expect_empty();
        assert!(
            cloud.changes().iter().filter(|change| change.starts_with("DELETE")).count() == 1,
            "one delete request"
        );
    });
}
