//! Throttling is handled by the provider: no error, no warning, and few rejected requests.

use std::time::Duration;

use terraform_provider_dli::emulator::{LoggedRequest, Settings};

use super::harness::{Cloud, for_one_terraform};

const COUNT: usize = 40;
const PARALLELISM: usize = 50;

/// Independent connections that all start at the same moment.
const CONFIGURATION: &str = r#"
resource "dli_enhanced_connection" "test" {
  count           = 40
  name            = "c${count.index}"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  tags            = { number = count.index }
}
"#;

fn throttled(request: &LoggedRequest) -> bool {
    request.status == 429
}

/// Each provider process learns the limit when its first burst is rejected. A few later requests may be rejected as
/// well, because other processes use the same budget.
#[test]
fn concurrent_creates_keep_to_the_rate_limit() {
    let requests = |limit: Option<&str>| {
        let limit = limit.map(|limit| limit.parse().expect("a limit"));
        let cloud = Cloud::start_with(Settings { limit, ..Settings::default() });
        let mut counts = Vec::new();
        for_one_terraform(|terraform| {
            let workspace = cloud.workspace(terraform);
            workspace.configure(CONFIGURATION);
            let parallelism = format!("-parallelism={PARALLELISM}");
            for command in [
                ["apply", "-auto-approve", "-json", &parallelism].as_slice(),
                &["plan", "-detailed-exitcode", "-json", &parallelism],
                &["destroy", "-auto-approve", "-json", &parallelism],
            ] {
                let before = cloud.requests().len();
                let finished = workspace.start(command).wait_at_most(Duration::from_mins(3));
                let diagnostics = finished.expect_code(0).diagnostics();
                assert!(diagnostics.is_empty(), "{command:?}: {diagnostics:?}");
                let requests = &cloud.requests()[before..];
                let rejected = requests.iter().filter(|request| throttled(request)).count();
                counts.push((requests.len() - rejected, rejected));
            }
        });
        cloud.expect_empty();
        counts
    };
    let needed = requests(None);
    let limited = requests(Some("40/1s"));
    for (command, ((needed, _), (requests_sent, rejected))) in needed.into_iter().zip(limited).enumerate() {
        // A plan reads lists.
        let is_plan = command == 1;
        assert!(is_plan || needed >= COUNT, "{needed}");
        assert!(requests_sent.abs_diff(needed) <= COUNT / 10, "{requests_sent} requests, {needed} needed");
        assert!(rejected <= 2 * PARALLELISM + COUNT / 10, "{rejected} of {requests_sent} were rejected");
    }
}
