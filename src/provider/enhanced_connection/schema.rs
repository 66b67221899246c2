//! The schema. Names and limits are those of the DLI API Reference.

use std::time::Duration;

use crate::dli::rules;
use crate::framework::plan_modifier::{RequiresReplace, USE_STATE_FOR_UNKNOWN, UseStateForUnknown};
use crate::framework::schema::{Attribute, BlockBody, Nesting, Schema};
use crate::framework::timeouts::Timeouts;
use crate::framework::types::Type;
use crate::framework::validator::{KeysAre, ValuesAre};
use crate::provider::shared::location;
use crate::provider::shared::semantic_equality::{same_networks, same_text, same_texts};
use crate::provider::shared::validators::{DistinctInAnyCase, DistinctNetworks, MatchesRule, ObjectId, SizeAtMost};

/// Default timeouts. The binding of a new queue takes 5 to 10 minutes.
pub(super) const CREATE: Duration = Duration::from_mins(20);
pub(super) const READ: Duration = Duration::from_mins(5);
pub(super) const UPDATE: Duration = Duration::from_mins(20);
pub(super) const DELETE: Duration = Duration::from_mins(20);

#[expect(clippy::too_many_lines, reason = "a table of attributes")]
pub(super) fn schema() -> Schema {
    let mut attributes = vec![
        Attribute::string("name")
            .required()
            .validator(MatchesRule(&[rules::CONNECTION_NAME]))
            .plan_modifier(RequiresReplace)
            .description(
                "Name of the connection: 1 to 64 letters, digits or underscores. Changing it replaces the connection.",
            ),
        Attribute::string("dest_vpc_id")
            .required()
            .validator(ObjectId(rules::VPC_ID))
            .plan_modifier(RequiresReplace)
            .semantic_equality(same_text)
            .description("ID of the VPC to connect to. Changing it replaces the connection."),
        Attribute::string("dest_network_id")
            .required()
            .validator(ObjectId(rules::NETWORK_ID))
            .plan_modifier(RequiresReplace)
            .semantic_equality(same_text)
            .description("Network ID of the subnet to connect to, in that VPC. Changing it replaces the connection."),
        Attribute::new("elastic_resource_pools", Type::set(Type::String))
            .validator(ValuesAre(MatchesRule(&[rules::POOL_NAME])))
            .description(
                "Names of the elastic resource pools that use the connection, with all queues in them. `[]` binds \
                 none. If not set, pools are not managed.",
            ),
        Attribute::new("queues", Type::set(Type::String))
            .validator(ValuesAre(MatchesRule(&[rules::QUEUE_NOT_DEFAULT, rules::QUEUE_NAME])))
            .validator(DistinctInAnyCase)
            .semantic_equality(same_texts)
            .description(
                "Names of the queues that use the connection: dedicated or yearly/monthly queues, or queues in an \
                 elastic resource pool (binding one binds its pool), but not `default`. The service stores the names \
                 in lower case. `[]` binds none. If not set, queues are not managed.",
            ),
        Attribute::string("routetable_id")
            .validator(ObjectId(rules::ROUTE_TABLE_ID))
            .plan_modifier(RequiresReplace)
            .semantic_equality(same_text)
            .description(
                "ID of the route table of the subnet. The service never returns it, so Terraform cannot detect a \
                 change made elsewhere. Changing it replaces the connection.",
            ),
        Attribute::new("hosts", Type::map(Type::String))
            .validator(SizeAtMost(rules::HOST_COUNT))
            .validator(KeysAre(MatchesRule(&[rules::HOST_NAME])))
            .validator(ValuesAre(MatchesRule(&[rules::HOST_IP])))
            .description(
                "Host records, name to IPv4 address, at most 20,000. A name has 1 to 128 letters, digits, `_`, `-` or \
                 `.` and starts with a letter. `{}` removes all. If not set, host records are not managed.",
            ),
        Attribute::new("routes", Type::map(Type::String))
            .validator(KeysAre(MatchesRule(&[rules::ROUTE_NAME])))
            .validator(ValuesAre(MatchesRule(&[rules::ROUTE_CIDR])))
            .validator(DistinctNetworks)
            .semantic_equality(same_networks)
            .description(
                "Routes, name to CIDR (IPv4 or IPv6). A name has 1 to 64 letters, digits, `_` or `-`; no two routes \
                 have the same CIDR. A route whose CIDR changes is removed and added again. `{}` removes all. If not \
                 set, routes are not managed.",
            ),
        Attribute::new("tags", Type::map(Type::String))
            .validator(SizeAtMost(rules::TAG_COUNT))
            .validator(KeysAre(MatchesRule(&[rules::TAG_KEY])))
            .validator(ValuesAre(MatchesRule(&[rules::TAG_VALUE])))
            .description(
                "Tags, at most 20 together with `default_tags` of the provider. With `{}`, the connection has only the \
                 default tags. If not set, only the default tags are managed.",
            ),
        Attribute::bool("wait_for_bindings").description(
            "Whether create and update wait until the binding of every declared queue and elastic resource pool is \
             ACTIVE, and fail if one is FAILED. Default: `true`.",
        ),
    ];
    attributes.extend(location::resource_attributes());
    let constant = |attribute: Attribute| attribute.computed().plan_modifier(USE_STATE_FOR_UNKNOWN);
    attributes.extend([
        constant(Attribute::string("id")).description("ID of the connection, a UUID."),
        constant(Attribute::string("status"))
            .description("`ACTIVE` while the connection exists. `bindings` shows whether a queue can use it."),
        constant(Attribute::string("created_at")).description("Creation time, RFC 3339 in UTC."),
        constant(Attribute::bool("ipv6_enable"))
            .description("Whether IPv6 is enabled. The service derives it from the subnet."),
        Attribute::new("tags_all", Type::map(Type::String))
            .computed()
            .description("All managed tags: `tags` and `default_tags` of the provider."),
        Attribute::nested("bindings", Nesting::Map, peering())
            .computed()
            .plan_modifier(UseStateForUnknown { unless_changed: &["queues", "elastic_resource_pools"] })
            .description(
                "The peering of each bound queue or elastic resource pool, by its name in lower case. If a declared \
                 queue is in a pool that is not declared, the queue has the peering of the pool.",
            ),
    ]);
    let description =
        "Manages an enhanced datasource connection, which joins DLI queues and elastic resource pools to a subnet of a \
         VPC, with host records, routes and tags."
            .to_owned();
    let blocks = vec![Timeouts::block(&[("create", CREATE), ("read", READ), ("update", UPDATE), ("delete", DELETE)])];
    Schema {
        version: 1,
        body: BlockBody { attributes, blocks, description, ..BlockBody::default() },
        ..Schema::default()
    }
}

/// The schema of the identity.
pub(super) fn identity() -> Schema {
    let mut attributes = vec![
        Attribute::string("id")
            .required()
            .validator(MatchesRule(&[rules::CONNECTION_ID]))
            .semantic_equality(same_text)
            .description("ID of the connection, a UUID."),
    ];
    attributes.extend(location::identity_attributes());
    Schema::new("", attributes)
}

/// The attributes of one peering.
pub(in crate::provider) fn peering() -> Vec<Attribute> {
    vec![
        Attribute::string("status").computed().description("`CREATING`, `ACTIVE` or `FAILED`."),
        Attribute::string("peer_id").computed().description("ID of the VPC peering."),
        Attribute::string("error").computed().description("Error message of the service, if the binding failed."),
        Attribute::string("updated_at").computed().description("Time of the last change, RFC 3339 in UTC."),
    ]
}
