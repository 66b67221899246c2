//! `dli_queues`: the queues of a project, and whether a connection may bind them.
//!
//! | call | when |
//! |---|---|
//! | `GET /v1.0/{project}/queues` | read; the provider filters the whole list |

use std::sync::Arc;

use crate::dli::rules;
use crate::dli::wire::Queue;
use crate::framework::model::IntoValue;
use crate::framework::schema::Attribute;
use crate::framework::types::Type;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::data_source::{Column, Filter, ListDataSource};
use crate::provider::shared::plan_checks;
use crate::provider::shared::validators::{MatchesRule, OneOf};

pub(crate) fn queues(provider_data: Arc<ProviderData>) -> ListDataSource<Queue> {
    let name = Attribute::string("name")
        .validator(MatchesRule(&[rules::QUEUE_NAME]))
        .description("Only the queue with this name, ignoring case. No match is not an error.");
    let type_ = Attribute::string("type")
        .validator(OneOf(&["sql", "general"]))
        .description("Only queues of this type: `sql` or `general`.");
    ListDataSource {
        provider_data,
        type_name: "dli_queues",
        description: "The queues of a project, and whether an enhanced connection may bind them.",
        error_summary: "Could Not Read the Queues",
        rows: ("queues", "The queues, sorted by name."),
        list: |project| Box::pin(project.list_queues()),
        filters: vec![Filter(name, |queue| &queue.queue_name), Filter(type_, |queue| &queue.queue_type)],
        columns: vec![
            Column::text("name", "Name of the queue.", |queue| &queue.queue_name),
            Column::text("type", "`sql` or `general`.", |queue| &queue.queue_type),
            Column::text("resource_mode", "`shared` or `dedicated`.", |queue| match queue.resource_mode {
                0 => "shared",
                1 => "dedicated",
                _ => "",
            }),
            Column::charging_mode(|queue| queue.charging_mode),
            Column::text(
                "elastic_resource_pool",
                "The elastic resource pool of the queue; null if it has none.",
                |queue| &queue.elastic_resource_pool_name,
            ),
            Column::cidr_in_vpc(|queue| &queue.cidr_in_vpc),
            Column::number("cu_count", "Compute units.", |queue| queue.cu_count),
            Column::text("owner", "The user who created the queue.", |queue| &queue.owner),
            Column::text("description", "Description.", |queue| &queue.description),
            Column::created_at(|queue| queue.create_time),
            Column::can_be_bound(
                "it is dedicated or yearly/monthly or belongs to an elastic resource pool, and is not `default`.",
                Queue::may_be_bound,
            ),
            Column::value("reason", Type::String, "Why it cannot be bound; null if it can.", |queue: &Queue| {
                (!queue.may_be_bound()).then(|| format!("It is {}.", plan_checks::describe_queue(queue))).into_value()
            }),
        ],
    }
}
