//! Data source `dli_connectivity`: whether a queue reaches an address, for `check` blocks.
//!
//! | call | when |
//! |---|---|
//! | `POST /v1.0/{project}/queues/{queue}/connection-test` | read, once |
//! | `GET  /v1.0/{project}/queues/{queue}/connection-test/{task}` | read, until the test has ended |

use std::sync::Arc;

use async_trait::async_trait;

use super::{POLL_INTERVAL, QUEUE};
use crate::client::Connectivity;
use crate::dli::rules;
use crate::framework::data_source::{DataRequest, DataSource};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::model::IntoValue;
use crate::framework::resource::ResponseState;
use crate::framework::schema::{Attribute, Schema};
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::data_source::{open, report, state, text};
use crate::provider::shared::location;
use crate::provider::shared::validators::MatchesRule;

#[derive(Debug)]
pub(in crate::provider) struct ConnectivityDataSource(pub(in crate::provider) Arc<ProviderData>);

#[async_trait]
impl DataSource for ConnectivityDataSource {
    fn type_name(&self) -> &'static str {
        "dli_connectivity"
    }

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::string("queue").required().validator(MatchesRule(&[rules::QUEUE_NAME])).description(QUEUE),
            Attribute::string("address")
                .required()
                .validator(MatchesRule(&[rules::CONNECTIVITY_ADDRESS]))
                .description("Host name or IP address with a port, such as `orders-db:3306` or `[2001:db8::1]:443`."),
            Attribute::bool("reachable").computed().description("Whether the queue reaches the address."),
            Attribute::string("result")
                .computed()
                .description("Result reported by the service. The API Reference lists only `REACHABLE`."),
            Attribute::string("message").computed().description("Message of the service; null if it is empty."),
        ];
        attributes.splice(2..2, location::data_source_attributes());
        Schema::new(
            "Tests whether a queue can reach an address. The test covers the peerings, routes and host records of the \
             queue's connections, and the security group of the target. Each read starts a test. An unreachable \
             address is a result, not an error, so test `reachable` in a `check` block or a postcondition. Declare the \
             data source outside of the `check` block: inside, every plan shows changes.",
            attributes,
        )
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        report("Could Not Test the Connectivity", async {
            let context = open(&self.0, &request).await?;
            let [queue, address] = ["queue", "address"].map(|name| text(request.config, name).unwrap_or_default());
            let context = context.subject(format!("connectivity from queue {queue:?} to {address:?}"));
            let project = &context.project;
            let task = context.read(project.start_connectivity_test(queue, address)).await?;
            let result = loop {
                let result = context.read(project.show_connectivity_test(queue, task)).await?;
                if result.connectivity != Connectivity::Pending {
                    break result;
                }
                context.pause(POLL_INTERVAL, || format!("The connectivity test from queue {queue:?}")).await?;
            };
            let found = Value::map([
                ("reachable", (result.connectivity == Connectivity::Reachable).into()),
                ("result", result.text.as_str().into()),
                ("message", Some(result.message).filter(|message| !message.is_empty()).into_value()),
            ]);
            response.set_state(state(request.config, &context, found));
            Ok(())
        })
        .await
    }
}
