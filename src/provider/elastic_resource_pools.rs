//! `dli_elastic_resource_pools`: the elastic resource pools of a project.
//!
//! | call | when |
//! |---|---|
//! | `GET /v3/{project}/elastic-resource-pools` | read; the whole list: the name filter matches substrings |

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::dli::rules;
use crate::dli::wire::Pool;
use crate::framework::model::IntoValue;
use crate::framework::schema::Attribute;
use crate::framework::types::Type;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::data_source::{Column, Filter, ListDataSource};
use crate::provider::shared::optional;
use crate::provider::shared::validators::{MatchesRule, OneOf};

pub(crate) fn elastic_resource_pools(provider_data: Arc<ProviderData>) -> ListDataSource<Pool> {
    let name = Attribute::string("name")
        .validator(MatchesRule(&[rules::POOL_NAME]))
        .description("Only the pool of exactly this name. No match is not an error.");
    let status = Attribute::string("status")
        .validator(OneOf(&["AVAILABLE", "SCALING", "CREATING", "FAILED"]))
        .description("Only pools in this state: `AVAILABLE`, `SCALING`, `CREATING` or `FAILED`.");
    ListDataSource {
        provider_data,
        type_name: "dli_elastic_resource_pools",
        description: "The elastic resource pools of a project.",
        error_summary: "Could Not Read the Elastic Resource Pools",
        rows: ("elastic_resource_pools", "The pools, sorted by name."),
        list: |project| Box::pin(project.list_pools()),
        filters: vec![Filter(name, |pool| &pool.name), Filter(status, |pool| &pool.status)],
        columns: vec![
            Column::text("name", "Name of the pool.", |pool| &pool.name),
            Column::value("status", Type::String, "`AVAILABLE`, `SCALING`, `CREATING` or `FAILED`.", |pool: &Pool| {
                optional::text(&pool.status.to_ascii_uppercase()).into_value()
            }),
            Column::text("fail_reason", "Why it FAILED; null otherwise.", |pool| &pool.fail_reason),
            Column::cidr_in_vpc(|pool| &pool.cidr_in_vpc),
            Column::charging_mode(|pool| pool.charging_mode),
            Column::number("min_cu", "Minimum compute units.", |pool| pool.min_cu),
            Column::number("max_cu", "Maximum compute units.", |pool| pool.max_cu),
            Column::number("actual_cu", "Current compute units.", |pool| pool.actual_cu),
            Column::value("queues", Type::set(Type::String), "Names of the queues in the pool.", |pool: &Pool| {
                pool.queues.iter().cloned().collect::<BTreeSet<_>>().into_value()
            }),
            Column::text("owner", "The user who created the pool.", |pool| &pool.owner),
            Column::text("description", "Description.", |pool| &pool.description),
            Column::created_at(|pool| pool.create_time),
            Column::can_be_bound("it is neither `CREATING` nor `FAILED`.", Pool::may_be_bound),
        ],
    }
}
