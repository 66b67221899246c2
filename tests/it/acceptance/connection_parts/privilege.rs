//! A privilege on a connection that is shared with another project.

use serde_json::json;
use terraform_provider_dli::emulator::{Fault, FaultKind, Quirk};

use super::{create_external, expect_failure, expect_import_failures, part, setup, unbroken};
use crate::acceptance::harness::{Cloud, for_each_terraform, for_one_terraform};

const ADDRESS: &str = "dli_enhanced_connection_privilege.test";
const CREATE: &[(&str, &str)] = &[(ADDRESS, "create")];
const UPDATE: &[(&str, &str)] = &[(ADDRESS, "update")];
const REPLACE: &[(&str, &str)] = &[(ADDRESS, "replace")];
const ALLY: &str = "330e068af1334c9782f4226acc00a2e2";
const OTHER: &str = "330e068af1334c9782f4226acc00a2e3";

fn privilege(connection: &str, project: &str) -> String {
    part("dli_enhanced_connection_privilege", connection, &format!("applicant_project_id = \"{project}\""))
}

fn shared_with(cloud: &Cloud, id: &str) -> Vec<String> {
    cloud.edit(|account| account.shared_with(id).map(|projects| projects.iter().cloned().collect()))
}

#[test]
fn privilege_lifecycle() {
    check_lifecycle(None);
}

/// The service names the project differently from its documents.
#[test]
fn privilege_lifecycle_with_the_live_field_name() {
    check_lifecycle(Some(Quirk::PrivilegeProjectId));
}

fn check_lifecycle(quirk: Option<Quirk>) {
    for_each_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.emulator().set_quirks(quirk);
        cloud.edit(|account| account.grant(&id, "theirs"));
        workspace.step(&privilege(&id, ALLY), CREATE);
        assert_eq!(shared_with(&cloud, &id), [ALLY, "theirs"]);
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["id"], &state["privileges"]), (&format!("{id}/{ALLY}").into(), &json!(["BIND_QUEUE"])));
        workspace.expect_import(ADDRESS, &[]);

        let replaced = workspace.step(&privilege(&id, OTHER), REPLACE);
        replaced.expect_replaced_by(ADDRESS, &["applicant_project_id"]);
        assert_eq!(shared_with(&cloud, &id), [OTHER, "theirs"]);
        let limited = format!(
            "applicant_project_id = \"{OTHER}\"\n  timeouts {{\n    create = \"1m\"\n    read = \"2m\"\n    \
            delete = \
             \"4m\"\n  }}"
        );
        let limited = part("dli_enhanced_connection_privilege", &id, &limited);
        workspace.step(&limited, UPDATE).expect_changed(ADDRESS, &["timeouts"]);
        let moved = format!("applicant_project_id = \"{OTHER}\"\n  project_id = \"fedcba9876543210fedcba9876543210\"");
        workspace.configure(&part("dli_enhanced_connection_privilege", &id, &moved));
        workspace.plan().expect(REPLACE).expect_replaced_by(ADDRESS, &["project_id"]);
        let other = create_external(&cloud, "other");
        let replaced = workspace.step(&privilege(&other, OTHER), REPLACE);
        replaced.expect_replaced_by(ADDRESS, &["connection_id"]);
        workspace.destroy();
        assert_eq!((shared_with(&cloud, &other), shared_with(&cloud, &id)), (vec![], vec!["theirs".to_owned()]));
    });
}

#[test]
fn externally_revoked_privilege_is_granted_again() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        workspace.step(&privilege(&id, ALLY), CREATE);
        cloud.edit(|account| account.revoke(&id, ALLY));
        workspace.step(&privilege(&id, ALLY), CREATE);
        assert_eq!(shared_with(&cloud, &id), [ALLY]);
        cloud.edit(|account| account.revoke(&id, ALLY));
        workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
    });
}

#[test]
fn existing_privilege_is_adopted_with_a_warning() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.edit(|account| account.grant(&id, ALLY));
        workspace.configure(&privilege(&id, ALLY));
        workspace.plan().expect(CREATE);
        let applied = workspace.apply();
        assert!(applied.stdout.contains("Warning: Already Granted"), "{applied}");
        workspace.destroy();
        assert_eq!(shared_with(&cloud, &id), Vec::<String>::new());
    });
}

/// The code for a bad request is also one of the codes for "not found".
#[test]
fn peer_bad_request_keeps_the_privilege() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        workspace.step(&privilege(&id, ALLY), CREATE);
        let text = "The parameter connection_id is invalid";
        let refused = Fault::refuse("ShowEnhancedConnectionPrivilege", 400, "DLI.0001", text);
        cloud.emulator().inject(refused).expect("a valid fault");
        let planned = workspace.run(&["plan"]).expect_code(1);
        assert!(planned.stderr.contains("Error: Could Not Read the Privilege"), "{planned}");
        assert!(unbroken(&planned.stderr).contains(text), "{planned}");
        cloud.emulator().clear_faults();
        workspace.expect_no_changes();
    });
}

#[test]
fn privilege_survives_lost_responses() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let lost = || Fault::new("RunAuthorizationAction", FaultKind::LoseAnswer).times(1);
        cloud.emulator().inject(lost()).expect("a valid fault");
        workspace.configure(&privilege(&id, ALLY));
        workspace.plan().expect(CREATE);
        let applied = workspace.apply();
        assert!(!applied.stdout.contains("Warning: Already Granted"), "{applied}");
        cloud.emulator().inject(lost()).expect("a valid fault");
        workspace.destroy();
        assert_eq!(shared_with(&cloud, &id), Vec::<String>::new());

        let refused = Fault::refuse("RunAuthorizationAction", 403, "DLI.0003", "Permission denied");
        cloud.emulator().inject(refused).expect("a valid fault");
        let words = ["Permission denied", "Nothing was recorded in the state."];
        expect_failure(&workspace, "Could Not Share the Connection", &words);
        assert_eq!(workspace.find_state(ADDRESS), None);
        workspace.configure(&privilege(&id, "a-b"));
        expect_failure(&workspace, "Invalid Project ID", &["applicant_project_id: \"a-b\" contains '-'"]);
    });
}

#[test]
fn import_of_a_missing_privilege_fails() {
    for_one_terraform(|terraform| {
        let (_cloud, id, workspace) = setup(terraform);
        workspace.configure(&privilege(&id, ALLY));
        let ids = [
            (id.clone(), "Invalid Import ID"),
            (format!("{id}/a-b"), "Invalid Import ID"),
            (format!("2a62/{ALLY}"), "Invalid Import ID"),
            (format!("{id}/{ALLY}"), "Privilege Not Found"),
            (format!("2a620c33-5609-40c9-affd-2b6453071b0f/{ALLY}"), "Privilege Not Found"),
        ];
        let ids: Vec<_> = ids.iter().map(|(id, summary)| (id.as_str(), *summary)).collect();
        expect_import_failures(&workspace, ADDRESS, &ids);
    });
}

/// The new resource finds the existing privilege; deleting the old resource must not revoke it.
#[test]
fn create_before_destroy_keeps_the_privilege() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let lasting =
            format!("applicant_project_id = \"{ALLY}\"\n  lifecycle {{\n    create_before_destroy = true\n  }}");
        workspace.step(&part("dli_enhanced_connection_privilege", &id, &lasting), CREATE);
        workspace.plan_with(&["-replace", ADDRESS]).expect(REPLACE);
        workspace.apply();
        assert_eq!(shared_with(&cloud, &id), [ALLY]);
        workspace.destroy();
        assert_eq!(shared_with(&cloud, &id), Vec::<String>::new());
    });
}

/// One resource is deleted while another is created for the same project. The service may still show the old privilege,
/// which is not the new one.
#[test]
fn privilege_being_revoked_is_not_adopted() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let workspace = workspace.with_variable("DLI_CONSISTENCY_TIMEOUT", "5");
        workspace.step(&privilege(&id, ALLY), CREATE);
        cloud.fault("ShowEnhancedConnectionPrivilege:stale=3s");
        let other = privilege(&id, ALLY).replace("\"test\"", "\"other\"");
        // The delete comes first.
        let pause = "provisioner \"local-exec\" {\n    command = \"sleep 1\"\n  }";
        let other = other.replace("  applicant", "  depends_on = [terraform_data.pause]\n  applicant");
        workspace.configure(&format!("resource \"terraform_data\" \"pause\" {{\n  {pause}\n}}\n{other}"));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(shared_with(&cloud, &id), [ALLY]);
        cloud.emulator().clear_faults();
        workspace.expect_no_changes();
    });
}
