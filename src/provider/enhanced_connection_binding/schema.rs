//! The schema: names, limits and descriptions are the document's.

use std::{sync::Arc, time::Duration};

use crate::{
    dli::rules,
    framework::{
        plan_modifier::{RequiresReplace, USE_STATE_FOR_UNKNOWN},
        schema::{Attribute, BlockBody, Schema},
        timeouts::{Operation, Timeouts},
    },
    provider::{
        shared::connection_part,
        shared::location,
        shared::semantic_equality::same_text,
        shared::validators::{ExactlyOneOf, MatchesRule},
    },
};

/// How long each operation may take where the configuration does not say. (A binding takes 5 to 10 minutes where its queue
/// is new.)
pub(super) const CREATE: Duration = Duration::from_mins(20);
pub(super) const READ: Duration = Duration::from_mins(5);
pub(super) const DELETE: Duration = Duration::from_mins(20);
/// The two attributes of which one names what is bound; the words of the import ID, too.
pub(super) const QUEUE: &str = "queue";
pub(super) const POOL: &str = "elastic_resource_pool";

pub(super) fn schema() -> Schema {
    let mut attributes = vec![
        connection_part::connection_id(),
        Attribute::string(QUEUE)
            .validator(MatchesRule(&[rules::QUEUE_NOT_DEFAULT, rules::QUEUE_NAME]))
            .plan_modifier(RequiresReplace)
            .semantic_equality(same_text)
            .description(
                "Name of the queue: a dedicated or yearly/monthly queue, or one in an elastic resource pool, never \
                 `default`. The service keeps it in lower case. A queue in a pool binds, and at the end unbinds, the \
                 pool with all its queues: `elastic_resource_pool` says so openly. Exactly one of the two is set. \
                 Changing it replaces the binding.",
            ),
        Attribute::string(POOL).validator(MatchesRule(&[rules::POOL_NAME])).plan_modifier(RequiresReplace).description(
            "Name of the elastic resource pool, bound with all queues in it. Exactly one of this and `queue` is set. \
             Changing it replaces the binding.",
        ),
        Attribute::bool("wait_for_bindings").description(
            "Whether create ends only when the binding is ACTIVE, and fails where it is FAILED. Default: `true`. Where it \
             is FAILED later, the next plan creates it again.",
        ),
    ];
    attributes.extend(location::resource_attributes());
    attributes.extend([
        Attribute::string("id").computed().plan_modifier(USE_STATE_FOR_UNKNOWN).description(
            "`CONNECTION_ID/queue/NAME` or `CONNECTION_ID/elastic_resource_pool/NAME`, the name in lower case.",
        ),
        Attribute::string("status")
            .computed()
            .plan_modifier(USE_STATE_FOR_UNKNOWN)
            .description("`CREATING`, `ACTIVE` or `FAILED`."),
        Attribute::string("peer_id")
            .computed()
            .plan_modifier(USE_STATE_FOR_UNKNOWN)
            .description("ID of the VPC peering."),
        Attribute::string("error").computed().plan_modifier(USE_STATE_FOR_UNKNOWN).description("Why it failed."),
        Attribute::string("updated_at")
            .computed()
            .plan_modifier(USE_STATE_FOR_UNKNOWN)
            .description("When it last changed, RFC 3339 in UTC."),
    ]);
    let description =
        "One queue or one elastic resource pool that uses an enhanced datasource connection. Other queues and \
                       pools of the connection are not touched. For a connection that does not declare `queues` \
                       (`elastic_resource_pools`) itself."
            .to_owned();
    let blocks =
        vec![Timeouts::block(&[(Operation::Create, CREATE), (Operation::Read, READ), (Operation::Delete, DELETE)])];
    let body = BlockBody { attributes, blocks, description, ..BlockBody::default() };
    Schema { body, validators: vec![Arc::new(ExactlyOneOf(&[QUEUE, POOL]))], ..Schema::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{
        validate::validate,
        value::{UNKNOWN, Value},
    };

    #[test]
    fn exactly_one_of_queue_and_pool_and_what_is_unknown_waits() {
        let cases: [(Value, Value, &[&str]); 5] = [
            (Value::Null, Value::Null, &["One of Them Must Be Set at queue"]),
            ("q1".into(), "pool1".into(), &["Only One of Them Can Be Set at elastic_resource_pool"]),
            ("q1".into(), UNKNOWN, &[]),
            (UNKNOWN, Value::Null, &[]),
            (Value::Null, "pool1".into(), &[]),
        ];
        for (queue, pool, expected) in cases {
            let mut config = schema().empty();
            config.set_attribute("connection_id", "2a620c33-5609-40c9-affd-2b6453071b0f".into());
            config.set_attribute(QUEUE, queue);
            config.set_attribute(POOL, pool);
            let report = validate(&schema(), &config);
            let report: Vec<_> = report.iter().map(|error| format!("{} at {}", error.summary, error.path)).collect();
            assert_eq!(report, expected);
        }
    }
}
