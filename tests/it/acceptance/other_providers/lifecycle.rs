//! The connection lifecycle.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use terraform_provider_dli::emulator::{Fault, FaultKind, Quirk};

use super::with;
use crate::acceptance::connection::{ADDRESS, CREATE, UPDATE, connection};

/// One documented limit of each kind; `validation.rs` and `limits.rs` cover all of them.
#[test]
fn plan_checks_every_kind_of_limit() {
    let broken = [
        ("name = \"has-hyphen\"", "name"),
        ("name = \"\"", "name"),
        ("dest_vpc_id = \"\"", "dest_vpc_id"),
        ("dest_network_id = \"a subnet\"", "dest_network_id"),
        ("routetable_id = \"table/1\"", "routetable_id"),
        ("queues = [\"default\"]", "queues"),
        ("elastic_resource_pools = [\"\"]", "elastic_resource_pools"),
        ("hosts = { \"9\" = \"10.0.0.1\" }", "hosts"),
        ("routes = { \"a\" = \"10.0.0.1/8\" }", "routes"),
        ("tags = { \"_sys_a\" = \"\" }", "tags"),
    ];
    with("", |cloud, workspace| {
        for (argument, named) in broken {
            let name = argument.split(' ').next().unwrap_or_default();
            let whole = connection("");
            let others = whole.lines().filter(|line| line.split_whitespace().next() != Some(name));
            let whole = others.collect::<Vec<_>>().join("\n");
            workspace.configure(&whole.replacen("\"test\" {", &format!("\"test\" {{\n  {argument}"), 1));
            let refused = workspace.run(&["plan"]).expect_code(1);
            assert!(refused.stderr.contains(named) && refused.stderr.contains("DLI API"), "{refused}");
        }
        assert_eq!(cloud.requests().len(), 0);
    });
}

/// The documents allow a capital letter or underscore at the start of a name, and a dot in a host name.
#[test]
fn valid_names_are_accepted() {
    with("", |cloud, workspace| {
        let configuration =
            connection("hosts = { \"db.example.com\" = \"10.0.0.1\" }").replace("\"test\"\n", "\"_Test\"\n");
        workspace.step(&configuration, CREATE);
        assert_eq!(
            (cloud.connection().name.as_str(), cloud.connection().hosts[0].name.as_str()),
            ("_Test", "db.example.com")
        );
    });
}

#[test]
fn connection_has_pools_and_binding_status() {
    with("", |cloud, workspace| {
        workspace.step(&connection("queues = [\"q1\"]\n  elastic_resource_pools = [\"pool1\"]"), CREATE);
        let state = workspace.state(ADDRESS);
        for name in ["q1", "pool1"] {
            assert_eq!(
                (&state["bindings"][name]["status"], &state["bindings"][name]["error"]),
                (&json!("ACTIVE"), &Value::Null)
            );
        }
        assert_eq!(state["ipv6_enable"], json!(cloud.connection().ipv6_enable));
        assert!(state["created_at"].as_str().is_some_and(|text| text.ends_with('Z')), "{state:#}");
    });
}

/// The service accepts a binding long before it is active.
#[test]
fn create_waits_for_bindings() {
    with("", |cloud, workspace| {
        cloud.emulator().set_binding_delay(Duration::from_hours(1));
        workspace.configure(&connection("queues = [\"q1\"]"));
        let applying = workspace.start(&["apply", "-auto-approve"]);
        let read_count = || cloud.requests().iter().filter(|r| r.operation == Some("ShowEnhancedConnection")).count();
        applying.wait_for("several reads", || read_count() >= 2);
        let id = cloud.connection().id;
        cloud.edit(|account| account.set_binding_result(&id, "q1", None));
        applying.wait_at_most(Duration::from_secs(30)).expect_code(0);
        assert_eq!(workspace.state(ADDRESS)["bindings"]["q1"]["status"], "ACTIVE");
    });
}

#[test]
fn failed_binding_is_reported() {
    with("", |cloud, workspace| {
        cloud.emulator().set_binding_outcome("q1", Some("Failed to get subnet"));
        workspace.configure(&connection("queues = [\"q1\"]"));
        let failed = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        let error_text = failed.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            error_text.contains("binding of q1")
                && error_text.contains("Failed to get subnet")
                && error_text.contains("Agency"),
            "{failed}"
        );
        assert_eq!(workspace.state(ADDRESS)["id"], cloud.connection().id);
    });
}

/// The other provider drops the error message, and the next apply replaces the connection.
#[test]
fn failed_route_is_reported_and_added_later() {
    with("", |cloud, workspace| {
        let refusal =
            Fault::refuse("CreateRouteToEnhancedConnection", 400, "DLI.0001", "bad-route").containing("10.2.0.0");
        cloud.emulator().inject(refusal).expect("a known operation");
        workspace.configure(&connection("routes = { a = \"10.1.0.0/16\", b = \"10.2.0.0/16\" }"));
        let failed = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(failed.stderr.contains("bad-route") && failed.stderr.contains("untaint"), "{failed}");
        let id = cloud.connection().id;
        assert_eq!(workspace.state(ADDRESS)["routes"], json!({ "a": "10.1.0.0/16" }));
        cloud.emulator().clear_faults();
        workspace.run(&["untaint", ADDRESS]).expect_code(0);
        workspace.plan().expect(UPDATE).expect_changed(ADDRESS, &["routes[\"b\"]"]);
        workspace.apply();
        assert_eq!((cloud.connection().id, cloud.connection().routes.len()), (id, 2));
    });
}

/// The service has several "not found" responses; HTTP 404 is the rarest.
#[test]
fn deleted_connection_is_created_again() {
    let shapes = [
        None,
        Some(Quirk::GoneAsDli0001),
        Some(Quirk::GoneAsDli0001IsNotExist),
        Some(Quirk::GoneAsDli0002),
        Some(Quirk::GoneAsDli0023),
    ];
    with("", |cloud, workspace| {
        workspace.step(&connection(""), CREATE);
        let id = cloud.connection().id;
        cloud.edit(|account| account.delete(&id));
        for shape in shapes {
            cloud.emulator().set_quirks(shape);
            workspace.plan().expect(CREATE);
        }
    });
}

#[test]
fn unpublished_api_does_not_mean_gone() {
    with("", |cloud, workspace| {
        workspace.step(&connection(""), CREATE);
        let text = "The API does not exist or has not been published in the environment";
        let refusal = Fault::refuse("ShowEnhancedConnection", 404, "APIGW.0101", text);
        cloud.emulator().inject(refusal).expect("a known operation");
        let failed = workspace.run(&["plan"]).expect_code(1);
        let error_text = failed.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(error_text.contains("APIGW.0101") && error_text.contains("not published in this region"), "{failed}");
        assert!(workspace.find_state(ADDRESS).is_some());
    });
}

#[test]
fn is_success_false_is_an_error() {
    with("", |cloud, workspace| {
        workspace.step(&connection("hosts = { a = \"10.0.0.1\" }"), CREATE);
        let soft = FaultKind::FailSoftly { text: "no-quota".to_owned() };
        cloud.emulator().inject(Fault::new("UpdateEnhancedConnection", soft)).expect("a known operation");
        workspace.configure(&connection("hosts = { a = \"10.0.0.2\" }"));
        let failed = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(failed.stderr.contains("no-quota"), "{failed}");
    });
}

#[test]
fn missing_connection_can_be_destroyed() {
    with("", |cloud, workspace| {
        for shape in [None, Some(Quirk::GoneAsDli0001), Some(Quirk::GoneAsDli0023)] {
            cloud.emulator().set_quirks([]);
            workspace.step(&connection(""), CREATE);
            let id = cloud.connection().id;
            cloud.edit(|account| account.delete(&id));
            cloud.emulator().set_quirks(shape);
            workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
            assert_eq!(workspace.find_state(ADDRESS), None);
        }
    });
}

#[test]
fn delete_waits_for_deleted_status() {
    with("", |cloud, workspace| {
        workspace.step(&connection(""), CREATE);
        cloud.emulator().set_delete_delay(Duration::from_secs(3));
        let begun = Instant::now();
        workspace.destroy();
        assert!(begun.elapsed() >= Duration::from_secs(3));
        cloud.expect_empty();
    });
}

/// The service rejects the deletion of a connection that is being created.
#[test]
fn delete_waits_while_creating() {
    with("", |cloud, workspace| {
        cloud.emulator().set_binding_delay(Duration::from_hours(1));
        workspace.configure(&connection("queues = [\"q1\"]\n  wait_for_bindings = false"));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let destroying = workspace.start(&["destroy", "-auto-approve"]);
        let refused = || cloud.requests().iter().any(|request| request.method == "DELETE" && request.status >= 400);
        destroying.wait_for("the service rejects one request", refused);
        let id = cloud.connection().id;
        cloud.edit(|account| account.set_binding_result(&id, "q1", None));
        destroying.wait_at_most(Duration::from_secs(30)).expect_code(0);
        cloud.expect_empty();
    });
}

#[test]
fn import_accepts_a_name() {
    with("", |cloud, workspace| {
        workspace.step(&connection("tags = { a = \"1\" }"), CREATE);
        let importing = workspace.fresh();
        importing.configure(&connection("tags = { a = \"1\" }"));
        importing.run(&["import", ADDRESS, "name:test"]).expect_code(0);
        assert_eq!(importing.state(ADDRESS)["id"], cloud.connection().id);
        importing.expect_no_changes();
    });
}

/// The other provider declares no timeouts, and its defaults never reach a request.
#[test]
fn connection_has_timeouts() {
    with("plan_checks = false", |cloud, workspace| {
        cloud.emulator().set_binding_delay(Duration::from_hours(1));
        workspace.configure(&connection("queues = [\"q1\"]\n  timeouts {\n    create = \"2s\"\n  }"));
        let failed = workspace.start(&["apply", "-auto-approve"]).wait_at_most(Duration::from_secs(20)).expect_code(1);
        assert!(failed.stderr.contains("Timed Out") && failed.stderr.contains("2s"), "{failed}");
    });
}

/// In the other provider, a running request continues after Ctrl-C.
#[test]
fn interrupt_cancels_requests() {
    with("", |cloud, workspace| {
        workspace.step(&connection(""), CREATE);
        let seen = cloud.requests().len();
        cloud.emulator().set_latency(Duration::from_mins(5));
        let planning = workspace.start(&["plan"]);
        // The request log contains a request as soon as it arrives, before the response is sent.
        planning.wait_for("the request is pending", || cloud.requests().len() > seen);
        planning.signal_group("INT");
        planning.wait_at_most(Duration::from_secs(10)).expect_code(1);
    });
}
