//! Moves a `huaweicloud_dli_datasource_connection` to a `dli_enhanced_connection`.
//!
//! The source state holds every host record, route and queue of the connection, declared or not, and the declared tags
//! together with the provider's default tags. It holds no region's project, status or bindings: they are null until the
//! first refresh.

use super::model::{self, Connection};
use super::modify_plan::MOVED;
use crate::dli::wire;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::model::Computed;
use crate::framework::resource::{MoveSources, ResponseState};
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::provider::shared::{moved, tags};

pub(super) fn sources() -> MoveSources {
    let pairs = |name: &str, value: &str| {
        Type::list(Type::Object([name, value].map(|name| (name.to_owned(), Type::String)).into()))
    };
    let attributes = [
        ("id", Type::String),
        ("region", Type::String),
        ("name", Type::String),
        ("vpc_id", Type::String),
        ("subnet_id", Type::String),
        ("route_table_id", Type::String),
        ("queues", Type::list(Type::String)),
        ("hosts", pairs("name", "ip")),
        ("routes", pairs("name", "cidr")),
        ("tags", Type::map(Type::String)),
    ];
    moved::sources("dli_datasource_connection", attributes)
}

pub(super) fn move_state(source: &Value, response: &mut ResponseState) -> Result<(), Diagnostics> {
    let (id, name) = (moved::connection_id(source, "id")?, moved::required(source, "name")?);
    let shown = wire::Connection {
        hosts: pairs(source, "hosts", "ip").map(|(name, ip)| wire::Host { name, ip }).collect(),
        routes: pairs(source, "routes", "cidr")
            .map(|(name, cidr)| wire::Route { name, cidr, create_time: 0 })
            .collect(),
        id,
        name,
        ..wire::Connection::default()
    };
    let (hosts, duplicates) = model::hosts(&shown.hosts, None);
    let effect =
        "The first address of each is in the state; the next change of hosts writes one address for each name.";
    response.add_warning(model::duplicate_hosts_warning(&shown, &duplicates, effect));
    let routes = model::routes(&shown.routes, None);
    let queues: std::collections::BTreeSet<_> = moved::texts(source, "queues").map(str::to_owned).collect();
    let tags = tags::known(source.get("tags"));
    response.set_state(Connection {
        region: Computed(moved::text(source, "region")),
        dest_vpc_id: moved::required(source, "vpc_id")?,
        dest_network_id: moved::required(source, "subnet_id")?,
        queues: Some(queues).filter(|queues| !queues.is_empty()),
        routetable_id: moved::text(source, "route_table_id"),
        hosts: Some(hosts).filter(|hosts| !hosts.is_empty()),
        routes: Some(routes).filter(|routes| !routes.is_empty()),
        tags: Some(tags.clone()).filter(|tags| !tags.is_empty()),
        // A plan without a refresh computes it from the configuration alone, so null would show as a change.
        tags_all: Computed(Some(tags)),
        id: Computed(Some(shown.id)),
        name: shown.name,
        ..Connection::default()
    });
    response.set_private(MOVED);
    Ok(())
}

/// Names with the attribute `value` of each, as far as both are set.
fn pairs<'a>(source: &'a Value, collection: &str, value: &'a str) -> impl Iterator<Item = (String, String)> + use<'a> {
    let elements = source.get(collection).as_elements().unwrap_or_default();
    elements.iter().filter_map(move |element| Some((moved::text(element, "name")?, moved::text(element, value)?)))
}
