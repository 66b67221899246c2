//! All attributes of a connection, for the data sources.
//!
//! Tags and privileges take one call each. They are not read for a deleted connection.

use std::collections::BTreeSet;

use super::{model, schema};
use crate::dli::wire::{self, Binding};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::model::IntoValue;
use crate::framework::schema::{Attribute, Nesting};
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::provider::shared::operation::{OperationContext, OperationError};
use crate::provider::shared::optional;
use crate::provider::shared::tags::{self, TagPolicy, Tags};

/// A connection with its tags and the projects it is shared with.
#[derive(Debug)]
pub(in crate::provider) struct ConnectionDetails {
    /// The connection as the service returned it.
    shown: wire::Connection,
    /// All tags, including ignored ones; `None` if they cannot be read.
    pub(in crate::provider) tags: Option<Tags>,
    /// Project IDs; `None` if they cannot be read.
    shared_with: Option<BTreeSet<String>>,
    /// A warning if the service rejects listing the tags.
    pub(in crate::provider) warnings: Diagnostics,
}

impl ConnectionDetails {
    /// Reads tags and privileges. Returns `None` if the connection was deleted meanwhile.
    pub(in crate::provider) async fn read(
        context: &OperationContext,
        shown: wire::Connection,
    ) -> Result<Option<Self>, OperationError> {
        if shown.is_deleted() {
            return Ok(Some(Self { shown, tags: None, shared_with: None, warnings: Diagnostics::new() }));
        }
        let mut warnings = Diagnostics::new();
        let project = &context.project;
        let tags = match context.read(project.list_tags(&shown.id)).await {
            Ok(tags) => Some(tags::from_list(tags)),
            Err(error) if error.is_not_published() => None,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) if error.is_refused() => {
                warnings.extend(error.warn("Tags Cannot Be Read", "The attribute tags is null."));
                None
            }
            Err(error) => return Err(error),
        };
        let shared_with = match shown.is_privis {
            Some(true) => Some(BTreeSet::new()),
            _ => match context.read(project.list_privileges(&shown.id)).await {
                Ok(privileges) => Some(privileges.into_iter().map(|granted| granted.applicant_project_id).collect()),
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) if is_permanent_rejection(&error) => None,
                Err(error) => return Err(error),
            },
        };
        Ok(Some(Self { shown, tags, shared_with, warnings }))
    }

    /// Returns the values of [`attributes`], and warnings, such as one for host names with several addresses.
    pub(in crate::provider) fn into_value(self, tag_policy: &TagPolicy) -> (Value, Diagnostics) {
        let Self { mut shown, tags, shared_with, mut warnings } = self;
        // The result must not depend on the order of the response.
        shown.hosts.sort();
        let (hosts, duplicates) = model::hosts(&shown.hosts, None);
        let tags = tags.map(|tags| tags.into_iter().filter(|(key, _)| !tag_policy.ignores(key)).collect::<Tags>());
        let shared = shown.is_privis.map(|is_private| !is_private);
        let shared = shared.or_else(|| shared_with.as_ref().map(|projects| !projects.is_empty()));
        let value = Value::map([
            ("id", shown.id.as_str().into()),
            ("name", shown.name.as_str().into()),
            ("status", optional::text(&shown.status.to_ascii_uppercase()).into_value()),
            ("created_at", optional::timestamp(shown.create_time).into_value()),
            ("dest_vpc_id", optional::text(&shown.dest_vpc_id).into_value()),
            ("dest_network_id", optional::text(&shown.dest_network_id).into_value()),
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
        let warning = model::duplicate_hosts_warning(&shown, &duplicates, "hosts contains the lowest of each.");
        warnings.extend(warning);
        (value, warnings)
    }
}

/// The attributes that [`ConnectionDetails::into_value`] fills; `id` and `name` come first.
pub(in crate::provider) fn attributes() -> Vec<Attribute> {
    let all = vec![
        Attribute::string("id").description("ID of the connection, a UUID."),
        Attribute::string("name").description("Name of the connection."),
        Attribute::string("status").description("`ACTIVE` or `DELETED`. `bindings` shows whether a queue can use it."),
        Attribute::string("created_at").description("Creation time, RFC 3339 in UTC."),
        Attribute::string("dest_vpc_id").description("ID of the connected VPC."),
        Attribute::string("dest_network_id").description("Network ID of the connected subnet."),
        Attribute::bool("ipv6_enable").description("Whether IPv6 is enabled. The service derives it from the subnet."),
        Attribute::new("queues", Type::set(Type::String)).description(
            "Names of the bound queues, in lower case. For a queue in an elastic resource pool, the service binds the \
             pool instead.",
        ),
        Attribute::new("elastic_resource_pools", Type::set(Type::String))
            .description("Names of the bound elastic resource pools, in lower case."),
        Attribute::nested("bindings", Nesting::Map, schema::peering())
            .description("The peering of each bound queue or elastic resource pool, by its name in lower case."),
        Attribute::new("hosts", Type::map(Type::String)).description("Host records, name to IPv4 address."),
        Attribute::new("routes", Type::map(Type::String)).description("Routes, name to CIDR."),
        Attribute::new("tags", Type::map(Type::String)).description(
            "Tags, without those that `ignore_tags` of the provider matches. Null if the connection was deleted, if \
             the region does not publish the tag API, or if the credentials may not list tags.",
        ),
        Attribute::bool("shared").description(
            "Whether other projects may bind their queues to the connection. Null if the service does not return this.",
        ),
        Attribute::new("shared_with", Type::set(Type::String)).description(
            "IDs of the projects that the connection is shared with. Null if the connection was deleted, or if the \
             credentials may read the connection but not its privileges.",
        ),
    ];
    all.into_iter().map(Attribute::computed).collect()
}

/// Whether the service or the gateway rejected the call permanently. The data source then returns the other attributes.
fn is_permanent_rejection(error: &OperationError) -> bool {
    matches!(error, OperationError::Call { error, .. } if error.is_reported() && !error.is_transient())
}

fn names(bindings: &[Binding]) -> BTreeSet<String> {
    bindings.iter().map(|binding| binding.name.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(is_privis: Option<bool>, with: Option<&[&str]>) -> (Value, Value) {
        let shown = wire::Connection { is_privis, ..wire::Connection::default() };
        let shared_with = with.map(|projects| projects.iter().map(|&project| project.to_owned()).collect());
        let warnings = Diagnostics::new();
        let (value, _) =
            ConnectionDetails { shown, tags: None, shared_with, warnings }.into_value(&TagPolicy::default());
        (value.get("shared").clone(), value.get("shared_with").clone())
    }

    /// The documentation describes `isPrivis` for lists only. Despite its name, false means shared.
    #[test]
    fn shared_follows_from_is_privis_or_privileges() {
        let with = |project: &str| Value::set([project.into()]);
        assert_eq!(shared(Some(false), None), (true.into(), Value::Null));
        assert_eq!(shared(Some(true), Some(&[])), (false.into(), Value::set([])));
        assert_eq!(shared(None, Some(&["aa"])), (true.into(), with("aa")));
        assert_eq!(shared(None, Some(&[])), (false.into(), Value::set([])));
        assert_eq!(shared(None, None), (Value::Null, Value::Null));
    }

    #[test]
    fn every_attribute_has_a_value() {
        let (shown, warnings) = Default::default();
        let (value, _) =
            ConnectionDetails { shown, tags: None, shared_with: None, warnings }.into_value(&TagPolicy::default());
        let names: BTreeSet<_> = attributes().iter().map(|attribute| attribute.name.to_owned()).collect();
        assert_eq!(value.as_map().expect("an object").keys().cloned().collect::<BTreeSet<_>>(), names);
    }
}
