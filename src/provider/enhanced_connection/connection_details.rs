//! All attributes of a connection, for the data sources.
//!
//! Tags and privileges take one call each. They are not read for a deleted connection.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    dli::wire::{self, Binding},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::IntoValue,
        schema::{Attribute, Nesting},
        types::Type,
        value::Value,
    },
    provider::{
        enhanced_connection::{model, schema},
        shared::operation::{OperationContext, OperationError},
        shared::tags::{TagPolicy, Tags},
    },
};

/// A connection with its tags and the projects it is shared with.
#[derive(Debug)]
pub(in crate::provider) struct ConnectionDetails {
    shown: wire::Connection,
    /// All tags, including ignored ones; `None` if they cannot be read.
    pub(in crate::provider) tags: Option<Tags>,
    /// Project IDs; `None` if they cannot be read.
    shared_with: Option<BTreeSet<String>>,
}

impl ConnectionDetails {
    /// Reads tags and privileges; `None` if the connection was deleted meanwhile.
    pub(in crate::provider) async fn read(
        context: &OperationContext,
        shown: wire::Connection,
    ) -> Result<Option<Self>, OperationError> {
        if shown.is_deleted() {
            return Ok(Some(Self { shown, tags: None, shared_with: None }));
        }
        let project = &context.project;
        let tags = match context.read(project.list_tags(&shown.id)).await {
            Ok(tags) => Some(tags.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            Err(error) if error.is_not_published() => None,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let shared_with = match shown.is_privis {
            Some(true) => Some(BTreeSet::new()),
            _ => match context.read(project.list_privileges(&shown.id)).await {
                Ok(privileges) => Some(privileges.into_iter().map(|granted| granted.applicant_project_id).collect()),
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) if is_refused(&error) => None,
                Err(error) => return Err(error),
            },
        };
        Ok(Some(Self { shown, tags, shared_with }))
    }

    /// The values of [`attributes`], and a warning for doubled host names.
    pub(in crate::provider) fn into_value(self, tag_policy: &TagPolicy) -> (Value, Diagnostics) {
        let Self { mut shown, tags, shared_with } = self;
        // Of several addresses of one name, the result does not depend on the order of the response.
        shown.hosts.sort();
        let (hosts, doubled) = model::hosts(&shown.hosts, None);
        let tags = tags.map(|tags| tags.into_iter().filter(|(key, _)| !tag_policy.ignores(key)).collect::<Tags>());
        let shared = shown.is_privis.map(|to_nobody| !to_nobody);
        let shared = shared.or_else(|| shared_with.as_ref().map(|projects| !projects.is_empty()));
        let value = Value::map([
            ("id", shown.id.as_str().into()),
            ("name", shown.name.as_str().into()),
            ("status", model::text(&shown.status.to_ascii_uppercase()).into_value()),
            ("created_at", model::timestamp(shown.create_time).into_value()),
            ("dest_vpc_id", model::text(&shown.dest_vpc_id).into_value()),
            ("dest_network_id", model::text(&shown.dest_network_id).into_value()),
            ("ipv6_enable", shown.ipv6_enable.into_value()),
            ("queues", names(&shown.available_queue_info).into_value()),
            ("elastic_resource_pools", names(&shown.elastic_resource_pools).into_value()),
            ("bindings", model::peerings(&shown).into_value()),
            ("hosts", hosts.into_value()),
            ("routes", model::routes(&shown.routes, None).into_value()),
            ("tags", tags.into_value()),
            ("shared", shared.into_value()),
            ("shared_with", shared_with.into_value()),
        ]);
        let warning = doubled.map(|names| doubled_hosts(&shown, &names));
        (value, warning.into_iter().collect())
    }
}

/// The attributes that [`ConnectionDetails::into_value`] fills; `id` and `name` come first.
pub(in crate::provider) fn attributes() -> Vec<Attribute> {
    let all = vec![
        Attribute::string("id").description("ID of the connection, a UUID."),
        Attribute::string("name").description("Name of the connection."),
        Attribute::string("status").description("`ACTIVE` or `DELETED`. Whether a queue can use it, `bindings` says."),
        Attribute::string("created_at").description("When it was created, RFC 3339 in UTC."),
        Attribute::string("dest_vpc_id").description("ID of the VPC at the other end."),
        Attribute::string("dest_network_id").description("Network ID of the subnet at the other end."),
        Attribute::bool("ipv6_enable").description("Whether it carries IPv6, which follows from the subnet."),
        Attribute::new("queues", Type::set(Type::String)).description(
            "Names of the bound queues, in lower case. Where a queue lives in an elastic resource pool, its pool is bound \
             in its place.",
        ),
        Attribute::new("elastic_resource_pools", Type::set(Type::String))
            .description("Names of the bound elastic resource pools, in lower case."),
        Attribute::nested("bindings", Nesting::Map, schema::peering())
            .description("The peering of each bound queue or elastic resource pool, by its name in lower case."),
        Attribute::new("hosts", Type::map(Type::String)).description("Host records, name to IPv4 address."),
        Attribute::new("routes", Type::map(Type::String)).description("Routes, name to CIDR."),
        Attribute::new("tags", Type::map(Type::String)).description(
            "Tags, key to value, without those that `ignore_tags` of the provider names. Null where the connection was \
             deleted, or the region does not publish the tag API.",
        ),
        Attribute::bool("shared")
            .description("Whether other projects may bind their queues to it; null where the service does not tell."),
        Attribute::new("shared_with", Type::set(Type::String)).description(
            "IDs of those projects. Null where the connection was deleted, or the service refuses to tell: whoever may \
             see a connection need not be allowed to see that.",
        ),
    ];
    all.into_iter().map(Attribute::computed).collect()
}

/// Whether the service, or the gateway, answered that this call is not for us: that is no reason to show nothing.
fn is_refused(error: &OperationError) -> bool {
    matches!(error, OperationError::Call { error, .. } if error.api().is_some() && !error.is_transient())
}

fn names(bindings: &[Binding]) -> BTreeSet<String> {
    bindings.iter().map(|binding| binding.name.to_ascii_lowercase()).collect()
}

fn doubled_hosts(shown: &wire::Connection, names: &BTreeSet<String>) -> Diagnostic {
    let mut addresses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for host in shown.hosts.iter().filter(|host| names.contains(&host.name)) {
        addresses.entry(&host.name).or_default().push(&host.ip);
    }
    let told = addresses.iter().take(5).map(|(name, ips)| format!("{name} ({})", ips.join(", ")));
    let text = format!(
        "The connection {} ({}) has several addresses for {} host name(s): {}. The lowest of each is shown.",
        shown.name,
        shown.id,
        names.len(),
        told.collect::<Vec<_>>().join(", ")
    );
    Diagnostic::warning("Several Addresses for One Host Name", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(is_privis: Option<bool>, with: Option<&[&str]>) -> (Value, Value) {
        let shown = wire::Connection { is_privis, ..wire::Connection::default() };
        let shared_with = with.map(|projects| projects.iter().map(|&project| project.to_owned()).collect());
        let (value, _) = ConnectionDetails { shown, tags: None, shared_with }.into_value(&TagPolicy::default());
        (value.get("shared").clone(), value.get("shared_with").clone())
    }

    /// The page says `isPrivis` of lists only, and the other way round than its name: false is shared.
    #[test]
    fn whether_it_is_shared_is_told_by_either_and_else_not_known() {
        let with = |project: &str| Value::set([project.into()]);
        assert_eq!(shared(Some(false), None), (true.into(), Value::Null));
        assert_eq!(shared(Some(true), Some(&[])), (false.into(), Value::set([])));
        assert_eq!(shared(None, Some(&["aa"])), (true.into(), with("aa")));
        assert_eq!(shared(None, Some(&[])), (false.into(), Value::set([])));
        assert_eq!(shared(None, None), (Value::Null, Value::Null));
    }

    #[test]
    fn every_attribute_has_its_value() {
        let (value, _) = ConnectionDetails { shown: wire::Connection::default(), tags: None, shared_with: None }
            .into_value(&TagPolicy::default());
        let names: BTreeSet<_> = attributes().iter().map(|attribute| attribute.name.to_owned()).collect();
        assert_eq!(value.as_map().expect("an object").keys().cloned().collect::<BTreeSet<_>>(), names);
    }
}
