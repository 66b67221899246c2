//! `dli_connectivity`: whether a queue reaches an address.

use super::{block, one_error};
use crate::acceptance::connection::connection;
use crate::acceptance::harness::{Cloud, errors, for_each_terraform, for_one_terraform};

const KIND: &str = "dli_connectivity";
const ADDRESS: &str = "data.dli_connectivity.it";

/// A connection with a host record, and a test of this address that follows it.
fn tested(address: &str) -> String {
    let test =
        block(KIND, &format!("queue = \"q1\"\naddress = {address:?}\ndepends_on = [dli_enhanced_connection.test]"));
    connection("queues = [\"q1\"]\n  hosts = { db = \"192.168.0.31\" }") + &test
}

#[test]
fn address_is_tested_through_the_connection() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        for (address, reachable, result) in [
            ("db:3306", true, "REACHABLE"),
            ("192.168.0.9:22", true, "REACHABLE"),
            ("unknown:3306", false, "UNREACHABLE"),
        ] {
            workspace.configure(&tested(address));
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            let state = workspace.state(ADDRESS);
            assert_eq!((&state["reachable"], &state["result"]), (&reachable.into(), &result.into()), "{address}");
        }
    });
}

#[test]
fn unreachable_address_fails_a_check_block() {
    let check = "check \"db\" {\n  assert {\n    condition     = data.dli_connectivity.it.reachable\n    error_message = \
                 \"The queue does not reach the database.\"\n  }\n}\n";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&(tested("unknown:3306") + check));
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert!(applied.stdout.contains("The queue does not reach the database."), "{applied}");
    });
}

#[test]
fn invalid_address_and_missing_queue_are_errors() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&block(KIND, "queue = \"q1\"\naddress = \"db\""));
        let found = errors(&workspace.run(&["validate", "-json"]));
        assert!(matches!(&found[..], [(3, text)] if text.contains("address: \"db\" is not HOST:PORT")), "{found:?}");
        workspace.configure(&block(KIND, "queue = \"missing\"\naddress = \"db:1\""));
        let error = one_error(&workspace.run(&["plan"]).expect_code(1));
        assert!(error.contains("Could Not Test the Connectivity") && error.contains("missing"), "{error}");
    });
}
