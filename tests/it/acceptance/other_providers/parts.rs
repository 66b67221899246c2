//! Resources for parts of a connection, alone and concurrently.

use std::time::Duration;

use serde_json::json;
use terraform_provider_dli::dli::wire::QueueNames;
use terraform_provider_dli::emulator::{Fault, FaultKind, Quirk};

use super::with;
use crate::acceptance::harness::Cloud;

const BINDING: &str = "dli_enhanced_connection_binding.part";
const PRIVILEGE: &str = "dli_enhanced_connection_privilege.part";
const APPLICANT: &str = "applicant_project_id = \"fedcba9876543210fedcba9876543210\"";

/// Creates a connection outside Terraform.
fn create_external(cloud: &Cloud) -> String {
    let request = json!({
        "name": "theirs",
        "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
        "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281",
        "queues": ["q3"],
    });
    let request = serde_json::from_value(request).expect("a request");
    cloud.edit(|account| account.create(request))
}

/// A part resource of this connection.
fn part(kind: &str, label: &str, id: &str, arguments: &str) -> String {
    format!(
        "resource \"dli_enhanced_connection_{kind}\" \"{label}\" {{\n  connection_id = \"{id}\"\n  {arguments}\n}}\n"
    )
}

fn bound(cloud: &Cloud) -> Vec<String> {
    let shown = cloud.connection();
    let all = shown.available_queue_info.into_iter().chain(shown.elastic_resource_pools);
    all.map(|binding| binding.name).collect()
}

#[test]
fn binding_owns_only_its_pool() {
    with("", |cloud, workspace| {
        let id = create_external(cloud);
        workspace.step(&part("binding", "part", &id, "elastic_resource_pool = \"pool1\""), &[(BINDING, "create")]);
        let names = QueueNames { elastic_resource_pools: vec!["pool2".to_owned()], ..QueueNames::default() };
        cloud.edit(|account| account.bind(&id, &names));
        workspace.expect_no_changes();
        workspace.destroy();
        assert_eq!(bound(cloud), ["q3", "pool2"]);
    });
}

#[test]
fn binding_waits_until_active() {
    with("", |cloud, workspace| {
        let id = create_external(cloud);
        cloud.emulator().set_binding_delay(Duration::from_hours(1));
        workspace.configure(&part("binding", "part", &id, "elastic_resource_pool = \"pool1\""));
        let applying = workspace.start(&["apply", "-auto-approve"]);
        let is_bound = || bound(cloud).len() == 2;
        applying.wait_for("the target is bound", is_bound);
        let seen = cloud.requests().len();
        applying.wait_for("several reads", || cloud.requests().len() >= seen + 2);
        cloud.edit(|account| account.set_binding_result(&id, "pool1", None));
        applying.wait_at_most(Duration::from_secs(30)).expect_code(0);
        assert_eq!(workspace.state(BINDING)["status"], "ACTIVE");
    });
}

#[test]
fn failed_pool_is_not_bound() {
    with("", |cloud, workspace| {
        let id = create_external(cloud);
        cloud.emulator().set_binding_outcome("pool1", Some("CIDR conflict"));
        let configuration = part("binding", "part", &id, "elastic_resource_pool = \"pool1\"");
        workspace.configure(&configuration);
        let failed = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(failed.stderr.contains("CIDR conflict"), "{failed}");
        cloud.emulator().set_binding_outcome("pool1", None);
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(2);
        workspace.save_plan();
        workspace.apply();
        assert_eq!(workspace.state(BINDING)["status"], "ACTIVE");
    });
}

#[test]
fn parts_of_deleted_connection_are_created_again() {
    with("", |cloud, workspace| {
        let id = create_external(cloud);
        let both = part("binding", "part", &id, "queue = \"q1\"") + &part("privilege", "part", &id, APPLICANT);
        workspace.step(&both, &[(BINDING, "create"), (PRIVILEGE, "create")]);
        cloud.edit(|account| account.delete(&id));
        // The response is still HTTP 200, with status `DELETED`.
        workspace.plan().expect(&[(BINDING, "create"), (PRIVILEGE, "create")]);
    });
}

#[test]
fn missing_part_can_be_destroyed() {
    with("", |cloud, workspace| {
        for shape in [None, Some(Quirk::GoneAsDli0001), Some(Quirk::GoneAsDli0002)] {
            cloud.emulator().set_quirks([]);
            let id = create_external(cloud);
            let both = part("binding", "part", &id, "queue = \"q1\"") + &part("privilege", "part", &id, APPLICANT);
            workspace.step(&both, &[(BINDING, "create"), (PRIVILEGE, "create")]);
            cloud.edit(|account| account.delete(&id));
            cloud.emulator().set_quirks(shape);
            workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
            assert_eq!((workspace.find_state(BINDING), workspace.find_state(PRIVILEGE)), (None, None));
        }
    });
}

/// The service does not unbind a FAILED binding, which must not block a destroy.
#[test]
fn failed_binding_can_be_destroyed() {
    with("", |cloud, workspace| {
        let id = create_external(cloud);
        cloud.emulator().set_binding_delay(Duration::from_hours(1));
        let unwaited = "elastic_resource_pool = \"pool1\"\n  wait_for_bindings = false";
        workspace.configure(&part("binding", "part", &id, unwaited));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        cloud.edit(|account| account.set_binding_result(&id, "pool1", Some("CIDR conflict")));
        let destroyed = workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
        assert!(destroyed.stdout.contains("Failed Binding Left Behind"), "{destroyed}");
    });
}

#[test]
fn parts_have_timeouts() {
    with("plan_checks = false", |cloud, workspace| {
        let id = create_external(cloud);
        cloud.emulator().set_binding_delay(Duration::from_hours(1));
        workspace.configure(&part("binding", "part", &id, "queue = \"q1\"\n  timeouts {\n    create = \"2s\"\n  }"));
        let failed = workspace.start(&["apply", "-auto-approve"]).wait_at_most(Duration::from_secs(20)).expect_code(1);
        assert!(failed.stderr.contains("Timed Out") && failed.stderr.contains("2s"), "{failed}");
    });
}

/// `DLI.0001` is also the code for an invalid parameter.
#[test]
fn invalid_parameter_keeps_the_privilege() {
    with("", |cloud, workspace| {
        let id = create_external(cloud);
        workspace.step(&part("privilege", "part", &id, APPLICANT), &[(PRIVILEGE, "create")]);
        let refusal =
            Fault::refuse("ShowEnhancedConnectionPrivilege", 400, "DLI.0001", "The parameter object is invalid");
        cloud.emulator().inject(refusal).expect("a known operation");
        let failed = workspace.run(&["plan"]).expect_code(1);
        assert!(failed.stderr.contains("DLI.0001"), "{failed}");
        assert!(workspace.find_state(PRIVILEGE).is_some());
    });
}

#[test]
fn both_spellings_of_a_privilege_are_read() {
    with("", |cloud, workspace| {
        let id = create_external(cloud);
        workspace.step(&part("privilege", "part", &id, APPLICANT), &[(PRIVILEGE, "create")]);
        for quirks in [vec![], vec![Quirk::PrivilegeProjectId]] {
            cloud.emulator().set_quirks(quirks);
            workspace.expect_no_changes();
        }
    });
}

/// One operation treats a response without `is_success` as a failure; another treats a failure as a success.
#[test]
fn privilege_that_was_not_granted_is_an_error() {
    with("", |cloud, workspace| {
        let id = create_external(cloud);
        let soft = FaultKind::FailSoftly { text: "not-granted".to_owned() };
        cloud.emulator().inject(Fault::new("RunAuthorizationAction", soft)).expect("a known operation");
        workspace.configure(&part("privilege", "part", &id, APPLICANT));
        let failed = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(failed.stderr.contains("not-granted"), "{failed}");
        assert_eq!(workspace.find_state(PRIVILEGE), None);
    });
}

#[test]
fn ids_and_privileges_are_validated() {
    with("", |cloud, workspace| {
        let id = "2a620c33-5609-40c9-affd-2b6453071b0f";
        let broken = [
            (part("privilege", "part", "a connection", APPLICANT), "connection_id"),
            (part("privilege", "part", id, "applicant_project_id = \"not a project\""), "applicant_project_id"),
            // There is only one privilege, so the argument does not exist.
            (part("privilege", "part", id, &format!("{APPLICANT}\n  privileges = [\"ALL\"]")), "privileges"),
        ];
        for (configuration, named) in broken {
            workspace.configure(&configuration);
            let refused = workspace.run(&["plan"]).expect_code(1);
            assert!(refused.stderr.contains(named), "{refused}");
        }
        assert_eq!(cloud.requests().len(), 0);
    });
}

/// The other provider has no lock: resources write to one connection concurrently.
#[test]
fn writes_to_one_connection_are_serialized() {
    const DELAY: Duration = Duration::from_millis(100);
    with("plan_checks = false", |cloud, workspace| {
        let id = create_external(cloud);
        let mut parts = part("privilege", "part", &id, APPLICANT) + &part("binding", "q1", &id, "queue = \"q1\"");
        parts += &part("binding", "pool1", &id, "elastic_resource_pool = \"pool1\"");
        for number in 0..4 {
            let arguments = format!("name = \"r{number}\"\n  cidr = \"10.{number}.0.0/16\"");
            parts += &part("route", &format!("r{number}"), &id, &arguments);
        }
        let slow = FaultKind::Delay { at_least: DELAY, at_most: DELAY };
        cloud.emulator().inject(Fault::new("*", slow)).expect("a valid fault");
        workspace.configure(&parts);
        workspace.run(&["apply", "-auto-approve", "-parallelism=20"]).expect_code(0);
        let mut writes: Vec<_> = cloud.requests().into_iter().filter(|r| r.method != "GET").map(|r| r.at).collect();
        writes.sort_unstable();
        assert_eq!(writes.len(), 7);
        // A response takes at least the delay.
        assert!(writes.windows(2).all(|pair| pair[1] - pair[0] >= DELAY), "{writes:?}");
    });
}
