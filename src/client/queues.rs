//! Queues: `/v1.0/{project}/queues`.

use super::error::Error;
use super::project::Project;
use crate::dli::operation::Operation;
use crate::dli::wire::{Queue, QueueList};

impl Project {
    /// Lists all queues of the project.
    pub async fn list_queues(&self) -> Result<Vec<Queue>, Error> {
        // By default the service omits general queues and all charging modes.
        let request =
            self.request(Operation::ListQueues, &[]).query("queue_type", "all").query("with-charge-info", "true");
        self.fetch(request).await.map(|list: QueueList| list.queues)
    }
}

#[cfg(test)]
mod tests {
    use crate::client::test_server::exchange;

    #[tokio::test]
    async fn list() {
        let response = r#"{"is_success":"true","message":"","queues":[{"queue_id":59,"queue_name":"q1","queue_type":"general","resource_mode":1,"charging_mode":2,"is_restarting":"false"}]}"#;
        let (request, queues) = exchange(200, response, async |project| project.list_queues().await).await;
        assert_eq!(
            request.parts(),
            (
                "GET",
                "/v1.0/48cc2c48765f481480c7db940d6409d1/queues?queue_type=all&with-charge-info=true".to_owned(),
                ""
            )
        );
        let queues = queues.expect("listed");
        assert_eq!((queues[0].queue_name.as_str(), queues[0].charging_mode), ("q1", 2));
    }
}
