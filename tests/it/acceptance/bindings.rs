//! Bindings take time and may fail: what the state shows, and what is no drift.

use std::sync::Arc;
use std::time::Duration;

use terraform_provider_dli::emulator::{ManualClock, Settings};
use time::OffsetDateTime;

use super::connection::{ADDRESS, CREATE, connection};
use super::harness::{Cloud, for_one_terraform};

/// The service refuses to delete a connection that is still being created; the provider waits.
#[test]
fn creating_binding_delays_delete() {
    let delay = Duration::from_mins(1);
    for_one_terraform(|terraform| {
        let clock = Arc::new(ManualClock::new(OffsetDateTime::now_utc()));
        let cloud = Cloud::start_with(Settings { binding_delay: delay, clock: clock.clone(), ..Settings::default() });
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("queues = [\"q1\"]\n  wait_for_bindings = false"), CREATE);
        assert_eq!(workspace.state(ADDRESS)["bindings"]["q1"]["status"], "CREATING");

        let destroying = workspace.start(&["destroy", "-auto-approve"]);
        destroying
            .wait_for("a delete request is rejected", || cloud.changes().iter().any(|sent| sent.starts_with("DELETE")));
        assert_eq!(cloud.connections().len(), 1);
        clock.advance(delay);
        destroying.wait().expect_code(0);
        cloud.expect_empty();
    });
}
