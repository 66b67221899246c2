//! Connectivity tests: `/v1.0/{project}/queues/{queue}/connection-test`.

use serde_json::json;

use super::error::Error;
use super::project::Project;
use crate::dli::operation::Operation;
use crate::dli::wire::{ConnectivityStatus, ConnectivityTask};

/// The state of a connectivity test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// The queue reaches the address.
    Reachable,
    /// The queue does not reach the address.
    Unreachable,
    /// The test has not ended.
    Pending,
}

impl Connectivity {
    /// Classifies the text of the service. The documents name only `REACHABLE`.
    fn of(text: &str) -> Self {
        let text = text.to_ascii_uppercase();
        match text.as_str() {
            "REACHABLE" => Self::Reachable,
            _ if ["UNREACH", "FAIL", "NOT"].iter().any(|part| text.contains(part)) => Self::Unreachable,
            _ => Self::Pending,
        }
    }
}

/// The result of a connectivity test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectivityResult {
    /// The state.
    pub connectivity: Connectivity,
    /// The text of the service for the state, such as `REACHABLE`.
    pub text: String,
    /// The message of the service; may be empty.
    pub message: String,
}

impl Project {
    /// Starts a test whether a queue reaches an address, `HOST:PORT`, and returns the ID of the task.
    ///
    /// A test changes nothing, so it is repeated if the outcome of the request is unknown.
    pub async fn start_connectivity_test(&self, queue: &str, address: &str) -> Result<i64, Error> {
        let request = self.request(Operation::CreateConnectivityTask, &[queue]).body(&json!({ "address": address }));
        self.fetch(request).await.map(|started: ConnectivityTask| started.task_id)
    }

    /// Reads the result of a test.
    pub async fn show_connectivity_test(&self, queue: &str, task: i64) -> Result<ConnectivityResult, Error> {
        let request = self.request(Operation::ShowConnectivityTask, &[queue, &task.to_string()]);
        let ConnectivityStatus { connectivity: text, message } = self.fetch(request).await?;
        Ok(ConnectivityResult { connectivity: Connectivity::of(&text), text, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server::exchange;

    /// The examples of the documents.
    #[tokio::test]
    async fn start_and_show() {
        let path = "/v1.0/48cc2c48765f481480c7db940d6409d1/queues/q1/connection-test";
        let response = r#"{"is_success":true,"message":"check connectivity to address:iam.xxx.com with port: 443 successfully","task_id":9}"#;
        let (request, task) =
            exchange(200, response, async |project| project.start_connectivity_test("q1", "iam.xxx.com:443").await)
                .await;
        assert_eq!(request.parts(), ("POST", path.to_owned(), r#"{"address":"iam.xxx.com:443"}"#));
        assert_eq!(task.expect("started"), 9);

        let response = r#"{"is_success":true,"message":"Get node connectivity status successfully for addressId:9","connectivity":"REACHABLE"}"#;
        let (request, result) =
            exchange(200, response, async |project| project.show_connectivity_test("q1", 9).await).await;
        assert_eq!(request.parts(), ("GET", format!("{path}/9"), ""));
        let result = result.expect("shown");
        assert_eq!((result.connectivity, result.text.as_str()), (Connectivity::Reachable, "REACHABLE"));
    }

    #[test]
    fn undocumented_texts_are_classified() {
        for (text, connectivity) in [
            ("reachable", Connectivity::Reachable),
            ("UNREACHABLE", Connectivity::Unreachable),
            ("Not reachable", Connectivity::Unreachable),
            ("failed", Connectivity::Unreachable),
            ("", Connectivity::Pending),
            ("RUNNING", Connectivity::Pending),
        ] {
            assert_eq!(Connectivity::of(text), connectivity, "{text}");
        }
    }
}
