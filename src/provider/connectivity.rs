//! Connectivity tests: whether a queue reaches an address, as a data source and as an action.

pub(super) mod action;
pub(super) mod data_source;

use std::time::Duration;

/// Interval between reads of a result.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

const QUEUE: &str = "Name of the queue that the test runs on. To test an elastic resource pool, use one of its queues.";
