//! Resource identity (Terraform 1.12): in the state, stable over changes, and in import blocks.

use std::fs;

use serde_json::{Value, json};
use terraform_provider_dli::emulator::Settings;

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, PROJECT, for_one_terraform_since_1_14};
use super::terraform::Terraform;

const REGION: &str = "eu-west-101";
const APPLICANT: &str = "1123456789abcdef0123456789abcdef";

/// A connection with one resource for each of its parts.
fn configuration(hosts: &str) -> String {
    let part = |kind: &str, name: &str, attributes: &str| {
        format!(
            "resource \"dli_enhanced_connection_{kind}\" \"{name}\" {{\n  \
             connection_id = dli_enhanced_connection.test.id\n  {attributes}\n}}\n"
        )
    };
    [
        connection(hosts),
        part("binding", "queue", "queue = \"Q1\""),
        part("binding", "pool", "elastic_resource_pool = \"pool1\""),
        part("route", "test", "name = \"Route_1\"\n  cidr = \"10.1.0.0/16\""),
        part("privilege", "test", &format!("applicant_project_id = \"{APPLICANT}\"")),
    ]
    .concat()
}

/// The identity of each resource above.
fn identities(id: &str) -> Vec<(String, Value)> {
    let part = |kind: &str, own: Value| {
        let mut identity = json!({ "connection_id": id, "region": REGION, "project_id": PROJECT });
        identity.as_object_mut().expect("an object").extend(own.as_object().expect("an object").clone());
        (format!("dli_enhanced_connection_{kind}"), identity)
    };
    vec![
        (ADDRESS.to_owned(), json!({ "id": id, "region": REGION, "project_id": PROJECT })),
        part("binding.queue", json!({ "queue": "Q1", "elastic_resource_pool": null })),
        part("binding.pool", json!({ "queue": null, "elastic_resource_pool": "pool1" })),
        part("route.test", json!({ "name": "Route_1" })),
        part("privilege.test", json!({ "applicant_project_id": APPLICANT })),
    ]
}

/// An import block with the attributes of the identity that are set, except for the location.
fn import_block(address: &str, identity: &Value) -> String {
    let attributes = identity.as_object().expect("an object").iter();
    let needed = attributes.filter(|(name, value)| !value.is_null() && !["region", "project_id"].contains(&&***name));
    let lines: Vec<_> = needed.map(|(name, value)| format!("    {name} = {value}\n")).collect();
    format!("import {{\n  to = {address}\n  identity = {{\n{}  }}\n}}\n", lines.concat())
}

#[test]
fn identity_is_stable_and_imports_every_resource() {
    for_one_terraform_since_1_14(check_identities);
}

/// The identity of each resource over changes, an import by identity, and a replacement.
pub(super) fn check_identities(terraform: &Terraform) {
    let cloud = Cloud::start();
    let workspace = cloud.workspace(terraform);
    workspace.configure(&configuration(""));
    workspace.plan();
    workspace.apply();
    let id = cloud.connection().id;
    for hosts in ["hosts = { a = \"10.0.0.1\" }", "hosts = { a = \"10.0.0.2\" }\n  tags = { t = \"1\" }"] {
        workspace.step(&configuration(hosts), UPDATE);
        for (address, identity) in identities(&id) {
            assert_eq!(workspace.identity(&address), identity, "{address}");
        }
    }

    let sent = cloud.changes();
    let importing = workspace.fresh();
    let expected = identities(&id);
    let blocks: Vec<_> = expected.iter().map(|(address, identity)| import_block(address, identity)).collect();
    let hosts = "hosts = { a = \"10.0.0.2\" }\n  tags = { t = \"1\" }";
    let literal = configuration(hosts).replace("dli_enhanced_connection.test.id", &format!("{id:?}"));
    importing.configure(&format!("{literal}{}", blocks.concat()));
    // The import of the connection also reads its parts, and the configuration does not declare them there.
    let action = |address: &str| if address == ADDRESS { "update" } else { "import" };
    let actions: Vec<_> = expected.iter().map(|(address, _)| (address.as_str(), action(address))).collect();
    importing.plan().expect(&actions);
    importing.apply();
    for (address, identity) in &expected {
        // The service keeps queue names in lower case.
        let identity = if address.ends_with("queue") { with(identity, "queue", "q1") } else { identity.clone() };
        assert_eq!(importing.identity(address), identity, "{address}");
    }
    assert_eq!(cloud.changes(), sent, "only reads were sent");

    // Replacement is the only change of an identity.
    let replaced = configuration(hosts).replace("\"test\"\n  dest", "\"other\"\n  dest");
    assert_ne!(replaced, configuration(hosts));
    workspace.configure(&replaced);
    workspace.plan();
    workspace.apply();
    assert_ne!(workspace.identity(ADDRESS)["id"], json!(id));
}

fn with(identity: &Value, name: &str, value: &str) -> Value {
    let mut identity = identity.clone();
    identity[name] = value.into();
    identity
}

/// The optional attributes select another project, as the import ID does.
#[test]
fn identity_can_name_region_and_project() {
    let other = "ffffffffffffffffffffffffffffffff";
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(&format!("project_id = {other:?}")), CREATE);
        let id = workspace.state(ADDRESS)["id"].as_str().expect("a created connection").to_owned();
        let importing = workspace.fresh();
        let block = |identity: &str| format!("import {{\n  to = {ADDRESS}\n  identity = {{ {identity} }}\n}}\n");
        let identity = format!("id = \"{}\", region = {REGION:?}, project_id = {other:?}", id.to_uppercase());
        importing.configure(&format!("{}{}", connection(&format!("project_id = {other:?}")), block(&identity)));
        importing.plan().expect(&[(ADDRESS, "import")]);
        importing.apply();
        assert_eq!(importing.identity(ADDRESS), json!({ "id": id, "region": REGION, "project_id": other }));

        for (identity, expected) in [
            (format!("id = {id:?}"), "Enhanced Connection Not Found"),
            ("id = \"test\"".to_owned(), "Invalid Connection ID"),
            (format!("id = {id:?}, project_id = \"a/b\""), "Invalid Project ID"),
            (format!("region = {REGION:?}"), "id"),
        ] {
            let failing = workspace.fresh();
            failing.configure(&format!("{}{}", connection(""), block(&identity)));
            let planned = failing.run(&["plan"]).expect_code(1);
            assert!(planned.stderr.contains(expected), "{identity}: {planned}");
        }
    });
}

#[test]
fn identity_of_a_binding_names_one_target() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&configuration(""));
        workspace.plan();
        workspace.apply();
        let id = cloud.connection().id;
        for (targets, expected) in [
            ("", "Set queue or elastic_resource_pool."),
            ("", "The identity of the import is not valid."),
            (
                "queue = \"q1\", elastic_resource_pool = \"pool1\"",
                "Only One of queue and elastic_resource_pool Can Be Set",
            ),
            ("queue = \"default\"", "Invalid Queue"),
            ("queue = \"q3\"", "Binding Not Found"),
        ] {
            let failing = workspace.fresh();
            let address = "dli_enhanced_connection_binding.test";
            failing.configure(&format!(
                "resource \"dli_enhanced_connection_binding\" \"test\" {{\n  connection_id = {id:?}\n  \
                 queue = \"q3\"\n}}\nimport {{\n  to = {address}\n  \
                 identity = {{ connection_id = {id:?}, {targets} }}\n}}\n"
            ));
            let planned = failing.run(&["plan"]).expect_code(1);
            assert!(planned.stderr.contains(expected), "{targets}: {planned}");
        }
    });
}

/// A state written before identities existed gets them with the first refresh. One that names another object than its
/// attributes is not used.
#[test]
fn old_state_gets_an_identity() {
    let kept = tempfile::tempdir().expect("a temporary directory");
    let file = kept.path().join("cloud.json");
    fs::write(&file, include_bytes!("../../data/state/cloud-v0.1-first.json")).expect("a writable directory");
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start_with(Settings { state: Some(file), ..Settings::default() });
        let workspace = cloud.workspace(terraform);
        workspace.configure(include_str!("../../data/state/connection-v0.1-first.tf"));
        workspace.write("terraform.tfstate", include_str!("../../data/state/connection-v0.1-first.tfstate"));
        let address = "dli_enhanced_connection.all";
        workspace.run(&["plan", "-detailed-exitcode", "-refresh=false"]).expect_code(0);
        workspace.run(&["apply", "-refresh-only", "-auto-approve"]).expect_code(0);
        let identity = workspace.identity(address);
        let id = workspace.state(address)["id"].clone();
        assert_eq!(identity, json!({ "id": id, "region": REGION, "project_id": PROJECT }));
        workspace.expect_no_changes();
        assert_eq!(cloud.changes(), [""; 0]);

        let state = fs::read_to_string(workspace.path().join("terraform.tfstate")).expect("a state");
        let identity = state.find("\"identity\": {").expect("an identity in the state");
        let (before, after) = state.split_at(identity);
        let stranger = "2a620c33-5609-40c9-affd-2b6453071b0f";
        let known = after.split("\"id\": \"").nth(1).and_then(|rest| rest.split('"').next()).expect("an ID");
        workspace.write("terraform.tfstate", &format!("{before}{}", after.replacen(known, stranger, 1)));
        let planned = workspace.run(&["plan"]).expect_code(1);
        assert!(planned.stderr.contains("Error: Identity Changed"), "{planned}");
        assert!(planned.stderr.contains(stranger), "{planned}");
        let planned = workspace.run(&["plan", "-refresh=false"]).expect_code(1);
        assert!(planned.stderr.contains("Error: Identity Changed"), "{planned}");
    });
}
