//! Requests whose response never arrived: the part may exist, so it must be in the state.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{create_external, find_connection, part};
use crate::acceptance::harness::{Cloud, for_each_terraform};

const PARTS: [(&str, &str, &str); 3] = [
    ("binding", "queue = \"q1\"", "AssociateQueueToEnhancedConnection"),
    ("route", "name = \"r\"\n  cidr = \"192.168.2.0/24\"", "CreateRouteToEnhancedConnection"),
    ("privilege", "applicant_project_id = \"330e068af1334c9782f4226acc00a2e2\"", "RunAuthorizationAction"),
];

/// The number of parts that exist.
fn existing_parts(cloud: &Cloud, ids: &[String]) -> usize {
    let of = |id: &String| {
        let connection = find_connection(cloud, id);
        let projects = cloud.edit(|account| account.shared_with(id).map(BTreeSet::len));
        connection.available_queue_info.len() + connection.routes.len() + projects
    };
    ids.iter().map(of).sum()
}

/// Interrupted while responses are pending: the next run removes the parts or completes them.
#[test]
fn interrupted_create_is_recorded_in_state() {
    for_each_terraform(|terraform| {
        for destroys in [true, false] {
            let cloud = Cloud::start();
            // Writes to one connection are serialized.
            let ids = PARTS.map(|(kind, ..)| create_external(&cloud, kind));
            let blocks = PARTS.iter().zip(&ids).map(|((kind, attributes, operation), id)| {
                cloud.fault(&format!("{operation}:delay=1m*1"));
                part(&format!("dli_enhanced_connection_{kind}"), id, attributes)
            });
            let workspace = cloud.workspace_with(terraform, "plan_checks = false");
            workspace.configure(&blocks.collect::<String>());
            let applying = workspace.start(&["apply", "-auto-approve"]);
            applying.wait_for("all parts exist", || existing_parts(&cloud, &ids) == 3);
            applying.signal_group("INT");
            let applied = applying.wait_at_most(Duration::from_secs(6)).expect_code(1);
            assert_eq!(applied.stderr.matches("Error: Interrupted: Could Not").count(), 3, "{applied}");
            let error_text = applied.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(error_text.matches("in case it exists").count(), 3, "{applied}");

            if !destroys {
                workspace.run(&["apply", "-auto-approve"]).expect_code(0);
                workspace.expect_no_changes();
                assert_eq!(existing_parts(&cloud, &ids), 3);
            }
            workspace.destroy();
            assert_eq!(existing_parts(&cloud, &ids), 0);
        }
    });
}
