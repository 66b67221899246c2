//! The schema: names, limits and descriptions are the document's.

use std::collections::BTreeSet;

use crate::{
    dli::rules,
    framework::{
        plan::{Keeps, Replaces},
        schema::{Attribute, Body, Nesting, Schema},
        types::Type,
        validate::{EachElement, EachKey},
        value::Value,
    },
    provider::checks::{AtMost, DistinctInAnyCase, Follows},
};

pub(super) fn schema() -> Schema {
    let attributes = vec![
        Attribute::string("name").required().check(Follows(&[rules::CONNECTION_NAME])).modify(Replaces).describe(
            "Name of the connection: 1 to 64 letters, digits or underscores. Changing it replaces the connection.",
        ),
        Attribute::string("dest_vpc_id")
            .required()
            .check(Follows(&[rules::VPC_ID]))
            .modify(Replaces)
            .same_when(same_text)
            .describe("ID of the VPC to connect to. Changing it replaces the connection."),
        Attribute::string("dest_network_id")
            .required()
            .check(Follows(&[rules::NETWORK_ID]))
            .modify(Replaces)
            .same_when(same_text)
            .describe("Network ID of the subnet to connect to, in that VPC. Changing it replaces the connection."),
        Attribute::new("queues", Type::set(Type::String))
            .check(EachElement(Follows(&[rules::QUEUE_NOT_DEFAULT, rules::QUEUE_NAME])))
            .check(DistinctInAnyCase)
            .same_when(same_texts)
            .describe(
                "Names of the queues that use the connection: dedicated or yearly/monthly queues, or queues in an \
                 elastic resource pool, never `default`. The service keeps the names in lower case.",
            ),
        Attribute::string("routetable_id").check(Follows(&[rules::ROUTE_TABLE_ID])).modify(Replaces).describe(
            "Route table of the subnet. The service never returns it, so a change made elsewhere is not seen. \
                 Changing it replaces the connection.",
        ),
        Attribute::new("hosts", Type::map(Type::String))
            .check(AtMost(rules::HOST_COUNT))
            .check(EachKey(Follows(&[rules::HOST_NAME])))
            .check(EachElement(Follows(&[rules::HOST_IP])))
            .describe(
                "Host records, name to IPv4 address, at most 20,000. A name has 1 to 128 letters, digits, `_`, `-` or \
                 `.` and starts with a letter. `{}` means none; without the attribute the records are not managed.",
            ),
        Attribute::new("tags", Type::map(Type::String))
            .check(AtMost(rules::TAG_COUNT))
            .check(EachKey(Follows(&[rules::TAG_KEY])))
            .check(EachElement(Follows(&[rules::TAG_VALUE])))
            .describe("Tags, key to value, at most 20. `{}` means none; without the attribute they are not managed."),
        Attribute::string("id").computed().modify(KEPT).describe("ID of the connection, a UUID."),
        Attribute::string("status")
            .computed()
            .modify(KEPT)
            .describe("`ACTIVE` as long as the connection exists. Whether a queue can use it, `bindings` says."),
        Attribute::string("created_at").computed().modify(KEPT).describe("When it was created, RFC 3339 in UTC."),
        Attribute::nested(
            "bindings",
            Nesting::Map,
            vec![
                Attribute::string("status").computed().describe("`CREATING`, `ACTIVE` or `FAILED`."),
                Attribute::string("peer_id").computed().describe("ID of the VPC peering."),
                Attribute::string("error").computed().describe("Why it failed."),
                Attribute::string("updated_at").computed().describe("When it last changed, RFC 3339 in UTC."),
            ],
        )
        .computed()
        .modify(Keeps { unless_changed: &["queues"] })
        .describe("The peering of each bound queue or elastic resource pool, by its name in lower case."),
    ];
    let description = "An enhanced datasource connection: joins DLI queues to a subnet of a VPC.".to_owned();
    Schema { version: 0, body: Body { attributes, description, ..Body::default() }, ..Schema::default() }
}

/// Once decided, it stays.
const KEPT: Keeps = Keeps { unless_changed: &[] };

fn same_text(a: &Value, b: &Value) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

fn same_texts(a: &Value, b: &Value) -> bool {
    let lower = |value: &Value| -> Option<BTreeSet<String>> {
        value.as_elements()?.iter().map(|element| element.as_str().map(str::to_ascii_lowercase)).collect()
    };
    lower(a).is_some_and(|a| Some(a) == lower(b))
}
