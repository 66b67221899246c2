//! A connection that is gone: deleted by someone else, or never there.

use std::fs;

use super::connection::{ADDRESS, CREATE, EXAMPLE};
use super::harness::{Cloud, Workspace, for_each_terraform};

/// Has the state tell of a connection that the service never had.
fn forge_id(workspace: &Workspace, id: &str) {
    let file = workspace.path().join("terraform.tfstate");
    let state = fs::read_to_string(&file).expect("it was applied");
    assert!(state.contains(id), "{state}");
    fs::write(&file, state.replace(id, "2a620c33-5609-40c9-affd-2b6453071b0f")).expect("it is ours");
}

#[test]
fn a_connection_that_is_gone_is_planned_again() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(EXAMPLE, CREATE);
        let gone = cloud.connection().id;
        cloud.edit(|account| account.delete(&gone));
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(2);
        workspace.step(EXAMPLE, CREATE);
        let id = cloud.connection().id;
        assert_ne!(id, gone);

        forge_id(&workspace, &id);
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(2);
        workspace.plan().expect(CREATE);
    });
}

/// With and without a look at the service before: the deletion itself meets what is gone only in the second.
#[test]
fn destroying_what_is_gone_succeeds() {
    for_each_terraform(|terraform| {
        for refresh in ["-refresh=true", "-refresh=false"] {
            let cloud = Cloud::start();
            let workspace = cloud.workspace(terraform);
            workspace.step(EXAMPLE, CREATE);
            let gone = cloud.connection().id;
            cloud.edit(|account| account.delete(&gone));
            workspace.run(&["destroy", "-auto-approve", refresh]).expect_code(0);
            assert_eq!(workspace.find_state(ADDRESS), None);

            workspace.step(EXAMPLE, CREATE);
            forge_id(&workspace, &cloud.connection().id);
            workspace.run(&["destroy", "-auto-approve", refresh]).expect_code(0);
            assert_eq!(workspace.find_state(ADDRESS), None);
        }
    });
}
