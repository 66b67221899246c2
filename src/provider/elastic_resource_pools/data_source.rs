//! `dli_elastic_resource_pools`: the elastic resource pools of a project.
//!
//! | call | when |
//! |---|---|
//! | `GET /v3/{project}/elastic-resource-pools` | read; the whole list, because the name filter also matches substrings |

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::{
    client::{Error, Project},
    dli::{rules, wire::Pool},
    framework::{model::IntoValue, schema::Attribute, types::Type, value::Value},
    provider::{
        enhanced_connection::model::{text as text_or_null, timestamp},
        shared::{
            data_source::{Column, ListDataSource, ListSource, ListTexts, charging_mode, text},
            validators::{MatchesRule, OneOf},
        },
    },
};

pub(in crate::provider) type ElasticResourcePoolsDataSource = ListDataSource<ElasticResourcePools>;

#[derive(Debug)]
pub(in crate::provider) struct ElasticResourcePools;

#[async_trait]
impl ListSource for ElasticResourcePools {
    type Entry = Pool;

    const TEXTS: ListTexts = ListTexts {
        type_name: "dli_elastic_resource_pools",
        description: "The elastic resource pools of a project.",
        list: ("elastic_resource_pools", "The pools, sorted by name."),
        error_summary: "Could Not Read the Elastic Resource Pools",
    };

    fn filters() -> Vec<Attribute> {
        vec![
            Attribute::string("name")
                .validator(MatchesRule(&[rules::POOL_NAME]))
                .description("Only the pool of exactly this name. No match is not an error."),
            Attribute::string("status")
                .validator(OneOf(&["AVAILABLE", "SCALING", "CREATING", "FAILED"]))
                .description("Only pools in this state: `AVAILABLE`, `SCALING`, `CREATING` or `FAILED`."),
        ]
    }

    fn columns() -> Vec<Column<Pool>> {
        let string = |name, text, value: fn(&Pool) -> Value| Column(name, Type::String, text, value);
        let number = |name, text, value: fn(&Pool) -> Value| Column(name, Type::Number, text, value);
        vec![
            string("name", "Name of the pool.", |pool| pool.name.as_str().into()),
            string("status", "`AVAILABLE`, `SCALING`, `CREATING` or `FAILED`.", |pool| {
                text_or_null(&pool.status.to_ascii_uppercase()).into_value()
            }),
            string("fail_reason", "Why it FAILED; null otherwise.", |pool| {
                text_or_null(&pool.fail_reason).into_value()
            }),
            string(
                "cidr_in_vpc",
                "Network of the pool. It must not overlap the network of a connection's VPC.",
                |pool| text_or_null(&pool.cidr_in_vpc).into_value(),
            ),
            string(
                "charging_mode",
                "`pay_per_use` (by the CU-hour) or `yearly_monthly`; null if the service does not return it.",
                |pool| charging_mode(pool.charging_mode),
            ),
            number("min_cu", "Minimum compute units.", |pool| pool.min_cu.into()),
            number("max_cu", "Maximum compute units.", |pool| pool.max_cu.into()),
            number("actual_cu", "Current compute units.", |pool| pool.actual_cu.into()),
            Column("queues", Type::set(Type::String), "Names of the queues in the pool.", |pool| {
                pool.queues.iter().cloned().collect::<BTreeSet<_>>().into_value()
            }),
            string("owner", "The user who created the pool.", |pool| text_or_null(&pool.owner).into_value()),
            string("description", "Description.", |pool| text_or_null(&pool.description).into_value()),
            string("created_at", "Creation time, RFC 3339 in UTC.", |pool| timestamp(pool.create_time).into_value()),
            Column(
                "can_be_bound",
                Type::Bool,
                "Whether an enhanced connection may bind it: it is neither `CREATING` nor `FAILED`.",
                |pool| pool.may_be_bound().into(),
            ),
        ]
    }

    async fn list(project: &Project) -> Result<Vec<Pool>, Error> {
        project.list_pools().await
    }

    fn name(pool: &Pool) -> &str {
        &pool.name
    }

    fn matches(pool: &Pool, config: &Value) -> bool {
        let is = |filter, value: &str| text(config, filter).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
        is("name", &pool.name) && is("status", &pool.status)
    }
}
