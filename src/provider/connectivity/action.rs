//! Action `dli_connectivity_test`: fails unless a queue reaches all given addresses.
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
use crate::client::{self, Connectivity, ConnectivityResult};
use crate::dli::rules;
use crate::framework::action::{Action, InvokeRequest, Progress};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::schema::{Attribute, Schema};
use crate::framework::timeouts;
use crate::framework::types::Type;
use crate::framework::validator::ValuesAre;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::data_source::text;
use crate::provider::shared::location;
use crate::provider::shared::operation::{self, OperationContext, OperationError};
use crate::provider::shared::validators::{MatchesRule, not_empty};

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);

const USUAL_CAUSES: &str = "Usual causes:\n\
    - The security group or the network ACL at the address does not allow the queue's network on this port.\n\
    - The queue, or its elastic resource pool, is not bound to the connection, or its binding is not ACTIVE.\n\
    - The connection has no host record for the name, or no route to the address.\n\
    - The queue's network overlaps the network of the address.\n\
    - The queue has no running node yet. A new queue needs 5 to 10 minutes.";

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
                .validator(not_empty)
                .validator(ValuesAre(MatchesRule(&[rules::CONNECTIVITY_ADDRESS])))
                .description(
                    "Addresses that the queue must reach: host names or IP addresses with a port, such as \
                     `orders-db:3306` or `[2001:db8::1]:443`.",
                ),
            timeouts::duration_attribute("timeout")
                .description("How long all tests together may take: a duration such as `90s`. Default `5m`."),
        ];
        attributes.extend(location::action_attributes());
        Schema::new(
            "Tests whether a queue can reach addresses. The test covers the peerings, routes and host records of the \
             queue's connections, and the security groups of the target. The action fails if an address is \
             unreachable, and lists all unreachable addresses. Requires Terraform 1.14 or newer. Earlier versions and \
             OpenTofu can use the data source `dli_connectivity`.",
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
        let mut seen = BTreeSet::new();
        let addresses = config.get("addresses").strings();
        let mut tests: Vec<_> = addresses.filter(|address| seen.insert(*address)).map(Test::new).collect();
        request.progress.send(format!("Testing {} from queue {queue:?}", count(tests.len())));
        match run(&context, queue, &mut tests, request.progress).await {
            // An error of its own lists the tests without a result.
            Ok(()) | Err(OperationError::TimedOut { .. }) => {}
            Err(error) => return Err(error),
        }
        if tests.iter().all(|test| matches!(test.outcome, Some(Err(_)))) {
            // The cause is not an address.
            return tests.into_iter().find_map(|test| test.outcome?.err()).map_or(Ok(()), Err);
        }
        failure(queue, &tests, timeout).map_or(Ok(()), |error| Err(error.into()))
    }
}

/// The error about addresses that the queue does not reach, and about tests that have not ended.
fn failure(queue: &str, tests: &[Test<'_>], timeout: Duration) -> Option<Diagnostic> {
    let failed: Vec<_> = tests.iter().filter_map(Test::failure).collect();
    let running = tests.iter().filter(|test| test.outcome.is_none());
    let running: Vec<_> = running.map(|test| format!("- {}", test.address)).collect();
    let (summary, argument) = match (failed.len(), running.len()) {
        (0, 0) => return None,
        (0, _) => ("No Result in Time", "timeout"),
        (1, _) => ("Address Not Reachable", "addresses"),
        _ => ("Addresses Not Reachable", "addresses"),
    };
    let total = count(tests.len());
    let mut paragraphs = Vec::new();
    if !failed.is_empty() {
        paragraphs.push(format!("Queue {queue:?} does not reach {} of {total}:\n{}", failed.len(), failed.join("\n")));
    }
    if !running.is_empty() {
        paragraphs.push(format!(
            "The service returned no result within {} for {} of {total} tested from queue {queue:?}:\n{}\nThe queue may \
             still reach them.",
            humantime::format_duration(timeout),
            running.len(),
            running.join("\n")
        ));
    }
    if !failed.is_empty() {
        paragraphs.push(USUAL_CAUSES.to_owned());
    }
    let action = match (failed.is_empty(), running.is_empty()) {
        (false, true) => "Correct the cause",
        (false, false) => "Correct the cause, raise timeout",
        (true, _) => "Raise timeout",
    };
    paragraphs.push(format!(
        "What to do: {action}, and invoke the action again with terraform apply -invoke=ADDRESS. Terraform does not \
         repeat an action that failed after its resource was created."
    ));
    let detail = paragraphs.join("\n\n");
    Some(Diagnostic::error(summary, detail).at(Path::attribute(argument)))
}

/// The test of one address.
struct Test<'a> {
    address: &'a str,
    task: Option<i64>,
    /// `None` until the test has ended. An error if the service has rejected a request.
    outcome: Option<Result<ConnectivityResult, OperationError>>,
}

impl<'a> Test<'a> {
    fn new(address: &'a str) -> Self {
        Self { address, task: None, outcome: None }
    }

    fn is_reachable(&self) -> bool {
        matches!(&self.outcome, Some(Ok(result)) if result.connectivity == Connectivity::Reachable)
    }

    /// A line of the error; `None` if the address is reachable, or if the test has not ended.
    fn failure(&self) -> Option<String> {
        let why = match &self.outcome {
            None => return None,
            Some(_) if self.is_reachable() => return None,
            Some(Ok(ConnectivityResult { text, message, .. })) if message.is_empty() => text.clone(),
            Some(Ok(ConnectivityResult { text, message, .. })) => format!("{text} ({message})"),
            Some(Err(error)) => error.called().map(client::Error::summary).unwrap_or_default(),
        };
        Some(format!("- {}: {why}", self.address))
    }

    /// Records the outcome of a request. Only a rejection is about this test alone.
    fn record<T>(&mut self, outcome: operation::Result<T>) -> operation::Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_refused() || error.is_not_found() => {
                self.outcome = Some(Err(error));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Starts the tests and reads their results until all have ended.
async fn run(
    context: &OperationContext,
    queue: &str,
    tests: &mut [Test<'_>],
    progress: &Progress,
) -> operation::Result<()> {
    for test in tests.iter_mut() {
        let started = context.read(context.project.start_connectivity_test(queue, test.address)).await;
        test.task = test.record(started)?;
    }
    let since = Instant::now();
    let is_running = |tests: &[Test<'_>]| tests.iter().any(|test| test.outcome.is_none());
    while is_running(tests) {
        let line = poll(context, queue, tests).await?;
        let elapsed = Duration::from_secs(since.elapsed().as_secs());
        progress.send(format!("{line} ({})", humantime::format_duration(elapsed)));
        if is_running(tests) {
            context.pause(POLL_INTERVAL, || format!("The connectivity tests of queue {queue:?}")).await?;
        }
    }
    Ok(())
}

/// Reads the results of the running tests, and returns a line about what is new.
async fn poll(context: &OperationContext, queue: &str, tests: &mut [Test<'_>]) -> operation::Result<String> {
    let mut parts = Vec::new();
    for test in tests.iter_mut().filter(|test| test.outcome.is_none()) {
        let Some(task) = test.task else { continue };
        let shown = context.read(context.project.show_connectivity_test(queue, task)).await;
        match test.record(shown)? {
            Some(result) if result.connectivity == Connectivity::Pending => continue,
            Some(result) => test.outcome = Some(Ok(result)),
            None => {}
        }
        parts.push(format!("{} is {}reachable", test.address, if test.is_reachable() { "" } else { "not " }));
    }
    let running = tests.iter().filter(|test| test.outcome.is_none()).count();
    if running > 0 {
        parts.push(format!("{} without a result yet", count(running)));
    }
    Ok(parts.join(", "))
}

fn count(addresses: usize) -> String {
    if addresses == 1 { "1 address".to_owned() } else { format!("{addresses} addresses") }
}
