//! The resource as a struct, and what an answer of the service makes of it.

use std::collections::{BTreeMap, BTreeSet};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::bound::Pooled;
use crate::{
    dli::wire,
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::Computed,
        path::Path,
    },
    model,
};

model! {
    /// `None` of a collection: it is not declared, and not ours.
    #[derive(Debug, Clone, Default)]
    pub(super) struct Connection {
        pub(super) name: String,
        pub(super) dest_vpc_id: String,
        pub(super) dest_network_id: String,
        pub(super) queues: Option<BTreeSet<String>>,
        pub(super) routetable_id: Option<String>,
        pub(super) hosts: Option<BTreeMap<String, String>>,
        pub(super) tags: Option<BTreeMap<String, String>>,
        pub(super) id: Computed<String>,
        pub(super) status: Computed<String>,
        pub(super) created_at: Computed<String>,
        pub(super) bindings: Computed<BTreeMap<String, Binding>>,
    }
}

model! {
    /// The peering of one queue or pool.
    #[derive(Debug, Clone, Default)]
    pub(super) struct Binding {
        pub(super) status: Option<String>,
        pub(super) peer_id: Option<String>,
        pub(super) error: Option<String>,
        pub(super) updated_at: Option<String>,
    }
}

impl Connection {
    /// Its id; empty only before it exists.
    pub(super) fn id(&self) -> &str {
        self.id.0.as_deref().unwrap_or_default()
    }

    /// The same with an id.
    pub(super) fn with_id(self, id: String) -> Self {
        Self { id: Computed(Some(id)), ..self }
    }

    /// The body that creates it.
    pub(super) fn to_create(&self) -> wire::CreateConnection {
        wire::CreateConnection {
            name: self.name.clone(),
            dest_vpc_id: self.dest_vpc_id.clone(),
            dest_network_id: self.dest_network_id.clone(),
            queues: self.queues.iter().flatten().cloned().collect(),
            elastic_resource_pools: Vec::new(),
            routetable_id: self.routetable_id.clone(),
            hosts: host_records(self.hosts.as_ref()),
            tags: tags(self.tags.iter().flatten()),
        }
    }

    /// Takes over what the provider decides.
    pub(super) fn observe_computed(&mut self, shown: &wire::Connection) {
        self.status = Computed(text(&shown.status).map(|status| status.to_ascii_uppercase()));
        self.created_at = Computed(timestamp(shown.create_time));
        let peerings = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
        self.bindings = Computed(Some(peerings.map(|b| (b.name.to_ascii_lowercase(), binding(b))).collect()));
    }

    /// A binding that failed is no error of a call, and nobody would hear of it: Terraform shows no change of what the
    /// provider decides. Told only where the queues are ours.
    pub(super) fn failures(&self, shown: &wire::Connection) -> Diagnostics {
        let mut warnings = Diagnostics::new();
        let peerings = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
        let failed = peerings.filter(|binding| binding.status.eq_ignore_ascii_case(wire::BINDING_FAILED));
        for binding in failed.filter(|_| self.queues.is_some()) {
            let text = format!(
                "The connection {} cannot be used by {}: {}.\n\nThe service does not try again by itself. Usual causes are \
                 an address range that overlaps the subnet's, a missing agency permission of DLI, and a queue younger \
                 than ten minutes.",
                self.name,
                binding.name,
                if binding.err_msg.is_empty() {
                    "the service gives no reason"
                } else {
                    binding.err_msg.trim_end_matches('.')
                }
            );
            warnings
                .push(Diagnostic::warning("Binding Failed", text).at(Path::attribute("bindings").key(&binding.name)));
        }
        warnings
    }

    /// Takes over all that can be read: declared collections, or every one that holds something. What cannot be read
    /// (`routetable_id`) stays.
    pub(super) fn observe(
        &mut self,
        shown: &wire::Connection,
        tags: Option<Vec<wire::Tag>>,
        pooled: &Pooled,
        everything: bool,
    ) -> Diagnostics {
        let mut warnings = Diagnostics::new();
        self.observe_computed(shown);
        // What an answer leaves out must not look like a change that replaces the connection.
        let told = |told: &String| (!told.is_empty()).then(|| told.clone());
        self.name = told(&shown.name).unwrap_or_else(|| std::mem::take(&mut self.name));
        self.dest_vpc_id = told(&shown.dest_vpc_id).unwrap_or_else(|| std::mem::take(&mut self.dest_vpc_id));
        self.dest_network_id =
            told(&shown.dest_network_id).unwrap_or_else(|| std::mem::take(&mut self.dest_network_id));
        if everything {
            self.id = Computed(told(&shown.id).or_else(|| self.id.0.take()));
        }
        if self.queues.is_some() || (everything && !shown.available_queue_info.is_empty()) {
            self.queues = Some(pooled.queues_of(shown, self.queues.as_ref()));
        }
        if self.hosts.is_some() || (everything && !shown.hosts.is_empty()) {
            let (hosts, doubled) = hosts(&shown.hosts, self.hosts.as_ref());
            self.hosts = Some(hosts);
            warnings.extend(doubled.map(doubled_hosts));
        }
        warnings.extend(self.failures(shown));
        if let Some(tags) = tags.filter(|tags| self.tags.is_some() || !tags.is_empty()) {
            self.tags = Some(tags.into_iter().map(|tag| (tag.key, tag.value)).collect());
        }
        warnings
    }
}

/// Host records in the wire's form, by name.
pub(super) fn host_records(hosts: Option<&BTreeMap<String, String>>) -> Vec<wire::Host> {
    hosts.into_iter().flatten().map(|(name, ip)| wire::Host { name: name.clone(), ip: ip.clone() }).collect()
}

/// Tags in the wire's form.
pub(super) fn tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<wire::Tag> {
    tags.into_iter().map(|(key, value)| wire::Tag { key: key.clone(), value: value.clone() }).collect()
}

/// Host records as a map. Of several addresses of one name the known one counts, else the first; the names are given
/// back too.
fn hosts(
    shown: &[wire::Host],
    known: Option<&BTreeMap<String, String>>,
) -> (BTreeMap<String, String>, Option<BTreeSet<String>>) {
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    let mut doubled = BTreeSet::new();
    for wire::Host { name, ip } in shown {
        match hosts.get_mut(name) {
            None => {
                hosts.insert(name.clone(), ip.clone());
            }
            Some(first) if first != ip => {
                doubled.insert(name.clone());
                if known.and_then(|known| known.get(name)) == Some(ip) {
                    first.clone_from(ip);
                }
            }
            Some(_) => {}
        }
    }
    (hosts, (!doubled.is_empty()).then_some(doubled))
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

fn binding(shown: &wire::Binding) -> Binding {
    Binding {
        status: text(&shown.status).map(|status| status.to_ascii_uppercase()),
        peer_id: text(&shown.peer_id),
        error: text(&shown.err_msg),
        updated_at: timestamp(shown.update_time),
    }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Milliseconds since the epoch as RFC 3339; none where the service gave none.
fn timestamp(milliseconds: i64) -> Option<String> {
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

    /// 1553168490000 is the example of the document's page on queues.
    #[test]
    fn times_are_milliseconds() {
        assert_eq!(timestamp(1_553_168_490_000).as_deref(), Some("2019-03-21T11:41:30Z"));
        assert_eq!(timestamp(0), None);
        assert_eq!(timestamp(i64::MAX), None);
    }
}
