//! A binding of a queue or pool to a connection that is managed elsewhere.

use std::time::Duration;

use terraform_provider_dli::dli::wire::{self, QueueNames};
use terraform_provider_dli::emulator::{Fault, FaultKind, Quirk};

use super::{create_external, expect_failure, expect_import_failures, find_connection, part, setup, unbroken};
use crate::acceptance::harness::{PROJECT, for_each_terraform, for_one_terraform};

const ADDRESS: &str = "dli_enhanced_connection_binding.test";
const CREATE: &[(&str, &str)] = &[(ADDRESS, "create")];
const UPDATE: &[(&str, &str)] = &[(ADDRESS, "update")];
const REPLACE: &[(&str, &str)] = &[(ADDRESS, "replace")];

fn binding(connection: &str, attributes: &str) -> String {
    part("dli_enhanced_connection_binding", connection, attributes)
}

fn queue(name: &str) -> QueueNames {
    QueueNames { queues: vec![name.to_owned()], ..QueueNames::default() }
}

/// The bound names, each with its status.
fn bound(connection: &wire::Connection) -> Vec<String> {
    let all = connection.available_queue_info.iter().chain(&connection.elastic_resource_pools);
    all.map(|binding| format!("{} {}", binding.name, binding.status)).collect()
}

#[test]
fn binding_lifecycle() {
    for_each_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.edit(|account| account.bind(&id, &queue("q3")));
        workspace.step(&binding(&id, "queue = \"q1\""), CREATE);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q3 ACTIVE", "q1 ACTIVE"]);
        let state = workspace.state(ADDRESS);
        assert_eq!(state["id"], format!("{id}/queue/q1"));
        assert_eq!(state["status"], "ACTIVE");
        assert_eq!(state["peer_id"], find_connection(&cloud, &id).available_queue_info[1].peer_id);
        assert_eq!((&state["region"], &state["project_id"]), (&"eu-west-101".into(), &PROJECT.into()));
        assert!(state["updated_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{state:#}");
        workspace.expect_import(ADDRESS, &[]);

        // In place, without a request.
        let sent = cloud.changes();
        workspace.step(&binding(&id, "queue = \"Q1\""), &[]);
        let waits = "queue = \"q1\"\n  wait_for_bindings = false";
        workspace.step(&binding(&id, waits), UPDATE).expect_changed(ADDRESS, &["wait_for_bindings"]);
        let limited =
            format!("{waits}\n  timeouts {{\n    create = \"7m\"\n    read = \"1m\"\n    delete = \"8m\"\n  }}");
        workspace.step(&binding(&id, &limited), UPDATE).expect_changed(ADDRESS, &["timeouts"]);
        assert_eq!(cloud.changes(), sent);

        workspace.destroy();
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q3 ACTIVE"]);
    });
}

#[test]
fn changed_target_or_connection_replaces_binding() {
    for_each_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.edit(|account| account.bind(&id, &queue("q3")));
        workspace.step(&binding(&id, "queue = \"q1\""), CREATE);
        let replaced = workspace.step(&binding(&id, "queue = \"q2\""), REPLACE);
        replaced.expect_replaced_by(ADDRESS, &["queue"]);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q3 ACTIVE", "q2 ACTIVE"]);
        let replaced = workspace.step(&binding(&id, "elastic_resource_pool = \"pool2\""), REPLACE);
        replaced.expect_replaced_by(ADDRESS, &["elastic_resource_pool", "queue"]);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q3 ACTIVE", "pool2 ACTIVE"]);
        assert_eq!(workspace.state(ADDRESS)["id"], format!("{id}/elastic_resource_pool/pool2"));
        workspace.expect_import(ADDRESS, &[]);
        let replaced = workspace.step(&binding(&id, "elastic_resource_pool = \"pool1\""), REPLACE);
        replaced.expect_replaced_by(ADDRESS, &["elastic_resource_pool"]);

        let moved = "elastic_resource_pool = \"pool1\"\n  project_id = \"fedcba9876543210fedcba9876543210\"";
        workspace.configure(&binding(&id, moved));
        workspace.plan().expect(REPLACE).expect_replaced_by(ADDRESS, &["project_id"]);
        let other = create_external(&cloud, "other");
        let replaced = workspace.step(&binding(&other, "elastic_resource_pool = \"pool1\""), REPLACE);
        replaced.expect_replaced_by(ADDRESS, &["connection_id"]);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q3 ACTIVE"]);
        assert_eq!(bound(&find_connection(&cloud, &other)), ["pool1 ACTIVE"]);
        workspace.step(&binding(&other.to_uppercase(), "elastic_resource_pool = \"pool1\""), &[]);

        workspace.destroy();
        assert_eq!(bound(&find_connection(&cloud, &other)), Vec::<String>::new());
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q3 ACTIVE"]);
    });
}

#[test]
fn externally_removed_binding_is_recreated() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let configuration = binding(&id, "queue = \"q1\"");
        workspace.step(&configuration, CREATE);
        cloud.edit(|account| account.unbind(&id, &queue("q1")));
        workspace.step(&configuration, CREATE);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q1 ACTIVE"]);
        // Without a refresh, the delete request meets a binding that no longer exists.
        cloud.edit(|account| account.unbind(&id, &queue("q1")));
        workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
    });
}

#[test]
fn existing_binding_is_adopted_with_a_warning() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.edit(|account| account.bind(&id, &queue("q1")));
        workspace.configure(&binding(&id, "queue = \"Q1\""));
        workspace.plan().expect(CREATE);
        let applied = workspace.apply();
        assert!(applied.stdout.contains("Warning: Already Bound"), "{applied}");
        assert_eq!(cloud.changes(), Vec::<String>::new());
        workspace.destroy();
        assert_eq!(bound(&find_connection(&cloud, &id)), Vec::<String>::new());
    });
}

#[test]
fn peer_failed_binding_is_not_bound() {
    const REASON: &str = "the CIDR blocks overlap";
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let configuration = binding(&id, "queue = \"q1\"");
        cloud.emulator().set_binding_outcome("q1", Some(REASON));
        workspace.configure(&configuration);
        expect_failure(&workspace, "Binding Failed", &["q1", REASON, "apply again"]);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q1 FAILED"]);

        // The cause is fixed: the next apply completes the binding.
        cloud.emulator().set_binding_outcome("q1", None);
        workspace.plan().expect(CREATE);
        let applied = workspace.apply();
        assert!(!applied.stdout.contains("Already Bound"), "{applied}");
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q1 ACTIVE"]);

        // The binding fails later. The plan mends it, so a warning is needed only if the apply does not wait.
        cloud.edit(|account| account.set_binding_result(&id, "q1", Some(REASON)));
        workspace.run(&["plan", "-json", "-detailed-exitcode"]).expect_code(2).expect_no_diagnostics();
        let without_waiting = workspace.fresh();
        without_waiting.configure(&binding(&id, "queue = \"q1\"\n  wait_for_bindings = false"));
        without_waiting.run(&["apply", "-auto-approve"]).expect_code(0);
        cloud.edit(|account| account.set_binding_result(&id, "q1", Some(REASON)));
        let planned = without_waiting.run(&["plan", "-detailed-exitcode"]).expect_code(2);
        assert!(planned.stdout.contains("Warning: Binding Failed") && planned.stdout.contains(REASON), "{planned}");
        // The destroy meets the binding in that state.
        let destroyed = workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
        assert!(destroyed.stdout.contains("Warning: Failed Binding Left Behind"), "{destroyed}");
        assert_eq!(workspace.find_state(ADDRESS), None);
    });
}

#[test]
fn timed_out_binding_stays_in_state_tainted() {
    for_each_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.emulator().set_binding_delay(Duration::from_mins(10));
        let limited = "queue = \"q1\"\n  timeouts {\n    create = \"2s\"\n  }";
        workspace.configure(&binding(&id, limited));
        expect_failure(&workspace, "Timed Out", &["q1 (CREATING)", "terraform untaint"]);
        cloud.edit(|account| account.set_binding_result(&id, "q1", None));
        workspace.run(&["untaint", ADDRESS]).expect_code(0);
        workspace.step(&binding(&id, limited), &[]);
        assert_eq!(cloud.changes().len(), 1, "it was bound once");

        // Waiting can be turned off, and a binding that is being created is no drift.
        let other = workspace.fresh();
        other.step(&binding(&id, "queue = \"q2\"\n  wait_for_bindings = false"), CREATE);
        assert_eq!(other.state(ADDRESS)["status"], "CREATING");
        other.destroy();
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q1 ACTIVE"]);
    });
}

/// The service reports the pool, never the queue.
#[test]
fn pooled_queue_binds_and_unbinds_its_pool() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        workspace.step(&binding(&id, "queue = \"Pooled1\""), CREATE);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["pool1 ACTIVE"]);
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["id"], &state["status"]), (&format!("{id}/queue/pooled1").into(), &"ACTIVE".into()));
        workspace.step(&binding(&id, "queue = \"pooled1\""), &[]);
        let imported = workspace.fresh();
        imported.configure(&binding(&id, "queue = \"pooled1\""));
        imported.run(&["import", ADDRESS, &format!("{id}/queue/POOLED1")]).expect_code(0);
        imported.expect_no_changes();
        workspace.destroy();
        assert_eq!(bound(&find_connection(&cloud, &id)), Vec::<String>::new());
    });
}

#[test]
fn binding_survives_lost_and_variant_responses() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.emulator().set_quirks([Quirk::UpperCaseNames, Quirk::StatusInProse, Quirk::ReshuffledOrder]);
        for operation in ["AssociateQueueToEnhancedConnection", "DisassociateQueueFromEnhancedConnection"] {
            cloud.emulator().inject(Fault::new(operation, FaultKind::LoseAnswer).times(1)).expect("a valid fault");
        }
        workspace.configure(&binding(&id, "queue = \"q1\""));
        workspace.plan().expect(CREATE);
        let applied = workspace.apply();
        assert!(!applied.stdout.contains("Warning: Already Bound"), "{applied}");
        assert_eq!(workspace.state(ADDRESS)["status"], "ACTIVE");
        workspace.destroy();
        assert_eq!(bound(&find_connection(&cloud, &id)), Vec::<String>::new());
    });
}

#[test]
fn plan_rejects_unbindable_targets() {
    let cases = [
        ("queue = \"shared1\"", "Queue Cannot Be Bound", "queue: \"shared1\" is a shared queue"),
        ("queue = \"Default\"", "Invalid Queue", "queue: \"Default\" is the default queue"),
        ("elastic_resource_pool = \"Pool1\"", "Invalid Elastic Resource Pool Name", "elastic_resource_pool: \"Pool1\""),
        ("", "queue or elastic_resource_pool Must Be Set", "Set queue or elastic_resource_pool."),
        (
            "queue = \"q1\"\n  elastic_resource_pool = \"pool1\"",
            "Only One of queue and elastic_resource_pool Can Be Set",
            "elastic_resource_pool is set, and so is queue",
        ),
    ];
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        for (attributes, summary, words) in cases {
            workspace.configure(&binding(&id, attributes));
            expect_failure(&workspace, summary, &[words]);
        }
        assert_eq!(cloud.changes(), Vec::<String>::new());
    });
}

#[test]
fn import_of_a_missing_binding_fails() {
    for_one_terraform(|terraform| {
        let (_cloud, id, workspace) = setup(terraform);
        workspace.configure(&binding(&id, "queue = \"q1\""));
        let ids = [
            (id.clone(), "Invalid Import ID"),
            (format!("{id}/q1"), "Invalid Import ID"),
            (format!("{id}/queues/q1"), "Invalid Import ID"),
            (format!("{id}/queue/q-1"), "Invalid Import ID"),
            (format!("{id}/queue/default"), "Invalid Import ID"),
            ("2a62/queue/q1".to_owned(), "Invalid Import ID"),
            (format!("{id}/queue/q1"), "Binding Not Found"),
            (format!("{id}/queue/q1@eu-west-101/fedcba9876543210fedcba9876543210"), "Binding Not Found"),
            ("2a620c33-5609-40c9-affd-2b6453071b0f/queue/q1".to_owned(), "Binding Not Found"),
        ];
        let ids: Vec<_> = ids.iter().map(|(id, summary)| (id.as_str(), *summary)).collect();
        expect_import_failures(&workspace, ADDRESS, &ids);
    });
}

#[test]
fn apply_ends_as_soon_as_the_binding_fails() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        workspace.configure(&binding(&id, "queue = \"q1\""));
        cloud.emulator().set_binding_delay(Duration::from_mins(10));
        let applying = workspace.start(&["apply", "-auto-approve"]);
        applying.wait_for("the target is bound", || !bound(&find_connection(&cloud, &id)).is_empty());
        cloud.edit(|account| account.set_binding_result(&id, "q1", Some("no permission")));
        // One read per second, and time for Terraform to end on a busy machine.
        let applied = applying.wait_at_most(Duration::from_secs(4)).expect_code(1);
        assert!(applied.stderr.contains("no permission"), "{applied}");
    });
}

/// The new binding finds the pool already bound; deleting the old binding must not unbind it.
#[test]
fn create_before_destroy_keeps_the_pool_bound() {
    let with = |queue: &str| format!("queue = {queue:?}\n  lifecycle {{\n    create_before_destroy = true\n  }}");
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        workspace.step(&binding(&id, &with("pooled1")), CREATE);
        let sent = cloud.changes().len();
        workspace.step(&binding(&id, &with("pooled2")), REPLACE);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["pool1 ACTIVE"]);
        assert_eq!(cloud.changes().len(), sent, "the peering stays");
        workspace.destroy();
        assert_eq!(bound(&find_connection(&cloud, &id)), Vec::<String>::new());
    });
}

/// The service unbinds the whole pool, so other queues of the pool lose the connection. The pool stays while another
/// resource has a queue in it.
#[test]
fn unbinding_a_pooled_queue_warns_about_its_pool() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let other = binding(&id, "queue = \"pooled2\"").replace("\"test\"", "\"other\"");
        workspace.configure(&(binding(&id, "queue = \"pooled1\"") + &other));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let before = cloud.changes();
        workspace.configure(&other);
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert!(!applied.stdout.contains("Pool Unbound"), "{applied}");
        assert!(applied.stdout.contains("Warning: Binding Stays"), "{applied}");
        assert_eq!(cloud.changes(), before);
        workspace.expect_no_changes();

        workspace.configure("");
        let planned = workspace.run(&["plan"]).expect_code(0);
        assert!(planned.stdout.contains("Warning: Elastic Resource Pool May Be Unbound"), "{planned}");
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let output = unbroken(&applied.stdout);
        assert!(output.contains("Warning: Elastic Resource Pool Unbound"), "{applied}");
        assert!(output.contains("queue pooled2 lives in the elastic resource pool pool1"), "{applied}");
        assert_eq!(bound(&find_connection(&cloud, &id)), Vec::<String>::new());

        // A declared pool or a standalone queue is removed without a warning.
        for attributes in ["elastic_resource_pool = \"pool2\"", "queue = \"q1\""] {
            let own = workspace.fresh();
            own.step(&binding(&id, attributes), CREATE);
            let destroyed = own.destroy();
            assert!(!destroyed.stdout.contains("Pool Unbound"), "{destroyed}");
        }
    });
}

/// One resource is deleted while another is created for the same queue. The service may still show the old binding,
/// which is not the new one.
#[test]
fn binding_being_removed_is_not_adopted() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let workspace = workspace.with_variable("DLI_CONSISTENCY_TIMEOUT", "5");
        workspace.step(&binding(&id, "queue = \"q1\""), CREATE);
        cloud.fault("ShowEnhancedConnection:stale=5s");
        // The delete comes first.
        cloud.fault("ListQueues:delay=1s");
        workspace.configure(&binding(&id, "queue = \"q1\"").replace("\"test\"", "\"other\""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(bound(&find_connection(&cloud, &id)), ["q1 ACTIVE"]);
        cloud.emulator().clear_faults();
        workspace.expect_no_changes();
    });
}

/// The provider's project is not used for a resource whose project is still unknown.
#[test]
fn plan_with_unknown_project_sends_no_requests() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let sent = cloud.requests().len();
        let elsewhere = "queue = \"elsewhere\"\n  project_id = terraform_data.project.id";
        workspace.configure(&format!("resource \"terraform_data\" \"project\" {{}}\n{}", binding(&id, elsewhere)));
        workspace.run(&["plan"]).expect_code(0);
        assert_eq!(cloud.requests().len(), sent);
    });
}
