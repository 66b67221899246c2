//! `dli_queues`: the queues of a project, with the facts that decide whether a connection may bind them.
//!
//! | call | when |
//! |---|---|
//! | `GET /v1.0/{project}/queues` | read; the whole list, which is narrowed down here |

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    dli::{rules, wire::Queue},
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
        shared::plan_checks,
        shared::validators::MatchesRule,
    },
};

/// The kind of data source.
#[derive(Debug)]
pub(in crate::provider) struct QueuesDataSource(pub(in crate::provider) Arc<ProviderData>);

#[async_trait]
impl DataSource for QueuesDataSource {
    fn type_name(&self) -> &'static str {
        "dli_queues"
    }

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::string("name")
                .validator(MatchesRule(&[rules::QUEUE_NAME]))
                .description("Only the queue of this name, in any case. None that has it is no error."),
            Attribute::string("type").description("Only queues of this type: `sql` or `general`."),
        ];
        attributes.extend(location::data_source_attributes());
        attributes.push(
            Attribute::nested("queues", Nesting::List, queue())
                .computed()
                .description("The queues, in the order of their names."),
        );
        data_source::schema(
            "The queues of a project, with the facts that decide whether an enhanced connection may bind them.",
            attributes,
        )
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let to_errors = to_errors("Could Not Read the Queues");
        let context = open(&self.0, &request).await.map_err(&to_errors)?;
        let mut queues = context.read(context.project.list_queues()).await.map_err(&to_errors)?;
        let same = |wanted: Option<&str>, is: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(is));
        let (name, kind) = (text(request.config, "name"), text(request.config, "type"));
        queues.retain(|queue| same(name, &queue.queue_name) && same(kind, &queue.queue_type));
        queues.sort_by(|a, b| a.queue_name.cmp(&b.queue_name));
        let queues = Value::List(queues.iter().map(value).collect());
        response.set_state(answer(request.config, &context, Value::map([("queues", queues)])));
        Ok(())
    }
}

fn queue() -> Vec<Attribute> {
    let all = vec![
        Attribute::string("name").description("Name of the queue."),
        Attribute::string("type").description("`sql` or `general`."),
        Attribute::string("resource_mode").description("`shared` or `dedicated`."),
        Attribute::string("charging_mode")
            .description("`pay_per_use` (by the CU-hour) or `yearly_monthly`; null where the service does not tell."),
        Attribute::string("elastic_resource_pool")
            .description("The elastic resource pool that it lives in; null where it lives in none."),
        Attribute::string("cidr_in_vpc").description("Its network, which must not overlap that of a connection's VPC."),
        Attribute::new("cu_count", Type::Number).description("Compute units."),
        Attribute::string("owner").description("The user who made it."),
        Attribute::string("description").description("What its maker says about it."),
        Attribute::string("created_at").description("When it was made, RFC 3339 in UTC."),
        Attribute::bool("can_be_bound").description(
            "Whether an enhanced connection may bind it: it is dedicated or yearly/monthly or lives in an elastic resource \
             pool, and is not `default`.",
        ),
        Attribute::string("reason").description("Why it cannot be bound; null where it can."),
    ];
    all.into_iter().map(Attribute::computed).collect()
}

fn value(queue: &Queue) -> Value {
    let resource_mode = match queue.resource_mode {
        0 => Some("shared".to_owned()),
        1 => Some("dedicated".to_owned()),
        _ => None,
    };
    let bindable = queue.may_be_bound();
    let text = |text: &str| model::text(text).into_value();
    Value::map([
        ("name", queue.queue_name.as_str().into()),
        ("type", text(&queue.queue_type)),
        ("resource_mode", resource_mode.into_value()),
        ("charging_mode", charging_mode(queue.charging_mode).into_value()),
        ("elastic_resource_pool", text(&queue.elastic_resource_pool_name)),
        ("cidr_in_vpc", text(&queue.cidr_in_vpc)),
        ("cu_count", queue.cu_count.into()),
        ("owner", text(&queue.owner)),
        ("description", text(&queue.description)),
        ("created_at", model::timestamp(queue.create_time).into_value()),
        ("can_be_bound", bindable.into()),
        ("reason", (!bindable).then(|| format!("It is {}.", plan_checks::describe_queue(queue))).into_value()),
    ])
}
