//! Import: what cannot be read, and ids that lead nowhere.

use serde_json::json;

use super::connection::{ADDRESS, CREATE, REPLACE, UPDATE, connection};
use super::harness::{Cloud, for_each_terraform};

const ROUTE_TABLE: &str = "22094d8f-c310-4621-913d-4c4d655d8495";

fn with_route_table() -> String {
    connection(&format!("routetable_id = {ROUTE_TABLE:?}"))
}

/// No read tells the route table, so it stays as it was planned; an import cannot know it.
#[test]
fn the_route_table_is_kept_from_the_plan() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&with_route_table(), CREATE);
        assert_eq!(workspace.state(ADDRESS)["routetable_id"], ROUTE_TABLE);
        assert_eq!(cloud.routetable_id().as_deref(), Some(ROUTE_TABLE));
        workspace.expect_import(ADDRESS, &["routetable_id"]);
    });
}

/// The first route table that follows an import is believed; after that, and where nothing was imported, another one
/// takes another connection.
#[test]
fn an_imported_connection_takes_its_route_table_over_without_being_replaced() {
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
fn an_id_that_leads_nowhere_is_said_so() {
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

/// Import reads everything in: what the configuration then leaves out is planned away, visibly.
#[test]
fn an_import_reads_everything_in() {
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
