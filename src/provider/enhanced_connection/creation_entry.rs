//! An entry of the creation journal: what was requested, when, and the result.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::dli::{rules::same_network, wire};
use crate::provider::shared::tags::Tags;

/// Tolerated difference between the service's clock readings, which have a resolution of one second, in milliseconds.
const CLOCK_TOLERANCE: i64 = 2_000;

/// How long the service may take to carry out a request, in milliseconds.
const MAX_IN_FLIGHT: i64 = 2 * 60_000;

/// Margin around the time of the request within which a connection may be its result, in milliseconds.
const SUSPICION_MARGIN: i64 = 15 * 60_000;

/// One creation. Times are in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct CreationEntry {
    pub(super) project_id: String,
    pub(super) name: String,
    pub(super) dest_vpc_id: String,
    pub(super) dest_network_id: String,
    /// Digest of the host records.
    pub(super) hosts: String,
    pub(super) routes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) routetable_id: Option<String>,
    #[serde(default)]
    pub(super) queues: BTreeSet<String>,
    #[serde(default)]
    pub(super) elastic_resource_pools: BTreeSet<String>,
    #[serde(default)]
    pub(super) tags: Tags,
    /// IDs of the connections that had the name before.
    pub(super) before: BTreeSet<String>,
    /// When the first and the last request were sent, by the service's clock.
    pub(super) first: i64,
    pub(super) last: i64,
    /// When the creation began, by this machine's clock.
    #[serde(default)]
    pub(super) begun: i64,
    /// Key of the run.
    #[serde(default)]
    pub(super) run: String,
    /// Identifies the state of the run among those that share the directory.
    #[serde(default)]
    pub(super) state: String,
    /// ID in the service's response.
    pub(super) id: Option<String>,
    /// Whether Terraform received the response.
    #[serde(rename = "told", default)]
    pub(in crate::provider) acknowledged: bool,
}

impl CreationEntry {
    /// Creates an entry of a request that is about to be sent. `now` is the time at the service.
    pub(super) fn new(
        run: &str,
        project_id: &str,
        body: &wire::CreateConnection,
        routes: Option<&BTreeMap<String, String>>,
        before: BTreeSet<String>,
        now: OffsetDateTime,
    ) -> Self {
        let now = milliseconds(now);
        Self {
            project_id: project_id.to_owned(),
            name: body.name.clone(),
            dest_vpc_id: body.dest_vpc_id.clone(),
            dest_network_id: body.dest_network_id.clone(),
            hosts: digest(&body.hosts),
            routes: routes.cloned().unwrap_or_default(),
            routetable_id: body.routetable_id.clone(),
            queues: body.queues.iter().cloned().collect(),
            elastic_resource_pools: body.elastic_resource_pools.iter().cloned().collect(),
            tags: body.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
            before,
            first: now,
            last: now,
            begun: milliseconds(OffsetDateTime::now_utc()),
            run: run.to_owned(),
            state: String::new(),
            id: None,
            acknowledged: false,
        }
    }

    /// Records that a request is sent now; `first` if no earlier one has been sent.
    pub(super) fn mark_sent(&mut self, first: bool, now: OffsetDateTime) {
        self.last = milliseconds(now);
        if first {
            self.first = self.last;
        }
    }

    /// Time left of `watch`, counted from the last request. `None` if the request is too old to be in flight.
    pub(super) fn remaining(&self, now: OffsetDateTime, watch: std::time::Duration) -> Option<std::time::Duration> {
        let age = milliseconds(now).saturating_sub(self.last);
        let is_recent = age.unsigned_abs() <= MAX_IN_FLIGHT.unsigned_abs();
        is_recent.then(|| watch.saturating_sub(self.age_of_request(now)))
    }

    /// Time since the last request, by the service's clock.
    pub(super) fn age_of_request(&self, now: OffsetDateTime) -> std::time::Duration {
        let age = milliseconds(now).saturating_sub(self.last);
        std::time::Duration::from_millis(u64::try_from(age).unwrap_or_default())
    }

    /// Age by this machine's clock.
    pub(super) fn age(&self) -> Duration {
        Duration::milliseconds(milliseconds(OffsetDateTime::now_utc()).saturating_sub(self.begun))
    }

    /// When the creation began, for messages.
    pub(super) fn begun_text(&self) -> String {
        let begun = OffsetDateTime::from_unix_timestamp(self.begun / 1000).ok();
        begun.and_then(|begun| begun.format(&Rfc3339).ok()).unwrap_or_default()
    }

    /// The ID behind the name in a message; empty if it is unknown.
    pub(super) fn id_text(&self) -> String {
        self.id.as_ref().map(|id| format!(" with the ID {id}")).unwrap_or_default()
    }

    pub(super) fn existed_before(&self, id: &str) -> bool {
        self.before.contains(id)
    }

    /// Whether the request has the same values for the attributes that cannot be changed later.
    pub(super) fn has_same_network(&self, body: &wire::CreateConnection) -> bool {
        self.dest_vpc_id.eq_ignore_ascii_case(&body.dest_vpc_id)
            && self.dest_network_id.eq_ignore_ascii_case(&body.dest_network_id)
            && self.routetable_id == body.routetable_id
    }

    /// Whether this creation may have created the connection with this ID, of which nothing else is known.
    pub(in crate::provider) fn may_have_created(&self, id: &str) -> bool {
        self.id.as_ref().map_or_else(|| !self.existed_before(id), |created| created == id)
    }

    /// Whether this creation created `shown`: it has the ID of the response, or if there was no response, it matches
    /// the request. Tags are compared separately.
    pub(super) fn created(&self, shown: &wire::Connection) -> bool {
        match &self.id {
            Some(id) => *id == shown.id && !shown.is_deleted() && shown.name == self.name,
            None => self.matches(shown),
        }
    }

    /// Whether `shown` is new, was created while the request was in flight, and has the requested attributes.
    pub(super) fn matches(&self, shown: &wire::Connection) -> bool {
        self.is_from_its_time(shown, CLOCK_TOLERANCE, 0)
            && shown.create_time != 0
            && digest(&shown.hosts) == self.hosts
            && shown
                .routes
                .iter()
                .all(|route| self.routes.get(&route.name).is_some_and(|network| same_network(network, &route.cidr)))
            && are_all_in(&shown.available_queue_info, &self.queues)
            // The service shows a queue in a pool as its pool.
            && (!self.queues.is_empty() || are_all_in(&shown.elastic_resource_pools, &self.elastic_resource_pools))
    }

    /// Whether this creation may have created `shown`, although an attribute that can be changed differs.
    pub(super) fn possibly_created(&self, shown: &wire::Connection) -> bool {
        self.is_from_its_time(shown, SUSPICION_MARGIN, SUSPICION_MARGIN)
    }

    /// Whether `listed` are the requested tags, apart from ignored ones.
    pub(super) fn has_tags(&self, listed: &[wire::Tag], is_ignored: impl Fn(&str) -> bool) -> bool {
        let listed = listed.iter().filter(|tag| !is_ignored(&tag.key)).map(|tag| (&tag.key, &tag.value));
        listed.collect::<BTreeMap<_, _>>() == self.tags.iter().filter(|(key, _)| !is_ignored(key)).collect()
    }

    /// Whether `shown` is a new connection of the same name, VPC and subnet, created while the request was in flight or
    /// at an unknown time.
    fn is_from_its_time(&self, shown: &wire::Connection, before: i64, after: i64) -> bool {
        let from = self.first.saturating_sub(before);
        let until = self.last.saturating_add(MAX_IN_FLIGHT + after);
        let in_time = (from..=until).contains(&shown.create_time) || shown.create_time == 0;
        in_time
            && shown.name == self.name
            && shown.dest_vpc_id.eq_ignore_ascii_case(&self.dest_vpc_id)
            && shown.dest_network_id.eq_ignore_ascii_case(&self.dest_network_id)
            && !shown.is_deleted()
            && !self.existed_before(&shown.id)
    }
}

fn are_all_in(bindings: &[wire::Binding], names: &BTreeSet<String>) -> bool {
    bindings.iter().all(|binding| names.iter().any(|name| name.eq_ignore_ascii_case(&binding.name)))
}

/// Digest of host records, independent of their order and of the case of names.
fn digest(hosts: &[wire::Host]) -> String {
    let records: BTreeSet<_> = hosts.iter().map(|host| (host.name.to_ascii_lowercase(), host.ip.as_str())).collect();
    let mut hash = Sha256::new();
    for (name, ip) in records {
        hash = hash.chain_update(name).chain_update([0]).chain_update(ip).chain_update([0]);
    }
    hex::encode(hash.finalize())
}

fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn host(name: &str) -> wire::Host {
        wire::Host { name: name.into(), ip: "10.0.0.1".into() }
    }

    fn body() -> wire::CreateConnection {
        wire::CreateConnection {
            name: "c".into(),
            dest_vpc_id: "v".into(),
            dest_network_id: "n".into(),
            hosts: vec![host("a"), host("B")],
            ..wire::CreateConnection::default()
        }
    }

    fn shown(id: &str) -> wire::Connection {
        wire::Connection {
            id: id.into(),
            name: "c".into(),
            status: "ACTIVE".into(),
            dest_vpc_id: "V".into(),
            dest_network_id: "n".into(),
            hosts: vec![host("b"), host("a")],
            create_time: milliseconds(NOW),
            ..wire::Connection::default()
        }
    }

    fn creation() -> CreationEntry {
        let routes = BTreeMap::from([("r".to_owned(), "10.0.0.0/8".to_owned())]);
        CreationEntry::new("", "p", &body(), Some(&routes), ["old".to_owned()].into(), NOW)
    }

    #[test]
    fn created_requires_all_requested_attributes() {
        assert!(creation().created(&shown("new")));
        let other = |change: fn(&mut wire::Connection)| {
            let mut other = shown("new");
            change(&mut other);
            creation().created(&other)
        };
        assert!(!other(|c| c.id = "old".into()), "it existed before");
        assert!(!other(|c| c.status = "DELETED".into()));
        assert!(!other(|c| c.name = "C".into()));
        assert!(!other(|c| c.dest_vpc_id = "w".into()));
        assert!(!other(|c| c.dest_network_id = "w".into()));
        assert!(!other(|c| c.hosts.truncate(1)));
        assert!(!other(|c| c.hosts[0].ip = "10.0.0.2".into()));
        assert!(!other(|c| c.create_time = 0), "unknown time of creation");
        assert!(!other(|c| c.create_time -= 2001), "too early");
        assert!(other(|c| c.create_time -= 2000));
        assert!(!other(|c| c.create_time += 120_001), "too late");
        let routed = |name: &str, cidr: &str| {
            let mut routed = shown("new");
            routed.routes = vec![wire::Route { name: name.into(), cidr: cidr.into(), create_time: 0 }];
            creation().created(&routed)
        };
        assert!(routed("r", "10.0.0.0/8"));
        assert!(!routed("r", "10.0.0.0/9") && !routed("s", "10.0.0.0/8"));
    }

    #[test]
    fn response_id_outweighs_attributes() {
        let answered = CreationEntry { id: Some("x".into()), ..creation() };
        assert!(!answered.created(&shown("new")));
        let changed = wire::Connection { hosts: Vec::new(), create_time: 0, ..shown("x") };
        assert!(answered.created(&changed));
    }

    /// The service shows a queue in a pool as its pool.
    #[test]
    fn other_bindings_do_not_match() {
        let binding = |name: &str| wire::Binding { name: name.into(), ..wire::Binding::default() };
        let bound = |queues: &[&str], pools: &[&str]| wire::Connection {
            available_queue_info: queues.iter().map(|name| binding(name)).collect(),
            elastic_resource_pools: pools.iter().map(|name| binding(name)).collect(),
            ..shown("new")
        };
        let asked = |queues: &[&str], pools: &[&str]| CreationEntry {
            queues: queues.iter().map(|name| (*name).to_owned()).collect(),
            elastic_resource_pools: pools.iter().map(|name| (*name).to_owned()).collect(),
            ..creation()
        };
        assert!(asked(&["Q1"], &["p"]).created(&bound(&["q1"], &["P"])));
        assert!(asked(&["q1"], &[]).created(&bound(&[], &["its_pool"])));
        assert!(asked(&["q1"], &[]).created(&bound(&[], &[])), "a binding may appear later");
        assert!(!asked(&["q2"], &[]).created(&bound(&["q1"], &[])));
        assert!(!asked(&[], &["p"]).created(&bound(&[], &["q"])));
        assert!(!asked(&[], &[]).created(&bound(&["q1"], &[])));
    }

    #[test]
    fn has_tags_skips_ignored_tags() {
        let tag = |key: &str| wire::Tag { key: key.into(), value: "1".into() };
        let sent = CreationEntry { tags: [("a".to_owned(), "1".to_owned())].into(), ..creation() };
        let fits = |listed: &[&str]| {
            let listed: Vec<_> = listed.iter().map(|key| tag(key)).collect();
            sent.has_tags(&listed, |key| key.starts_with("bot:"))
        };
        assert!(fits(&["a"]) && fits(&["a", "bot:x"]));
        assert!(!fits(&[]) && !fits(&["a", "b"]) && !fits(&["b"]));
    }

    #[test]
    fn changed_connection_is_possibly_created() {
        let other = |change: fn(&mut wire::Connection)| {
            let mut other = shown("new");
            change(&mut other);
            (creation().created(&other), creation().possibly_created(&other))
        };
        assert_eq!(other(|c| c.hosts.clear()), (false, true));
        assert_eq!(other(|c| c.create_time = 0), (false, true));
        assert_eq!(other(|c| c.create_time -= 800_000), (false, true));
        assert_eq!(other(|c| c.create_time -= 1_000_000), (false, false), "long before");
        assert_eq!(other(|c| c.create_time += 1_100_000), (false, false), "long after");
        assert_eq!(other(|c| c.id = "old".into()), (false, false));
        assert_eq!(other(|c| c.dest_vpc_id = "w".into()), (false, false), "the VPC cannot change");
        assert_eq!(other(|c| c.dest_network_id = "w".into()), (false, false));
    }

    #[test]
    fn later_attempt_extends_the_time_window() {
        let mut creation = creation();
        creation.mark_sent(false, NOW + Duration::minutes(5));
        let late = wire::Connection { create_time: milliseconds(NOW + Duration::minutes(6)), ..shown("new") };
        assert!(creation.created(&late) && creation.created(&shown("new")));
        // A connection from before the first request is not the result.
        creation.mark_sent(true, NOW + Duration::minutes(5));
        assert!(creation.created(&late) && !creation.created(&shown("new")));
    }

    #[test]
    fn remaining_counts_from_the_last_request() {
        let minute = std::time::Duration::from_mins(1);
        let after = |seconds| creation().remaining(NOW + Duration::seconds(seconds), minute);
        let seconds = |seconds| Some(std::time::Duration::from_secs(seconds));
        assert_eq!([after(0), after(20), after(60), after(120)], [seconds(60), seconds(40), seconds(0), seconds(0)]);
        assert_eq!(after(121), None);
        // The clock was set back.
        assert_eq!([after(-20), after(-121)], [seconds(60), None]);
    }
}
