//! A connection and its parts in two configurations, and in one.

use std::fs;

use serde_json::Value;
use terraform_provider_dli::emulator::Quirk;

use super::{connection, part, setup};
use crate::acceptance::connection::{CREATE, UPDATE};
use crate::acceptance::harness::{Cloud, for_one_terraform};

/// A route and a binding for the connection that this expression refers to.
fn parts(connection: &str) -> String {
    format!(
        r#"
resource "dli_enhanced_connection_route" "test" {{
  connection_id = {connection}
  name          = "team"
  cidr          = "192.168.2.0/24"
}}

resource "dli_enhanced_connection_binding" "test" {{
  connection_id = {connection}
  queue         = "q2"
}}
"#
    )
}

const CREATE_PARTS: &[(&str, &str)] =
    &[("dli_enhanced_connection_binding.test", "create"), ("dli_enhanced_connection_route.test", "create")];

#[test]
fn two_configurations_can_share_a_connection() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let owner = cloud.workspace(terraform);
        owner.step(&connection("hosts = { \"a\" = \"10.0.0.1\" }"), CREATE);
        let id = cloud.connection().id;
        let team = cloud.workspace(terraform);
        team.step(&parts(&format!("{id:?}")), CREATE_PARTS);
        owner.expect_no_changes();
        team.expect_no_changes();

        // The other order.
        owner.step(&connection("hosts = { \"a\" = \"10.0.0.2\" }"), UPDATE);
        team.expect_no_changes();
        owner.expect_no_changes();
        let shared = cloud.connection();
        assert_eq!((shared.routes.len(), shared.available_queue_info.len()), (1, 1));

        team.destroy();
        owner.expect_no_changes();
        owner.destroy();
        cloud.expect_empty();
    });
}

/// As the page of `dli_enhanced_connection_privilege` promises.
#[test]
fn other_project_uses_a_shared_connection() {
    const OTHER: &str = "330e068af1334c9782f4226acc00a2e2";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let owner = cloud.workspace(terraform);
        let privilege = format!(
            r#"
resource "dli_enhanced_connection_privilege" "test" {{
  connection_id        = dli_enhanced_connection.test.id
  applicant_project_id = "{OTHER}"
}}
"#
        );
        let created = [CREATE, &[("dli_enhanced_connection_privilege.test", "create")]].concat();
        owner.step(&(connection("queues = [\"q1\"]") + &privilege), &created);

        let team = cloud.workspace(terraform);
        let data = "\ndata \"dli_enhanced_connection\" \"test\" {\n  name = \"test\"\n}\n";
        let parts = parts("data.dli_enhanced_connection.test.id");
        let of_project = format!("\n  project_id = \"{OTHER}\"\n}}\n");
        team.step(&(data.to_owned() + &parts).replace("\n}\n", &of_project), CREATE_PARTS);
        let shown = team.state("data.dli_enhanced_connection.test");
        assert_eq!((shown["id"].as_str(), &shown["shared"]), (Some(&*cloud.connection().id), &true.into()));
        let bound = cloud.emulator().connections(OTHER)[0].available_queue_info[0].name.clone();
        assert_eq!((&*bound, cloud.connection().routes.len()), ("q2", 1));
        owner.expect_no_changes();

        team.destroy();
        assert_eq!(cloud.connection().routes.len(), 0);
        owner.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn connection_and_parts_in_one_configuration() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let all = [CREATE, CREATE_PARTS].concat();
        workspace.step(&(connection("") + &parts("dli_enhanced_connection.test.id")), &all);
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn duplicate_declaration_is_a_warning() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("queues = [\"q1\", \"q2\"]\n  routes = {}"), CREATE);
        let id = cloud.connection().id;
        workspace.configure(&(connection("queues = [\"q1\", \"q2\"]\n  routes = {}") + &parts(&format!("{id:?}"))));
        let planned = workspace.run(&["plan", "-json"]).expect_code(0);
        let messages = planned.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let warnings = messages.filter(|message| message["diagnostic"]["summary"] == "Declared by Two Resources");
        let mut warnings: Vec<_> =
            warnings.filter_map(|message| message["diagnostic"]["detail"].as_str().map(str::to_owned)).collect();
        warnings.sort_unstable();
        let starts = [
            format!("\"q2\" is declared by a resource of its own, and the connection {id} declares queues"),
            format!("\"team\" is declared by a resource of its own, and the connection {id} declares routes"),
        ];
        let consequences = [
            "Both manage the same object.",
            "Each apply of the connection removes it, and the next apply adds it again.",
        ];
        assert_eq!(warnings.len(), 2, "{planned}");
        for ((warning, start), consequence) in warnings.iter().zip(starts).zip(consequences) {
            assert!(warning.starts_with(&start) && warning.contains(consequence), "{warning}");
        }
    });
}

/// The responses for a deleted connection; which one is sent depends on the operation and the region.
#[test]
fn parts_of_a_deleted_connection_are_recreated() {
    const NOT_FOUND_RESPONSES: [&[Quirk]; 5] = [
        &[],
        &[Quirk::GoneAsDli0001],
        &[Quirk::GoneAsDli0001IsNotExist],
        &[Quirk::GoneAsDli0002],
        &[Quirk::GoneAsDli0023],
    ];
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let privilege = part("dli_enhanced_connection_privilege", &id, "applicant_project_id = \"330e068a\"");
        let all = [CREATE_PARTS, &[("dli_enhanced_connection_privilege.test", "create")]].concat();
        workspace.step(&(parts(&format!("{id:?}")) + &privilege), &all);
        cloud.edit(|account| account.delete(&id));
        let applied = fs::read_to_string(workspace.path().join("terraform.tfstate")).expect("written by the apply");
        for quirks in NOT_FOUND_RESPONSES {
            cloud.emulator().set_quirks(quirks.iter().copied());
            workspace.plan().expect(&all);
            workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
            workspace.write("terraform.tfstate", &applied);
        }
        let failed = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert_eq!(failed.stderr.matches(": No Such Connection").count(), 3, "{failed}");
    });
}

/// Three parts read the connection once each; only one of them reads it again.
#[test]
fn refresh_confirms_a_missing_connection_once() {
    const CONSISTENCY_READS: usize = 3;
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let privilege = part("dli_enhanced_connection_privilege", &id, "applicant_project_id = \"330e068a\"");
        workspace.configure(&(parts(&format!("{id:?}")) + &privilege));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        cloud.edit(|account| account.delete(&id));
        cloud.emulator().set_quirks([Quirk::GoneAsDli0001]);
        let reads = || {
            let path = format!("/enhanced-connections/{id}");
            cloud.requests().iter().filter(|one| one.method == "GET" && one.path.ends_with(&path)).count()
        };
        let before = reads();
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(2);
        assert_eq!(reads() - before, 3 + CONSISTENCY_READS);
    });
}
