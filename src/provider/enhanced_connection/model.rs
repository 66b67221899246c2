//! The resource as a struct, and what an answer of the service makes of it.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    dli::{rules, wire},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::Computed,
        path::Path,
        timeouts::Timeouts,
    },
    model,
    provider::{
        shared::binding_target::{BindingTarget, DeclaredTargets, PoolOfQueue},
        shared::tags::{TagPolicy, Tags},
        shared::wait_for_bindings,
    },
};

model! {
    /// `None` of a collection: it is not declared, and not ours.
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
        pub(super) hosts: Option<BTreeMap<String, String>>,
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

/// What was seen of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct RemoteState<'a> {
    pub(super) shown: &'a wire::Connection,
    /// `None` where they were not asked for, or cannot be.
    pub(super) tags: Option<&'a Tags>,
    pub(super) pool_of_queue: &'a PoolOfQueue,
    pub(super) tag_policy: &'a TagPolicy,
    /// Whether to take in what is not declared, too.
    pub(super) everything: bool,
}

impl Connection {
    /// Its id; empty only before it exists.
    pub(super) fn id(&self) -> &str {
        self.id.0.as_deref().unwrap_or_default()
    }

    /// As messages name it.
    pub(super) fn subject(&self) -> String {
        match self.id() {
            "" => format!("enhanced connection {:?}", self.name),
            id => format!("enhanced connection {:?} ({id})", self.name),
        }
    }

    /// Its region and project, as far as they are known.
    pub(super) fn location(&self) -> (Option<&str>, Option<&str>) {
        (self.region.0.as_deref(), self.project_id.0.as_deref())
    }

    /// Its queues and pools.
    pub(super) fn declared(&self) -> DeclaredTargets<'_> {
        DeclaredTargets { queues: self.queues.as_ref(), pools: self.elastic_resource_pools.as_ref() }
    }

    /// Whether an apply ends only when the bindings work.
    pub(super) fn waits(&self) -> bool {
        self.wait_for_bindings.unwrap_or(true)
    }

    /// What Terraform owns of the tags, as far as the state tells.
    pub(super) fn owned_tags(&self) -> Tags {
        self.tags_all.0.clone().or_else(|| self.tags.clone()).unwrap_or_default()
    }

    /// The body that creates it, with all tags that it is to have.
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

    /// Takes over what the provider decides, the tags aside.
    pub(super) fn apply_computed(&mut self, shown: &wire::Connection) {
        self.status = Computed(text(&shown.status).map(|status| status.to_ascii_uppercase()));
        self.created_at = Computed(timestamp(shown.create_time));
        self.ipv6_enable = Computed(shown.ipv6_enable);
        self.bindings = Computed(Some(peerings(shown)));
    }

    /// A warning for each of our bindings that came to nothing.
    pub(super) fn failures(&self, shown: &wire::Connection, pool_of_queue: &PoolOfQueue) -> Diagnostics {
        let targets = pool_of_queue.targets(shown, self.declared());
        let queues = shown.available_queue_info.iter().filter(|binding| {
            self.queues.is_some() || targets.contains(&BindingTarget::Queue(binding.name.to_ascii_lowercase()))
        });
        let pools = shown.elastic_resource_pools.iter().filter(|binding| {
            self.elastic_resource_pools.is_some()
                || targets.contains(&BindingTarget::Pool(binding.name.to_ascii_lowercase()))
        });
        let failed = queues.chain(pools).filter(|binding| binding.has_status(wire::BINDING_FAILED));
        let failed: Vec<_> = failed.cloned().collect();
        wait_for_bindings::failure_warnings(&self.name, &failed)
    }

    /// Takes over all that can be read: declared collections, or every one that holds something. What cannot be read
    /// (`routetable_id`) stays.
    pub(super) fn apply_remote(&mut self, seen: RemoteState<'_>) -> Diagnostics {
        let RemoteState { shown, tags, pool_of_queue, tag_policy, everything } = seen;
        let mut warnings = self.failures(shown, pool_of_queue);
        self.apply_computed(shown);
        // What an answer leaves out must not look like a change that replaces the connection.
        let told = |told: &String| (!told.is_empty()).then(|| told.clone());
        self.name = told(&shown.name).unwrap_or_else(|| std::mem::take(&mut self.name));
        self.dest_vpc_id = told(&shown.dest_vpc_id).unwrap_or_else(|| std::mem::take(&mut self.dest_vpc_id));
        self.dest_network_id =
            told(&shown.dest_network_id).unwrap_or_else(|| std::mem::take(&mut self.dest_network_id));
        if everything {
            self.id = Computed(told(&shown.id).or_else(|| self.id.0.take()));
        }

        let (queues, pools) =
            (pool_of_queue.queues(shown, self.declared()), pool_of_queue.pools(shown, self.declared()));
        if self.queues.is_some() || (everything && !queues.is_empty()) {
            self.queues = Some(queues);
        }
        if self.elastic_resource_pools.is_some() || (everything && !pools.is_empty()) {
            self.elastic_resource_pools = Some(pools);
        }
        if self.hosts.is_some() || (everything && !shown.hosts.is_empty()) {
            let (hosts, doubled) = hosts(&shown.hosts, self.hosts.as_ref());
            self.hosts = Some(hosts);
            warnings.extend(doubled.map(doubled_hosts));
        }
        if self.routes.is_some() || (everything && !shown.routes.is_empty()) {
            self.routes = Some(routes(&shown.routes, self.routes.as_ref()));
        }
        if let Some(present) = tags {
            let (own, all) = if everything {
                tag_policy.import(present.clone())
            } else {
                tag_policy.read(present.clone(), self.tags.as_ref(), &self.owned_tags())
            };
            self.tags = own;
            self.tags_all = Computed(Some(all));
        } else if self.tags_all.0.is_none() {
            self.tags_all = Computed(Some(self.owned_tags()));
        }
        warnings
    }
}

/// Host records in the wire's form, by name.
pub(super) fn host_records(hosts: Option<&BTreeMap<String, String>>) -> Vec<wire::Host> {
    hosts.into_iter().flatten().map(|(name, ip)| wire::Host { name: name.clone(), ip: ip.clone() }).collect()
}

/// Tags in the wire's form.
pub(super) fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<wire::Tag> {
    tags.into_iter().map(|(key, value)| wire::Tag { key: key.clone(), value: value.clone() }).collect()
}

/// The spelling that is known of a name: the service may keep another case. Not where it shows the known one, too.
struct Spelling<'a, N> {
    known: Option<&'a BTreeMap<String, String>>,
    shown: N,
    /// Known names that are not shown as they are, by their lower case; built when the first shown name is not known.
    lower: OnceCell<BTreeMap<String, &'a String>>,
}

impl<'a, N: Fn() -> BTreeSet<&'a str>> Spelling<'a, N> {
    fn new(known: Option<&'a BTreeMap<String, String>>, shown: N) -> Self {
        Self { known, shown, lower: OnceCell::new() }
    }

    fn of(&self, name: &str) -> String {
        let Some(known) = self.known.filter(|known| !known.contains_key(name)) else { return name.to_owned() };
        let lower = self.lower.get_or_init(|| {
            let shown = (self.shown)();
            let missing = known.keys().filter(|known| !shown.contains(known.as_str()));
            missing.map(|known| (known.to_ascii_lowercase(), known)).collect()
        });
        lower.get(&name.to_ascii_lowercase()).map_or(name, |known| known.as_str()).to_owned()
    }
}

/// Host records as a map. Of several addresses of one name the known one counts, else the first; the names are given
/// back too.
pub(in crate::provider) fn hosts<'a>(
    shown: &'a [wire::Host],
    known: Option<&'a BTreeMap<String, String>>,
) -> (BTreeMap<String, String>, Option<BTreeSet<String>>) {
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    let mut doubled = BTreeSet::new();
    let spelling = Spelling::new(known, || shown.iter().map(|host| host.name.as_str()).collect());
    // A record of one half alone means nothing.
    for wire::Host { name, ip } in shown.iter().filter(|host| !host.name.is_empty() && !host.ip.is_empty()) {
        let name = spelling.of(name);
        match hosts.get_mut(&name) {
            None => {
                hosts.insert(name, ip.clone());
            }
            Some(first) if first != ip => {
                if known.and_then(|known| known.get(&name)) == Some(ip) {
                    first.clone_from(ip);
                }
                doubled.insert(name);
            }
            Some(_) => {}
        }
    }
    (hosts, (!doubled.is_empty()).then_some(doubled))
}

/// Routes as a map, each network in the known spelling, else in the form that a configuration may have.
pub(in crate::provider) fn routes<'a>(
    shown: &'a [wire::Route],
    known: Option<&'a BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let spelling = Spelling::new(known, || shown.iter().map(|route| route.name.as_str()).collect());
    let route = |route: &wire::Route| {
        let name = spelling.of(&route.name);
        let known = known.and_then(|known| known.get(&name)).filter(|known| rules::same_network(known, &route.cidr));
        let cidr = known.cloned().or_else(|| rules::network(&route.cidr).map(|network| network.to_string()));
        (name, cidr.unwrap_or_else(|| route.cidr.clone()))
    };
    shown.iter().map(route).collect()
}

fn doubled_hosts(names: BTreeSet<String>) -> Diagnostic {
    let count = names.len();
    let shown = names.into_iter().take(5).collect::<Vec<_>>().join(", ");
    let text = format!(
        "The connection has several addresses for {count} host name(s): {shown}. One address of each is shown; the next \
         change of hosts writes one address for each name."
    );
    Diagnostic::warning("Several Addresses for One Host Name", text).at(Path::attribute("hosts"))
}

/// All peerings, by name in lower case.
pub(in crate::provider) fn peerings(shown: &wire::Connection) -> BTreeMap<String, Peering> {
    let all = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
    all.map(|binding| (binding.name.to_ascii_lowercase(), peering(binding))).collect()
}

/// One peering.
pub(in crate::provider) fn peering(shown: &wire::Binding) -> Peering {
    Peering {
        status: text(&shown.status).map(|status| status.to_ascii_uppercase()),
        peer_id: text(&shown.peer_id),
        error: text(&shown.err_msg),
        updated_at: timestamp(shown.update_time),
    }
}

/// A text that says something.
pub(in crate::provider) fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Milliseconds since the epoch as RFC 3339; none where the service gave none.
pub(in crate::provider) fn timestamp(milliseconds: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    (milliseconds > 0).then(|| time.format(&Rfc3339).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, ip: &str) -> wire::Host {
        wire::Host { name: name.into(), ip: ip.into() }
    }

    #[test]
    fn of_two_addresses_the_known_one_counts() {
        let shown = [host("a", "10.0.0.1"), host("a", "10.0.0.2"), host("b", "10.0.0.3"), host("b", "10.0.0.3")];
        let known = BTreeMap::from([("a".to_owned(), "10.0.0.2".to_owned())]);
        let (read, doubled) = hosts(&shown, Some(&known));
        assert_eq!(read, BTreeMap::from([("a".into(), "10.0.0.2".into()), ("b".into(), "10.0.0.3".into())]));
        assert_eq!(doubled, Some(BTreeSet::from(["a".to_owned()])));
    }

    #[test]
    fn another_case_or_form_is_not_another_thing() {
        let known = BTreeMap::from([("Node-1".to_owned(), "10.0.0.2".to_owned())]);
        let (read, _) = hosts(&[host("node-1", "10.0.0.2"), host("X", "10.0.0.3")], Some(&known));
        assert_eq!(read, BTreeMap::from([("Node-1".into(), "10.0.0.2".into()), ("X".into(), "10.0.0.3".into())]));

        let route = |name: &str, cidr: &str| wire::Route { name: name.into(), cidr: cidr.into(), create_time: 0 };
        let known = BTreeMap::from([("r".to_owned(), "2407:C080::/32".to_owned())]);
        let read = routes(&[route("r", "2407:c080::/32"), route("single", "127.0.0.0")], Some(&known));
        assert_eq!(
            read,
            BTreeMap::from([("r".into(), "2407:C080::/32".into()), ("single".into(), "127.0.0.0/32".into())])
        );
        let both = [route("r", "10.0.0.0/8"), route("R", "11.0.0.0/8")];
        assert_eq!(routes(&both, Some(&known)).len(), 2, "these are two");
    }

    /// 1553168490000 is the example of the document's page on queues.
    #[test]
    fn times_are_milliseconds() {
        assert_eq!(timestamp(1_553_168_490_000).as_deref(), Some("2019-03-21T11:41:30Z"));
        assert_eq!(timestamp(0), None);
        assert_eq!(timestamp(i64::MAX), None);
    }
}
