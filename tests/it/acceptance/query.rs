//! List resources and `terraform query` (1.14): filters, limits, offline validation, and generated configuration.

use std::fs;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::{CreateConnection, Tag};

use super::generated_imports::{create_in_emulator, generate};
use super::harness::{Cloud, Finished, PROJECT, Workspace, for_one_terraform_since_1_14};
use super::terraform::Terraform;

const REGION: &str = "eu-west-101";
const APPLICANT: &str = "1123456789abcdef0123456789abcdef";

/// Creates a connection outside Terraform.
fn create(cloud: &Cloud, name: &str, tags: &[(&str, &str)]) -> String {
    let tag = |(key, value): &(&str, &str)| Tag { key: (*key).to_owned(), value: (*value).to_owned() };
    let request = CreateConnection {
        name: name.to_owned(),
        dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
        tags: tags.iter().map(tag).collect(),
        ..CreateConnection::default()
    };
    cloud.edit(|account| account.create(request))
}

/// A query file with one list named `all`.
fn query_file(kind: &str, arguments: &str, config: &str) -> String {
    format!("list {kind:?} \"all\" {{\n  provider = dli\n  {arguments}\n  config {{\n    {config}\n  }}\n}}\n")
}

/// The objects that a query finds.
#[track_caller]
fn found(workspace: &Workspace, kind: &str, arguments: &str, config: &str) -> Vec<Value> {
    workspace.write("all.tfquery.hcl", &query_file(kind, arguments, config));
    let queried = workspace.run(&["query", "-json"]).expect_code(0);
    let messages = queried.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| message.get("list_resource_found").cloned()).collect()
}

fn names(found: &[Value]) -> Vec<&str> {
    found.iter().filter_map(|one| one["display_name"].as_str()).collect()
}

/// Writes configuration for all that the query finds, and returns it.
#[track_caller]
fn generated(workspace: &Workspace, query: &str) -> String {
    workspace.write("all.tfquery.hcl", query);
    workspace.run(&["query", "-generate-config-out=generated.tf"]).expect_code(0);
    fs::read_to_string(workspace.path().join("generated.tf")).expect("a generated file")
}

/// Plans and applies the generated configuration unedited: it only imports.
#[track_caller]
fn expect_imports_only(workspace: &Workspace, cloud: &Cloud, count: usize) {
    let plan = workspace.plan();
    let changes = plan.0["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_import =
        |change: &&Value| change["change"]["importing"].is_object() && change["change"]["actions"] == json!(["no-op"]);
    assert_eq!(changes.iter().filter(is_import).count(), count, "{:#}", plan.0["resource_changes"]);
    assert_eq!(changes.len(), count);
    workspace.apply();
    assert_eq!(cloud.changes(), [""; 0], "only reads were sent");
}

#[test]
fn generated_configuration_of_many_connections_plans_empty() {
    for_one_terraform_since_1_14(take_over_many);
}

/// Connections of every kind that the service can hold, made behind Terraform's back.
pub(super) fn take_over_many(terraform: &Terraform) {
    let cloud = Cloud::start();
    let many = generate();
    for (index, one) in many.iter().enumerate() {
        create_in_emulator(&cloud, &format!("Random_{index}"), one);
    }
    let workspace = cloud.workspace(terraform);
    let text = generated(&workspace, &query_file("dli_enhanced_connection", "limit = 1000", ""));
    let requests: Vec<_> = cloud.requests().iter().map(|request| request.operation).collect();
    assert!(requests.len() <= 4, "{requests:?}");
    assert_eq!(text.matches("resource \"dli_enhanced_connection\"").count(), many.len());
    // Null lines of optional attributes are Terraform's own; nothing else is there that says nothing.
    let resource = text.split("import {").next().expect("a resource");
    for name in ["region", "project_id", "timeouts", "bindings", "id ", "status"] {
        assert!(!resource.lines().any(|line| line.trim().starts_with(name)), "{name} in {resource}");
    }
    expect_imports_only(&workspace, &cloud, many.len());
}

#[test]
fn connections_are_filtered_and_limited() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let tags: [&[(&str, &str)]; 4] = [&[], &[("team", "a")], &[("team", "a"), ("x", "1 2")], &[("team", "b")]];
        let ids: Vec<_> =
            ["one", "two", "three", "Two_2"].into_iter().zip(tags).map(|(n, t)| create(&cloud, n, t)).collect();
        let deleted = create(&cloud, "deleted", &[]);
        cloud.edit(|account| account.delete(&deleted));
        let workspace = cloud.workspace(terraform);
        let found = |arguments: &str, config: &str| found(&workspace, "dli_enhanced_connection", arguments, config);

        let all = found("", "");
        assert_eq!(names(&all), ["one", "two", "three", "Two_2"]);
        assert_eq!(all[0]["identity"], json!({ "id": ids[0], "region": REGION, "project_id": PROJECT }));
        assert_eq!(all[0].get("resource_object"), None);
        assert_eq!(cloud.requests().len(), 1, "identities need one request");

        for (arguments, config, expected) in [
            ("limit = 2", "", &["one", "two"][..]),
            ("limit = 0", "", &[]),
            ("", "name = \"two\"", &["two"]),
            ("", "name = \"Two\"", &[]),
            ("", "name_prefix = \"t\"", &["two", "three"]),
            ("limit = 1", "name_prefix = \"t\"", &["two"]),
            ("", "tags = { team = \"a\" }", &["two", "three"]),
            ("", "tags = { team = \"a\", x = \"1 2\" }", &["three"]),
            ("", "project_id = \"ffffffffffffffffffffffffffffffff\"", &[]),
        ] {
            assert_eq!(names(&found(arguments, config)), expected, "{arguments} {config}");
        }
        let with_state = found("include_resource = true", "name = \"three\"");
        let object = &with_state[0]["resource_object"];
        assert_eq!((&object["id"], &object["tags"]), (&json!(ids[2]), &json!({ "team": "a", "x": "1 2" })));
        assert_eq!(object["hosts"], Value::Null);
        assert_eq!(cloud.changes(), [""; 0]);
    });
}

#[test]
fn parts_of_connections_are_listed_and_imported() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let [first, second] = ["first", "second"].map(|name| create(&cloud, name, &[]));
        let bind = |id: &str, queues: &[&str], pools: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let (queues, pools) = (owned(queues), owned(pools));
            let names = terraform_provider_dli::dli::wire::QueueNames { queues, elastic_resource_pools: pools };
            cloud.edit(|account| account.bind(id, &names));
        };
        bind(&first, &["q1"], &["pool1"]);
        cloud.emulator().set_binding_outcome("q3", Some("CIDR conflict"));
        bind(&second, &["q2", "q3"], &[]);
        cloud.edit(|account| account.add_route(&first, "r1", "10.1.0.0/16"));
        cloud.edit(|account| account.add_route(&second, "r2", "10.2.0.0/16"));
        cloud.edit(|account| account.grant(&second, APPLICANT));
        let workspace = cloud.workspace(terraform);
        let of = |id: &str| format!("connection_id = {id:?}");
        let cases = [
            (
                "binding",
                String::new(),
                vec!["first: queue q1", "first: elastic resource pool pool1", "second: queue q2"],
            ),
            ("binding", of(&second), vec!["second: queue q2"]),
            ("route", String::new(), vec!["first: r1 to 10.1.0.0/16", "second: r2 to 10.2.0.0/16"]),
            ("privilege", of(&second), vec!["second: project 1123456789abcdef0123456789abcdef"]),
            ("privilege", of(&first), vec![]),
        ];
        for (kind, config, expected) in &cases {
            let kind = format!("dli_enhanced_connection_{kind}");
            assert_eq!(names(&found(&workspace, &kind, "", config)), *expected, "{kind} {config}");
        }
        let queue = found(&workspace, "dli_enhanced_connection_binding", "limit = 1", "");
        let identity = json!({ "connection_id": first, "queue": "q1", "elastic_resource_pool": null, "region": REGION, "project_id": PROJECT });
        assert_eq!(queue[0]["identity"], identity);

        for (kind, config, expected) in [&cases[0], &cases[2], &cases[3]] {
            let workspace = workspace.fresh();
            let query = query_file(&format!("dli_enhanced_connection_{kind}"), "", config);
            generated(&workspace, &query);
            expect_imports_only(&workspace, &cloud, expected.len());
        }
    });
}

/// `terraform validate -query` needs no service, and a missing connection is an error of the query.
#[test]
fn wrong_queries_are_reported() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let run = |kind: &str, config: &str, arguments: &[&str]| -> Finished {
            workspace.write("all.tfquery.hcl", &query_file(kind, "", config));
            workspace.run(arguments)
        };
        for (kind, config, expected) in [
            ("dli_enhanced_connection", "name = \"a-b\"", "Invalid Connection Name"),
            ("dli_enhanced_connection", "status = \"DELETED\"", "Unsupported argument"),
            ("dli_enhanced_connection_binding", "connection_id = \"a/b\"", "Invalid Connection ID"),
            ("dli_enhanced_connection_privilege", "", "connection_id"),
        ] {
            let validated = run(kind, config, &["validate", "-query"]).expect_code(1);
            assert!(validated.stderr.contains(expected), "{kind} {config}: {validated}");
        }
        run("dli_enhanced_connection", "name = \"ab\"", &["validate", "-query"]).expect_code(0);
        assert_eq!(cloud.requests().len(), 0, "validation works offline");

        let missing = "connection_id = \"2a620c33-5609-40c9-affd-2b6453071b0f\"";
        let queried = run("dli_enhanced_connection_route", missing, &["query"]).expect_code(1);
        assert!(queried.stderr.contains("Could Not List: No Such Connection"), "{queried}");
        cloud.fault("ListEnhancedConnections:refuse=403,DLI.0015,no permission");
        let queried = run("dli_enhanced_connection", "", &["query"]).expect_code(1);
        assert!(queried.stderr.contains("Error: Could Not List"), "{queried}");
    });
}

/// Without permission to read tags, the list is complete, and a warning says that tags are missing.
#[test]
fn unreadable_tags_are_a_warning() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        create(&cloud, "one", &[("team", "a")]);
        let workspace = cloud.workspace(terraform);
        cloud.fault("ListResourcesByTags:refuse=403,DLI.0015,no permission");
        let found = found(&workspace, "dli_enhanced_connection", "include_resource = true", "");
        assert_eq!((names(&found), &found[0]["resource_object"]["tags"]), (vec!["one"], &Value::Null));
    });
}
