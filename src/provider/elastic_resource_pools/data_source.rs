//! `dli_elastic_resource_pools`: the elastic resource pools of a project.
//!
//! | call | when |
//! |---|---|
//! | `GET /v3/{project}/elastic-resource-pools` | read; the whole list, because the service finds a name in any other |

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;

use crate::{
    dli::{rules, wire::Pool},
    framework::{
        data_source::{DataRequest, DataSource},
        diagnostic::Diagnostics,
        model::IntoValue,
        resource::ResponseState,
        schema::{Attribute, Nesting, Schema},
        types::Type,
        value::Value,
    },
    provider::{
        enhanced_connection::model,
        provider_data::ProviderData,
        shared::data_source::{self, answer, charging_mode, open, text, to_errors},
        shared::location,
        shared::validators::{MatchesRule, OneOf},
    },
};

/// The kind of data source.
#[derive(Debug)]
pub(in crate::provider) struct ElasticResourcePoolsDataSource(pub(in crate::provider) Arc<ProviderData>);

#[async_trait]
impl DataSource for ElasticResourcePoolsDataSource {
    fn type_name(&self) -> &'static str {
        "dli_elastic_resource_pools"
    }

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::string("name")
                .validator(MatchesRule(&[rules::POOL_NAME]))
                .description("Only the pool of exactly this name. None that has it is no error."),
            Attribute::string("status")
                .validator(OneOf(&["AVAILABLE", "SCALING", "CREATING", "FAILED"]))
                .description("Only pools in this state: `AVAILABLE`, `SCALING`, `CREATING` or `FAILED`."),
        ];
        attributes.extend(location::data_source_attributes());
        attributes.push(
            Attribute::nested("elastic_resource_pools", Nesting::List, pool())
                .computed()
                .description("The pools, in the order of their names."),
        );
        data_source::schema("The elastic resource pools of a project.", attributes)
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let to_errors = to_errors("Could Not Read the Elastic Resource Pools");
        let context = open(&self.0, &request).await.map_err(&to_errors)?;
        let mut pools = context.read(context.project.list_pools()).await.map_err(&to_errors)?;
        let (name, status) = (text(request.config, "name"), text(request.config, "status"));
        pools.retain(|pool| {
            name.is_none_or(|name| pool.name.eq_ignore_ascii_case(name))
                && status.is_none_or(|status| pool.status.eq_ignore_ascii_case(status))
        });
        pools.sort_by(|a, b| a.name.cmp(&b.name));
        let pools = Value::List(pools.iter().map(value).collect());
        response.set_state(answer(request.config, &context, Value::map([("elastic_resource_pools", pools)])));
        Ok(())
    }
}

fn pool() -> Vec<Attribute> {
    let all = vec![
        Attribute::string("name").description("Name of the pool."),
        Attribute::string("status").description("`AVAILABLE`, `SCALING`, `CREATING` or `FAILED`."),
        Attribute::string("fail_reason").description("Why it FAILED; null otherwise."),
        Attribute::string("cidr_in_vpc").description("Its network, which must not overlap that of a connection's VPC."),
        Attribute::string("charging_mode")
            .description("`pay_per_use` (by the CU-hour) or `yearly_monthly`; null where the service does not tell."),
        Attribute::new("min_cu", Type::Number).description("Fewest compute units."),
        Attribute::new("max_cu", Type::Number).description("Most compute units."),
        Attribute::new("actual_cu", Type::Number).description("Compute units at present."),
        Attribute::new("queues", Type::set(Type::String)).description("Names of the queues in it."),
        Attribute::string("owner").description("The user who made it."),
        Attribute::string("description").description("What its maker says about it."),
        Attribute::string("created_at").description("When it was made, RFC 3339 in UTC."),
        Attribute::bool("can_be_bound")
            .description("Whether an enhanced connection may bind it: it is neither `CREATING` nor `FAILED`."),
    ];
    all.into_iter().map(Attribute::computed).collect()
}

fn value(pool: &Pool) -> Value {
    let text = |text: &str| model::text(text).into_value();
    Value::map([
        ("name", pool.name.as_str().into()),
        ("status", model::text(&pool.status.to_ascii_uppercase()).into_value()),
        ("fail_reason", text(&pool.fail_reason)),
        ("cidr_in_vpc", text(&pool.cidr_in_vpc)),
        ("charging_mode", charging_mode(pool.charging_mode).into_value()),
        ("min_cu", pool.min_cu.into()),
        ("max_cu", pool.max_cu.into()),
        ("actual_cu", pool.actual_cu.into()),
        ("queues", pool.queues.iter().cloned().collect::<BTreeSet<_>>().into_value()),
        ("owner", text(&pool.owner)),
        ("description", text(&pool.description)),
        ("created_at", model::timestamp(pool.create_time).into_value()),
        ("can_be_bound", pool.may_be_bound().into()),
    ])
}
