//! `dli_queues`: the queues of a project, and whether a connection may bind them.
//!
//! | call | when |
//! |---|---|
//! | `GET /v1.0/{project}/queues` | read; the provider filters the whole list |

use async_trait::async_trait;

use crate::{
    client::{Error, Project},
    dli::{rules, wire::Queue},
    framework::{model::IntoValue, schema::Attribute, types::Type, value::Value},
    provider::{
        enhanced_connection::model::{text as text_or_null, timestamp},
        shared::{
            data_source::{Column, ListDataSource, ListSource, ListTexts, charging_mode, text},
            plan_checks,
            validators::MatchesRule,
        },
    },
};

pub(in crate::provider) type QueuesDataSource = ListDataSource<Queues>;

#[derive(Debug)]
pub(in crate::provider) struct Queues;

#[async_trait]
impl ListSource for Queues {
    type Entry = Queue;

    const TEXTS: ListTexts = ListTexts {
        type_name: "dli_queues",
        description: "The queues of a project, and whether an enhanced connection may bind them.",
        list: ("queues", "The queues, sorted by name."),
        error_summary: "Could Not Read the Queues",
    };

    fn filters() -> Vec<Attribute> {
        vec![
            Attribute::string("name")
                .validator(MatchesRule(&[rules::QUEUE_NAME]))
                .description("Only the queue of this name, in any case. No match is not an error."),
            Attribute::string("type").description("Only queues of this type: `sql` or `general`."),
        ]
    }

    fn columns() -> Vec<Column<Queue>> {
        let string = |name, text, value: fn(&Queue) -> Value| Column(name, Type::String, text, value);
        vec![
            string("name", "Name of the queue.", |queue| queue.queue_name.as_str().into()),
            string("type", "`sql` or `general`.", |queue| text_or_null(&queue.queue_type).into_value()),
            string("resource_mode", "`shared` or `dedicated`.", |queue| match queue.resource_mode {
                0 => "shared".into(),
                1 => "dedicated".into(),
                _ => Value::Null,
            }),
            string(
                "charging_mode",
                "`pay_per_use` (by the CU-hour) or `yearly_monthly`; null if the service does not return it.",
                |queue| charging_mode(queue.charging_mode),
            ),
            string("elastic_resource_pool", "The elastic resource pool of the queue; null if it has none.", |queue| {
                text_or_null(&queue.elastic_resource_pool_name).into_value()
            }),
            string(
                "cidr_in_vpc",
                "Network of the queue. It must not overlap the network of a connection's VPC.",
                |queue| text_or_null(&queue.cidr_in_vpc).into_value(),
            ),
            Column("cu_count", Type::Number, "Compute units.", |queue| queue.cu_count.into()),
            string("owner", "The user who created the queue.", |queue| text_or_null(&queue.owner).into_value()),
            string("description", "Description.", |queue| text_or_null(&queue.description).into_value()),
            string("created_at", "Creation time, RFC 3339 in UTC.", |queue| timestamp(queue.create_time).into_value()),
            Column(
                "can_be_bound",
                Type::Bool,
                "Whether an enhanced connection may bind it: it is dedicated or yearly/monthly or lives in an elastic \
                 resource pool, and is not `default`.",
                |queue| queue.may_be_bound().into(),
            ),
            string("reason", "Why it cannot be bound; null if it can.", |queue| {
                (!queue.may_be_bound()).then(|| format!("It is {}.", plan_checks::describe_queue(queue))).into_value()
            }),
        ]
    }

    async fn list(project: &Project) -> Result<Vec<Queue>, Error> {
        project.list_queues().await
    }

    fn name(queue: &Queue) -> &str {
        &queue.queue_name
    }

    fn matches(queue: &Queue, config: &Value) -> bool {
        let is = |filter, value: &str| text(config, filter).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
        is("name", &queue.queue_name) && is("type", &queue.queue_type)
    }
}
