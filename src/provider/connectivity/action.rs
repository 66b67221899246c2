//! Action `dli_connectivity_test`: fails if a queue does not reach each of some addresses.
//!
//! | call | when |
//! |---|---|
//! | `POST /v1.0/{project}/queues/{queue}/connection-test` | once for each address |
//! | `GET  /v1.0/{project}/queues/{queue}/connection-test/{task}` | until each test has ended |

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{POLL_INTERVAL, QUEUE};
use crate::client::{Connectivity, ConnectivityResult};
use crate::dli::rules;
use crate::framework::action::{Action, InvokeRequest};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::schema::{Attribute, Schema};
use crate::framework::timeouts;
use crate::framework::types::Type;
use crate::framework::validator::ValuesAre;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::data_source::{schema, text};
use crate::provider::shared::location;
use crate::provider::shared::operation::{self, OperationContext, OperationError};
use crate::provider::shared::validators::{MatchesRule, NotEmpty};

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);

const USUAL_CAUSES: &str = "Usual causes:\n\
    - The security group or the network ACL at the address does not allow the queue's network on this port.\n\
    - The queue, or its elastic resource pool, is not bound to the connection, or its binding is not ACTIVE.\n\
    - The connection has no host record for the name, or no route to the address.\n\
    - The queue's network overlaps the network of the address.\n\
    - The queue has no running node yet. A new queue needs 5 to 10 minutes.\n\n\
    What to do: Correct the cause and invoke the action again with terraform apply -invoke=ADDRESS. Terraform does \
    not repeat an action that failed after its resource was created.";

#[derive(Debug)]
pub(in crate::provider) struct ConnectivityTest(pub(in crate::provider) Arc<ProviderData>);

#[async_trait]
impl Action for ConnectivityTest {
    fn type_name(&self) -> &'static str {
        "dli_connectivity_test"
    }

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::string("queue").required().validator(MatchesRule(&[rules::QUEUE_NAME])).description(QUEUE),
            Attribute::new("addresses", Type::list(Type::String))
                .required()
                .validator(NotEmpty)
                .validator(ValuesAre(MatchesRule(&[rules::CONNECTIVITY_ADDRESS])))
                .description(
                    "Addresses that the queue must reach: host names or IP addresses with a port, such as \
                     `orders-db:3306` or `[2001:db8::1]:443`.",
                ),
            timeouts::duration_attribute("timeout")
                .description("How long all tests together may take: a duration such as `90s`. Default `5m`."),
        ];
        attributes.extend(location::action_attributes());
        schema(
            "Tests whether a queue reaches addresses: through the peering, the routes and the host records of its \
             connections, and the security groups at the other end. The action fails if an address is not reached, and \
             names each of them. Requires Terraform 1.14 or newer. Earlier versions and OpenTofu can use the data \
             source `dli_connectivity`.",
            attributes,
        )
    }

    async fn invoke(&self, request: InvokeRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        let state_note = "The tests changed nothing. Correct the cause and invoke the action again.";
        operation::report("Could Not Test the Connectivity", state_note, self.test(request)).await?;
        Ok(Diagnostics::new())
    }
}

impl ConnectivityTest {
    async fn test(&self, request: InvokeRequest<'_>) -> operation::Result<()> {
        let config = request.config;
        let timeout = text(config, "timeout").and_then(timeouts::parse).unwrap_or(DEFAULT_TIMEOUT);
        let location = (text(config, "region"), text(config, "project_id"));
        let queue = text(config, "queue").unwrap_or_default();
        let context = self.0.begin(location, timeout, request.stop).await?.subject(format!("queue {queue:?}"));
        let mut tests = Vec::new();
        let addresses = config.get("addresses").as_elements().unwrap_or_default().iter().filter_map(|a| a.as_str());
        let mut seen = BTreeSet::new();
        for address in addresses.filter(|address| seen.insert(*address)) {
            let task = context.read(context.project.start_connectivity_test(queue, address)).await?;
            tests.push(Test { address, task, result: None });
        }
        request.progress.send(format!("Testing {} from queue {queue:?}", count(tests.len())));
        let started = Instant::now();
        let finished = async {
            while !poll(&context, queue, &mut tests, |line| {
                let elapsed = Duration::from_secs(started.elapsed().as_secs());
                request.progress.send(format!("{line} ({})", humantime::format_duration(elapsed)));
            })
            .await?
            {
                context.pause(POLL_INTERVAL, || format!("The connectivity tests of queue {queue:?}")).await?;
            }
            Ok(())
        }
        .await;
        match finished {
            // The error lists the tests without a result.
            Ok(()) | Err(OperationError::TimedOut { .. }) => {}
            Err(error) => return Err(error),
        }
        let failed: Vec<_> = tests.iter().filter_map(|test| test.failure(timeout)).collect();
        if failed.is_empty() {
            return Ok(());
        }
        let summary = if failed.len() == 1 { "Address Not Reachable" } else { "Addresses Not Reachable" };
        let total = count(tests.len());
        let detail = format!(
            "Queue {queue:?} does not reach {} of {total}:\n{}\n\n{USUAL_CAUSES}",
            failed.len(),
            failed.concat().trim_end()
        );
        Err(Diagnostic::error(summary, detail).at(Path::attribute("addresses")).into())
    }
}

/// The test of one address.
struct Test<'a> {
    address: &'a str,
    task: i64,
    /// `None` until the test has ended.
    result: Option<ConnectivityResult>,
}

impl Test<'_> {
    fn is_reachable(&self) -> bool {
        self.result.as_ref().is_some_and(|result| result.connectivity == Connectivity::Reachable)
    }

    /// A line of the error; `None` if the address is reachable.
    fn failure(&self, timeout: Duration) -> Option<String> {
        let Self { address, result, .. } = self;
        let why = match result {
            None => format!("no result within {}", humantime::format_duration(timeout)),
            Some(_) if self.is_reachable() => return None,
            Some(ConnectivityResult { text, message, .. }) if message.is_empty() => text.clone(),
            Some(ConnectivityResult { text, message, .. }) => format!("{text} ({message})"),
        };
        Some(format!("- {address}: {why}\n"))
    }
}

/// Reads the results of the running tests, reports one line, and returns whether all tests have ended.
async fn poll(
    context: &OperationContext,
    queue: &str,
    tests: &mut [Test<'_>],
    report: impl Fn(String),
) -> operation::Result<bool> {
    let mut parts = Vec::new();
    let mut running = 0;
    for test in tests.iter_mut().filter(|test| test.result.is_none()) {
        let result = context.read(context.project.show_connectivity_test(queue, test.task)).await?;
        if result.connectivity == Connectivity::Pending {
            running += 1;
            continue;
        }
        test.result = Some(result);
        parts.push(format!("{} is {}reachable", test.address, if test.is_reachable() { "" } else { "not " }));
    }
    if running > 0 {
        parts.push(format!("{} without a result yet", count(running)));
    }
    report(parts.join(", "));
    Ok(running == 0)
}

fn count(addresses: usize) -> String {
    if addresses == 1 { "1 address".to_owned() } else { format!("{addresses} addresses") }
}
