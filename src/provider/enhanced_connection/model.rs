//! The resource's model, and its conversion from and to the types of the service.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::dli::{rules, wire};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::{Computed, StringMap};
use crate::framework::path::Path;
use crate::framework::timeouts::Timeouts;
use crate::model;
use crate::provider::shared::binding_target::{BindingTarget, bindings};
use crate::provider::shared::optional::{text, timestamp};
use crate::provider::shared::pool_of_queue::{DeclaredTargets, PoolOfQueue};
use crate::provider::shared::tags::{TagPolicy, Tags};
use crate::provider::shared::wait_for_bindings;

model! {
    /// The resource. A collection that is `None` is not managed.
    #[derive(Debug, Clone, Default)]
    pub(super) struct Connection {
        pub(super) region: Computed<String>,
        pub(super) project_id: Computed<String>,
        pub(super) name: String,
        pub(super) dest_vpc_id: String,
        pub(super) dest_network_id: String,
        pub(super) elastic_resource_pools: Option<BTreeSet<String>>,
        pub(super) queues: Option<BTreeSet<String>>,
        pub(super) routetable_id: Option<String>,
        pub(super) hosts: Option<StringMap>,
        pub(super) routes: Option<BTreeMap<String, String>>,
        pub(super) tags: Option<Tags>,
        pub(super) wait_for_bindings: Option<bool>,
        pub(super) timeouts: Timeouts,
        pub(super) id: Computed<String>,
        pub(super) status: Computed<String>,
        pub(super) created_at: Computed<String>,
        pub(super) ipv6_enable: Computed<bool>,
        pub(super) tags_all: Computed<Tags>,
        pub(super) bindings: Computed<BTreeMap<String, Peering>>,
    }
}

model! {
    /// The peering of one queue or pool.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub(in crate::provider) struct Peering {
        pub(in crate::provider) status: Option<String>,
        pub(in crate::provider) peer_id: Option<String>,
        pub(in crate::provider) error: Option<String>,
        pub(in crate::provider) updated_at: Option<String>,
    }
}

/// The collections to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those that are declared.
    Declared,
    /// All that have entries.
    Everything,
}

impl Connection {
    /// Its ID; empty before it exists.
    pub(super) fn id(&self) -> &str {
        self.id.0.as_deref().unwrap_or_default()
    }

    /// The object of error messages.
    pub(super) fn subject(&self) -> String {
        match self.id() {
            "" => format!("enhanced connection {:?}", self.name),
            id => format!("enhanced connection {:?} ({id})", self.name),
        }
    }

    /// Its region and project, if they are known.
    pub(super) fn location(&self) -> (Option<&str>, Option<&str>) {
        (self.region.0.as_deref(), self.project_id.0.as_deref())
    }

    pub(super) fn declared(&self) -> DeclaredTargets<'_> {
        DeclaredTargets { queues: self.queues.as_ref(), pools: self.elastic_resource_pools.as_ref() }
    }

    /// Whether a list response with these fields can confirm the state.
    ///
    /// A missing field decodes as empty, so it cannot confirm a collection that the state has.
    pub(super) fn is_confirmed_by(&self, fields: wire::ConnectionFields) -> bool {
        fields.has_bindings()
            && (fields.has_hosts() || self.hosts.is_none())
            && (fields.has_routes() || self.routes.is_none())
    }

    /// Whether an apply waits until the bindings are ACTIVE.
    pub(super) fn waits(&self) -> bool {
        self.wait_for_bindings.unwrap_or(true)
    }

    /// The tags that Terraform manages according to the state.
    pub(super) fn owned_tags(&self) -> Tags {
        self.tags_all.0.clone().or_else(|| self.tags.clone()).unwrap_or_default()
    }

    /// The body of the create request, with all tags.
    pub(super) fn to_create(&self, tags: &Tags) -> wire::CreateConnection {
        wire::CreateConnection {
            name: self.name.clone(),
            dest_vpc_id: self.dest_vpc_id.clone(),
            dest_network_id: self.dest_network_id.clone(),
            queues: self.queues.iter().flatten().cloned().collect(),
            elastic_resource_pools: self.elastic_resource_pools.iter().flatten().cloned().collect(),
            routetable_id: self.routetable_id.clone(),
            hosts: host_records(self.hosts.as_ref()),
            tags: tag_list(tags),
        }
    }

    /// Sets the computed attributes, except for tags.
    pub(super) fn apply_computed(&mut self, shown: &wire::Connection, pool_of_queue: &PoolOfQueue) {
        self.status = Computed(text(&shown.status).map(|status| status.to_ascii_uppercase()));
        self.created_at = Computed(timestamp(shown.create_time));
        self.ipv6_enable = Computed(shown.ipv6_enable);
        let mut peerings = peerings(shown);
        let pools: BTreeSet<_> =
            self.elastic_resource_pools.iter().flatten().map(|pool| BindingTarget::pool(pool)).collect();
        for queue in self.queues.iter().flatten() {
            let target = pool_of_queue.of(shown, queue);
            if let Some(binding) = target.peering(shown) {
                peerings.insert(queue.to_ascii_lowercase(), peering(binding));
            }
            if matches!(target, BindingTarget::Pool(_)) && !pools.contains(&target) {
                peerings.remove(target.name());
            }
        }
        self.bindings = Computed(Some(peerings));
    }

    /// Returns a warning for each FAILED binding that Terraform manages, with the name of its target.
    pub(super) fn failures(&self, shown: &wire::Connection, pool_of_queue: &PoolOfQueue) -> Vec<(String, Diagnostic)> {
        let targets = pool_of_queue.targets(shown, self.declared());
        let is_managed = |target: &BindingTarget| {
            let manages_all =
                if target.is_pool() { self.elastic_resource_pools.is_some() } else { self.queues.is_some() };
            manages_all || targets.contains(target)
        };
        let failed = bindings(shown).filter(|(_, binding)| binding.has_status(wire::BINDING_FAILED));
        let warning = |binding: &wire::Binding| wait_for_bindings::failure_warning(&self.name, binding);
        let managed = failed.filter(|(target, _)| is_managed(target));
        managed.map(|(_, binding)| (binding.name.clone(), warning(binding))).collect()
    }

    /// Sets everything that the service returned; `tags` is `None` if they were not read.
    ///
    /// `routetable_id`, which the service never returns, stays.
    pub(super) fn apply_remote(
        &mut self,
        shown: &wire::Connection,
        tags: Option<Tags>,
        pool_of_queue: &PoolOfQueue,
        tag_policy: &TagPolicy,
        scope: Scope,
    ) -> Diagnostics {
        let everything = scope == Scope::Everything;
        let mut warnings = Diagnostics::new();
        self.apply_computed(shown, pool_of_queue);
        // An attribute that the response omits must not look like a change that replaces the connection.
        for (attribute, shown) in [
            (&mut self.name, &shown.name),
            (&mut self.dest_vpc_id, &shown.dest_vpc_id),
            (&mut self.dest_network_id, &shown.dest_network_id),
        ] {
            if !shown.is_empty() {
                attribute.clone_from(shown);
            }
        }
        if everything && !shown.id.is_empty() {
            self.id = Computed(Some(shown.id.clone()));
        }
        let queues = pool_of_queue.queues(shown, self.declared());
        let pools = pool_of_queue.pools(shown, self.declared());
        if self.queues.is_some() || (everything && !queues.is_empty()) {
            self.queues = Some(queues);
        }
        if self.elastic_resource_pools.is_some() || (everything && !pools.is_empty()) {
            self.elastic_resource_pools = Some(pools);
        }
        // The common case is no change, and a connection can have 20,000 hosts.
        let is_changed = self.hosts.as_ref().is_none_or(|known| !is_same(known, &shown.hosts));
        if is_changed && (self.hosts.is_some() || (everything && !shown.hosts.is_empty())) {
            let (hosts, duplicates) = hosts(&shown.hosts, self.hosts.as_ref());
            self.hosts = Some(hosts);
            let effect = "One address of each is shown; the next change of hosts writes one address for each name.";
            let warning = duplicate_hosts_warning(shown, &duplicates, effect);
            warnings.extend(warning.map(|warning| warning.at(Path::attribute("hosts"))));
        }
        if self.routes.is_some() || (everything && !shown.routes.is_empty()) {
            self.routes = Some(routes(&shown.routes, self.routes.as_ref()));
        }
        if let Some(present) = tags {
            let (own, all) = match scope {
                Scope::Everything => tag_policy.import(present),
                Scope::Declared => tag_policy.read(present, self.tags.as_ref(), &self.owned_tags()),
            };
            self.tags = own;
            self.tags_all = Computed(Some(all));
        } else if self.tags_all.0.is_none() {
            self.tags_all = Computed(Some(self.owned_tags()));
        }
        warnings
    }
}

/// Whether the service returns exactly the known host records, each once and in name order.
fn is_same(known: &StringMap, shown: &[wire::Host]) -> bool {
    known.len() == shown.len() && known.iter().zip(shown).all(|((name, ip), host)| name == host.name && ip == host.ip)
}

/// Host records as the service takes them, sorted by name.
pub(super) fn host_records(hosts: Option<&StringMap>) -> Vec<wire::Host> {
    let hosts = hosts.into_iter().flat_map(StringMap::iter);
    hosts.map(|(name, ip)| wire::Host { name: name.to_owned(), ip: ip.to_owned() }).collect()
}

/// Tags as the service takes them.
pub(super) fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<wire::Tag> {
    tags.into_iter().map(|(key, value)| wire::Tag { key: key.clone(), value: value.clone() }).collect()
}

/// Returns a function from a name in a response to its known spelling: the service may change the case.
///
/// If a response also contains the known spelling, the other name is not a variant of it.
fn known_spelling<'a, T>(
    known: Option<&'a BTreeMap<String, T>>,
    shown: impl Iterator<Item = &'a str> + Clone,
) -> impl Fn(&'a str) -> &'a str {
    let by_lower_case = OnceCell::new();
    move |name| {
        let Some(known) = known.filter(|known| !known.contains_key(name)) else { return name };
        let by_lower_case: &BTreeMap<String, &'a str> = by_lower_case.get_or_init(|| {
            let shown: BTreeSet<_> = shown.clone().collect();
            let missing = known.keys().map(String::as_str).filter(|known| !shown.contains(known));
            missing.map(|known| (known.to_ascii_lowercase(), known)).collect()
        });
        by_lower_case.get(&name.to_ascii_lowercase()).copied().unwrap_or(name)
    }
}

/// Returns host records as a map, and the names that have several addresses: the known address, or else the first, is
/// used.
pub(in crate::provider) fn hosts<'a>(
    shown: &'a [wire::Host],
    known: Option<&'a StringMap>,
) -> (StringMap, BTreeSet<String>) {
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    let mut duplicates = BTreeSet::new();
    let spelling = known_spelling(known.map(StringMap::entries), shown.iter().map(|host| host.name.as_str()));
    // Records without a name or an address are ignored.
    for wire::Host { name, ip } in shown.iter().filter(|host| !host.name.is_empty() && !host.ip.is_empty()) {
        let name = spelling(name);
        match hosts.get_mut(name) {
            None => drop(hosts.insert(name.to_owned(), ip.clone())),
            Some(first) if first != ip => {
                if known.and_then(|known| known.get(name)) == Some(ip.as_str()) {
                    first.clone_from(ip);
                }
                duplicates.insert(name.to_owned());
            }
            Some(_) => {}
        }
    }
    (hosts.into_iter().collect(), duplicates)
}

/// Returns a warning about host names with several addresses. `effect` says which of them is shown.
pub(super) fn duplicate_hosts_warning(
    shown: &wire::Connection,
    duplicates: &BTreeSet<String>,
    effect: &str,
) -> Option<Diagnostic> {
    let addresses = |name: &String| {
        let hosts = shown.hosts.iter().filter(|host| host.name.eq_ignore_ascii_case(name));
        format!("{name} ({})", hosts.map(|host| host.ip.as_str()).collect::<Vec<_>>().join(", "))
    };
    let text = format!(
        "The connection {} ({}) has several addresses for {} host name(s): {}. {effect}",
        shown.name,
        shown.id,
        duplicates.len(),
        duplicates.iter().take(5).map(addresses).collect::<Vec<_>>().join(", ")
    );
    (!duplicates.is_empty()).then(|| Diagnostic::warning("Several Addresses for One Host Name", text))
}

/// Returns routes as a map, each network in its known notation or else in that of a configuration.
pub(in crate::provider) fn routes<'a>(
    shown: &'a [wire::Route],
    known: Option<&'a BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let spelling = known_spelling(known, shown.iter().map(|route| route.name.as_str()));
    let route = |route: &'a wire::Route| {
        let name = spelling(&route.name);
        let known = known.and_then(|known| known.get(name)).filter(|known| rules::same_network(known, &route.cidr));
        let cidr = known.cloned().or_else(|| rules::network(&route.cidr).map(|network| network.to_string()));
        (name.to_owned(), cidr.unwrap_or_else(|| route.cidr.clone()))
    };
    shown.iter().map(route).collect()
}

/// Returns all peerings, by name in lower case.
pub(in crate::provider) fn peerings(shown: &wire::Connection) -> BTreeMap<String, Peering> {
    let all = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
    all.map(|binding| (binding.name.to_ascii_lowercase(), peering(binding))).collect()
}

pub(in crate::provider) fn peering(shown: &wire::Binding) -> Peering {
    Peering {
        status: text(&shown.status).map(|status| status.to_ascii_uppercase()),
        peer_id: text(&shown.peer_id),
        error: text(&shown.err_msg),
        updated_at: timestamp(shown.update_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, ip: &str) -> wire::Host {
        wire::Host { name: name.into(), ip: ip.into() }
    }

    fn hosts_of(entries: &[(&str, &str)]) -> StringMap {
        entries.iter().map(|(name, ip)| ((*name).to_owned(), (*ip).to_owned())).collect()
    }

    #[test]
    fn missing_field_of_a_list_does_not_confirm() {
        let fields = |text: &str| serde_json::from_str::<wire::ConnectionFields>(text).expect("valid JSON");
        let known = Connection {
            hosts: Some(hosts_of(&[("a", "10.0.0.1")])),
            routes: Some(BTreeMap::new()),
            ..Connection::default()
        };
        let without = |name: &str| {
            let all = ["available_queue_info", "elastic_resource_pools", "hosts", "routes"];
            let rest: Vec<_> =
                all.iter().filter(|field| **field != name).map(|field| format!("{field:?}: []")).collect();
            fields(&format!("{{{}}}", rest.join(", ")))
        };
        assert!(known.is_confirmed_by(without("none")));
        for field in ["available_queue_info", "elastic_resource_pools", "hosts", "routes"] {
            assert!(!known.is_confirmed_by(without(field)), "{field}");
        }
        let unmanaged = Connection { hosts: None, routes: None, ..known };
        for field in ["hosts", "routes"] {
            assert!(unmanaged.is_confirmed_by(without(field)), "{field}");
        }
    }

    #[test]
    fn known_address_takes_precedence() {
        let shown = [host("a", "10.0.0.1"), host("a", "10.0.0.2"), host("b", "10.0.0.3"), host("b", "10.0.0.3")];
        let known = hosts_of(&[("a", "10.0.0.2")]);
        let (read, duplicates) = hosts(&shown, Some(&known));
        assert_eq!(read, hosts_of(&[("a", "10.0.0.2"), ("b", "10.0.0.3")]));
        assert_eq!(duplicates, BTreeSet::from(["a".to_owned()]));
    }

    #[test]
    fn known_spelling_is_kept() {
        let known = hosts_of(&[("Node-1", "10.0.0.2")]);
        let (read, _) = hosts(&[host("node-1", "10.0.0.2"), host("X", "10.0.0.3")], Some(&known));
        assert_eq!(read, hosts_of(&[("Node-1", "10.0.0.2"), ("X", "10.0.0.3")]));

        let route = |name: &str, cidr: &str| wire::Route { name: name.into(), cidr: cidr.into(), create_time: 0 };
        let known = BTreeMap::from([("r".to_owned(), "2407:C080::/32".to_owned())]);
        let read = routes(&[route("r", "2407:c080::/32"), route("single", "127.0.0.0")], Some(&known));
        assert_eq!(
            read,
            BTreeMap::from([("r".into(), "2407:C080::/32".into()), ("single".into(), "127.0.0.0/32".into())])
        );
        let both = [route("r", "10.0.0.0/8"), route("R", "11.0.0.0/8")];
        assert_eq!(routes(&both, Some(&known)).len(), 2, "two routes");
    }
}
