//! Import: unreadable attributes, the forms of an import ID, and IDs and names without a match.

use serde_json::json;
use terraform_provider_dli::dli::wire::CreateConnection;
use terraform_provider_dli::emulator::Quirk;

use super::connection::{ADDRESS, CREATE, REPLACE, UPDATE, connection};
use super::harness::{Cloud, PROJECT, for_each_terraform, for_one_terraform};

const ROUTE_TABLE: &str = "22094d8f-c310-4621-913d-4c4d655d8495";

fn with_route_table() -> String {
    connection(&format!("routetable_id = {ROUTE_TABLE:?}"))
}

/// No operation returns the route table: the planned value stays, and an import leaves it null.
#[test]
fn route_table_is_kept_from_the_plan() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&with_route_table(), CREATE);
        assert_eq!(workspace.state(ADDRESS)["routetable_id"], ROUTE_TABLE);
        assert_eq!(cloud.routetable_id().as_deref(), Some(ROUTE_TABLE));
        workspace.expect_import(ADDRESS, &["routetable_id"]);
    });
}

/// The first route table configured after an import is accepted. Any later change replaces the connection.
#[test]
fn imported_connection_accepts_a_route_table() {
    let other = connection("routetable_id = \"aaaaaaaa-c310-4621-913d-4c4d655d8495\"");
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&with_route_table(), CREATE);
        let id = cloud.connection().id;
        let importing = workspace.fresh();
        importing.configure(&with_route_table());
        importing.run(&["import", ADDRESS, &id]).expect_code(0);
        let sent = cloud.changes();
        let taken_over = importing.step(&with_route_table(), UPDATE);
        taken_over.expect_changed(ADDRESS, &["routetable_id"]);
        assert_eq!(importing.state(ADDRESS)["routetable_id"], ROUTE_TABLE);
        assert_eq!(cloud.changes(), sent, "nothing is sent");

        importing.configure(&other);
        importing.plan().expect(REPLACE).expect_replaced_by(ADDRESS, &["routetable_id"]);
        workspace.destroy();

        let workspace = workspace.fresh();
        workspace.step(&connection(""), CREATE);
        workspace.configure(&with_route_table());
        workspace.plan().expect(REPLACE).expect_replaced_by(ADDRESS, &["routetable_id"]);
    });
}

#[test]
fn import_of_a_missing_id_fails() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(""), CREATE);
        let deleted = cloud.connection().id;
        workspace.destroy();
        workspace.configure(&connection(""));
        let ids = [
            (deleted.as_str(), "Enhanced Connection Not Found"),
            ("2a620c33-5609-40c9-affd-2b6453071b0f", "Enhanced Connection Not Found"),
            ("test", "Invalid Import ID"),
            ("2a620c33-5609-40c9-affd-2b6453071b0", "Invalid Import ID"),
        ];
        for (id, summary) in ids {
            let imported = workspace.run(&["import", ADDRESS, id]).expect_code(1);
            assert_eq!(imported.stderr.matches("Error: ").count(), 1, "{imported}");
            assert!(imported.stderr.contains(&format!("Error: {summary}")), "{imported}");
            assert!(imported.stderr.contains(id), "{imported}");
            assert_eq!(workspace.find_state(ADDRESS), None);
        }
    });
}

/// Import reads every collection: what the configuration omits is planned for removal.
#[test]
fn import_reads_every_collection() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let all = "queues = [\"q1\"]\n  hosts = { \"a\" = \"10.0.0.1\" }\n  tags = { \"t\" = \"1\" }";
        workspace.step(&connection(all), CREATE);
        let importing = workspace.fresh();
        importing.configure(&connection(""));
        importing.run(&["import", ADDRESS, &cloud.connection().id]).expect_code(0);
        let state = importing.state(ADDRESS);
        assert_eq!(state["queues"], json!(["q1"]));
        assert_eq!(state["hosts"], json!({ "a": "10.0.0.1" }));
        assert_eq!(state["tags"], json!({ "t": "1" }));
        importing.plan().expect(UPDATE);
    });
}

fn named(name: &str) -> CreateConnection {
    CreateConnection {
        name: name.to_owned(),
        dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
        ..CreateConnection::default()
    }
}

/// `@REGION/PROJECT_ID` selects a project other than the provider's, in the command and in an import block.
#[test]
fn import_id_can_name_region_and_project() {
    let other = "ffffffffffffffffffffffffffffffff";
    let configuration = connection(&format!("project_id = {other:?}"));
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let id = cloud.edit(|account| account.create(named("test")));
        let theirs = cloud.emulator().edit(other, |account| account.create(named("test"))).expect("an in-memory store");
        let theirs = theirs.expect("a valid configuration");
        let workspace = cloud.workspace(terraform);
        let own = [id.clone(), "name:test".to_owned(), format!("{id}@eu-west-101"), format!("{id}@/{PROJECT}")];
        let elsewhere = ["name:test@eu-west-101/", &format!("{theirs}@eu-west-101/"), "name:test@/"];
        let elsewhere = elsewhere.map(|text| text.to_owned() + other);
        let own = own.iter().map(|text| (text, &id, PROJECT, connection("")));
        let elsewhere = elsewhere.iter().map(|text| (text, &theirs, other, configuration.clone()));
        for (text, id, project, configuration) in own.chain(elsewhere) {
            let importing = workspace.fresh();
            importing.configure(&configuration);
            importing.run(&["import", ADDRESS, text]).expect_code(0);
            let state = importing.state(ADDRESS);
            assert_eq!((&state["id"], &state["project_id"]), (&json!(id), &json!(project)), "{text}");
            assert_eq!(state["region"], "eu-west-101", "{text}");
            importing.expect_no_changes();
        }
        let by_block = workspace.fresh();
        by_block.configure(&format!("import {{\n  to = {ADDRESS}\n  id = \"name:test@/{other}\"\n}}\n"));
        by_block.run(&["plan", "-generate-config-out=generated.tf"]).expect_code(0);
        by_block.plan().expect(&[(ADDRESS, "import")]);
        by_block.apply();
        assert_eq!(by_block.state(ADDRESS)["id"], theirs);
        assert_eq!(cloud.changes(), [""; 0]);
    });
}

#[test]
fn import_by_missing_or_ambiguous_name_fails() {
    // Every version passes the import ID on unchanged.
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let deleted = cloud.edit(|account| account.create(named("deleted")));
        cloud.edit(|account| account.delete(&deleted));
        cloud.emulator().set_quirks([Quirk::NamesNotUnique]);
        let twice = [(); 2].map(|()| cloud.edit(|account| account.create(named("twice"))));
        let workspace = cloud.workspace(terraform);
        workspace.configure(&connection(""));
        let cases = [
            ("name:nobody", "Enhanced Connection Not Found", vec!["nobody"]),
            ("name:deleted", "Enhanced Connection Not Found", vec!["deleted"]),
            ("name:Twice", "Enhanced Connection Not Found", vec!["Twice"]),
            ("name:twice", "Name Is Not Unique", vec!["twice", &twice[0], &twice[1]]),
            ("name:twice@/ffffffffffffffffffffffffffffffff", "Enhanced Connection Not Found", vec!["twice"]),
            (
                "2a620c33-5609-40c9-affd-2b6453071b0f@eu-west-101",
                "Enhanced Connection Not Found",
                vec!["of the import ID"],
            ),
            ("name:nobody@eu-west-101", "Enhanced Connection Not Found", vec!["of the import ID"]),
            ("name:no-hyphens", "Invalid Import ID", vec!["name:NAME", "'-'"]),
            ("name:", "Invalid Import ID", vec!["name:NAME", "is empty"]),
        ];
        for (text, summary, expected) in cases {
            let imported = workspace.run(&["import", ADDRESS, text]).expect_code(1);
            assert!(imported.stderr.contains(&format!("Error: {summary}")), "{text}: {imported}");
            let unwrapped = imported.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(expected.iter().all(|part| unwrapped.contains(part)), "{text} {expected:?}: {imported}");
            assert_eq!(workspace.find_state(ADDRESS), None);
        }
        // Each of the two can still be imported by ID.
        workspace.configure(&connection("").replace("\"test\"\n", "\"twice\"\n"));
        workspace.run(&["import", ADDRESS, &twice[1]]).expect_code(0);
        workspace.expect_no_changes();
    });
}

/// If the apply that sets the route table also has a failing binding, the next apply does not replace the connection.
#[test]
fn failed_first_apply_after_import_keeps_it() {
    let wanted = connection(&format!("routetable_id = {ROUTE_TABLE:?}\n  queues = [\"q1\"]"));
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&with_route_table(), CREATE);
        let id = cloud.connection().id;
        let importing = workspace.fresh();
        importing.configure(&wanted);
        importing.run(&["import", ADDRESS, &id]).expect_code(0);
        cloud.emulator().set_binding_outcome("q1", Some("CIDR conflict"));
        let applied = importing.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(applied.stderr.contains("Binding Failed"), "{applied}");
        assert_eq!(importing.state(ADDRESS)["routetable_id"], ROUTE_TABLE);

        cloud.emulator().set_binding_outcome("q1", None);
        importing.step(&wanted, UPDATE).expect_changed(ADDRESS, &["bindings[\"q1\"]", "queues"]);
        assert_eq!(cloud.connection().id, id);
    });
}
