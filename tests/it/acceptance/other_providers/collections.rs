//! Hosts, queues, pools, routes and tags of a connection.

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::Tag;
use terraform_provider_dli::emulator::{Fault, Quirk};

use super::{changes_after, with};
use crate::acceptance::connection::{ADDRESS, CREATE, REPLACE, UPDATE, connection};

#[test]
fn hosts_can_be_cleared() {
    with("", |cloud, workspace| {
        workspace.step(&connection("hosts = { a = \"10.0.0.1\" }"), CREATE);
        workspace.step(&connection("hosts = {}"), UPDATE);
        assert_eq!(cloud.connection().hosts, []);
        let sent = cloud.requests().into_iter().rfind(|request| request.method == "PUT").expect("a sent request");
        assert_eq!(sent.body.as_ref(), br#"{"hosts":[]}"#);
    });
}

/// The attribute is optional and computed: removing it planned nothing, and the state kept the old value.
#[test]
fn removed_argument_is_planned() {
    let all =
        "queues = [\"q1\"]\n  hosts = { a = \"10.0.0.1\" }\n  routes = { r = \"10.1.0.0/16\" }\n  tags = { t = \"1\" }";
    with("", |cloud, workspace| {
        workspace.step(&connection(all), CREATE);
        let plan = workspace.step(&connection(""), UPDATE);
        plan.expect_changed(ADDRESS, &["hosts", "queues", "routes", "tags", "tags_all[\"t\"]"]);
        let left = cloud.connection();
        assert_eq!((left.available_queue_info.len(), left.hosts.len(), left.routes.len()), (1, 1, 1));
        assert_eq!(cloud.tags().len(), 1);
    });
}

#[test]
fn order_of_hosts_does_not_matter() {
    with("", |cloud, workspace| {
        workspace.step(&connection("hosts = { b = \"10.0.0.2\", a = \"10.0.0.1\", c = \"10.0.0.3\" }"), CREATE);
        let id = cloud.connection().id;
        let mut turned = cloud.connection().hosts;
        turned.reverse();
        cloud.edit(|account| account.replace_hosts(&id, turned));
        workspace.expect_no_changes();
        workspace.configure(&connection(
            "hosts = { a = \"10.0.0.1\", new = \"10.0.0.9\", b = \"10.0.0.2\", c = \"10.0.0.3\" }",
        ));
        workspace.plan().expect(UPDATE).expect_changed(ADDRESS, &["hosts[\"new\"]"]);
    });
}

/// A name that moves from a queue to its pool, or to another connection, conflicts with its own old binding.
#[test]
fn old_queue_is_unbound_first() {
    with("", |cloud, workspace| {
        workspace.step(&connection("queues = [\"q1\"]"), CREATE);
        let before = cloud.changes().len();
        workspace.step(&connection("queues = [\"q2\"]"), UPDATE);
        assert_eq!(changes_after(cloud, before), ["POST /disassociate-queue", "POST /associate-queue"]);
    });
}

#[test]
fn pooled_queue_plans_empty() {
    with("", |cloud, workspace| {
        // Each step requires an empty plan afterwards.
        workspace.step(&connection("queues = [\"pooled1\"]"), CREATE);
        let shown = cloud.connection();
        assert_eq!((shown.available_queue_info.len(), shown.elastic_resource_pools[0].name.as_str()), (0, "pool1"));
        assert_eq!(workspace.state(ADDRESS)["queues"], json!(["pooled1"]));
        workspace.step(&connection("queues = []"), UPDATE);
        assert_eq!(cloud.connection().elastic_resource_pools.len(), 0);
    });
}

#[test]
fn upper_case_queue_plans_empty() {
    with("", |cloud, workspace| {
        workspace.step(&connection("queues = [\"Q1\"]"), CREATE);
        assert_eq!(cloud.connection().available_queue_info[0].name, "q1");
        assert_eq!(workspace.state(ADDRESS)["queues"], json!(["Q1"]));
        workspace.step(&connection("queues = [\"q1\"]"), &[]);
    });
}

#[test]
fn changed_route_is_deleted_first() {
    with("", |cloud, workspace| {
        workspace.step(&connection("routes = { r = \"10.1.0.0/16\" }"), CREATE);
        let before = cloud.changes().len();
        workspace.step(&connection("routes = { r = \"10.2.0.0/16\" }"), UPDATE);
        assert_eq!(changes_after(cloud, before), ["DELETE /routes/r", "POST /routes"]);
        assert_eq!(cloud.connection().routes[0].cidr, "10.2.0.0/16");
    });
}

/// The deprecated operation of version 2.0 is for regions without a newer one.
#[test]
fn deprecated_route_operation_is_not_used() {
    with("", |cloud, workspace| {
        let routes = |quirks: &[Quirk], cidr: &str| {
            cloud.emulator().set_quirks(quirks.iter().copied());
            let seen = cloud.requests().len();
            let action = if seen == 0 { CREATE } else { UPDATE };
            workspace.step(&connection(&format!("routes = {{ r = \"{cidr}\" }}")), action);
            let requests = cloud.requests().split_off(seen);
            let to_routes =
                requests.into_iter().filter(|request| request.path.contains("/routes") && request.status < 300);
            to_routes.map(|request| request.path.split('/').nth(1).expect("a version").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(routes(&[], "10.1.0.0/16"), ["v3"]);
        assert_eq!(routes(&[], "10.2.0.0/16"), ["v3", "v3"]);
        assert_eq!(routes(&[Quirk::NoV3Routes], "10.3.0.0/16"), ["v2.0", "v2.0"]);
    });
}

/// A name that needs escaping is invalid and is rejected before any request.
#[test]
fn route_name_is_escaped_in_the_url() {
    with("", |cloud, workspace| {
        for name in ["a/b", "a?b", "a#b", "..", "a b", "a%2Fb"] {
            workspace.configure(&connection(&format!("routes = {{ \"{name}\" = \"10.1.0.0/16\" }}")));
            let refused = workspace.run(&["plan"]).expect_code(1);
            assert!(refused.stderr.contains(&format!("routes[\"{name}\"]")), "{refused}");
        }
        assert_eq!(cloud.changes(), [""; 0]);
    });
}

#[test]
fn tag_change_is_an_update() {
    with("", |cloud, workspace| {
        workspace.step(&connection("tags = { a = \"1\" }"), CREATE);
        let id = cloud.connection().id;
        workspace.step(&connection("tags = { a = \"2\" }"), UPDATE);
        assert_eq!((cloud.tags()["a"].as_str(), cloud.connection().id), ("2", id));
    });
}

#[test]
fn tag_drift_is_detected() {
    with("", |cloud, workspace| {
        workspace.step(&connection("tags = { a = \"1\" }"), CREATE);
        let id = cloud.connection().id;
        let put = |key: &str, value: &str| vec![Tag { key: key.to_owned(), value: value.to_owned() }];
        cloud.edit(|account| account.put_tags(&id, put("a", "2")));
        workspace
            .step(&connection("tags = { a = \"1\" }"), UPDATE)
            .expect_changed(ADDRESS, &["tags[\"a\"]", "tags_all[\"a\"]"]);
        assert_eq!(cloud.tags()["a"], "1");
    });
}

/// The other provider merges default tags into an attribute that forces replacement, so every import is a replacement.
#[test]
fn import_with_default_tags_does_not_replace() {
    with("default_tags = { team = \"data\" }", |cloud, workspace| {
        workspace.step(&connection("tags = { a = \"1\" }"), CREATE);
        let id = cloud.connection().id;
        let importing = workspace.fresh();
        importing.configure(&connection("tags = { a = \"1\" }"));
        importing.run(&["import", ADDRESS, &id]).expect_code(0);
        importing.expect_no_changes();
        assert_eq!(importing.state(ADDRESS)["tags_all"], json!({ "a": "1", "team": "data" }));
    });
}

/// The other provider stores the plan as if it had been applied.
#[test]
fn failed_update_is_not_stored() {
    with("", |cloud, workspace| {
        workspace.step(&connection("hosts = { a = \"10.0.0.1\" }"), CREATE);
        let refusal = Fault::refuse("UpdateEnhancedConnection", 400, "DLI.0001", "The parameter hosts is invalid");
        cloud.emulator().inject(refusal.times(1)).expect("a known operation");
        workspace.configure(&connection("hosts = { a = \"10.0.0.2\" }"));
        let failed = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(failed.stderr.contains("DLI.0001"), "{failed}");
        assert_eq!(workspace.state(ADDRESS)["hosts"], json!({ "a": "10.0.0.1" }));
        workspace.plan().expect(UPDATE).expect_changed(ADDRESS, &["hosts[\"a\"]"]);
        workspace.apply();
        assert_eq!(cloud.connection().hosts[0].ip, "10.0.0.2");
    });
}

/// An empty pool list is a valid configuration, not a deleted resource.
#[test]
fn empty_pool_list_does_not_mean_gone() {
    with("", |cloud, workspace| {
        workspace.step(&connection("elastic_resource_pools = []"), CREATE);
        workspace.run(&["apply", "-refresh-only", "-auto-approve"]).expect_code(0);
        assert_eq!(workspace.state(ADDRESS)["elastic_resource_pools"], json!([]));
        assert_eq!(cloud.connections().len(), 1);
    });
}

/// No read returns the route table, so an import with one in the configuration is a replacement.
#[test]
fn import_with_a_route_table_does_not_replace() {
    let configuration = connection("routetable_id = \"22094d8f-c310-4621-913d-4c4d655d8495\"\n  tags = { a = \"1\" }");
    with("", |cloud, workspace| {
        workspace.step(&configuration, CREATE);
        let id = cloud.connection().id;
        let importing = workspace.fresh();
        importing.configure(&configuration);
        importing.run(&["import", ADDRESS, &id]).expect_code(0);
        let before = cloud.changes();
        importing.step(&configuration, UPDATE).expect_changed(ADDRESS, &["routetable_id"]);
        assert_eq!((cloud.connection().id, cloud.changes()), (id, before), "the same connection, and no request");
        // A change of it is a replacement.
        importing.configure(&configuration.replacen("routetable_id = \"22", "routetable_id = \"aa", 1));
        importing.plan().expect(REPLACE);
        assert_ne!(importing.state(ADDRESS)["tags"], Value::Null, "tags are recovered");
    });
}
