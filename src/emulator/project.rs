//! What the service holds for one project, as data; the snapshot file is exactly this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lifecycle::{Peering, Target};
use crate::dli::wire::{Connection, Host, Queue, STATUS_ACTIVE, STATUS_DELETED};

/// One project: its queues, pools and connections.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Project {
    pub(super) queues: Vec<Queue>,
    /// Names of the elastic resource pools.
    pub(super) pools: Vec<String>,
    /// In the order of their creation; deleted ones stay.
    pub(super) connections: Vec<Record>,
}

/// A connection with all that was ever said about it. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) dest_vpc_id: String,
    pub(super) dest_network_id: String,
    /// No read returns it.
    pub(super) routetable_id: Option<String>,
    /// In the order in which they were last sent.
    pub(super) hosts: Vec<Host>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) peerings: Vec<Peering>,
    pub(super) create_time: i64,
    pub(super) deleted: bool,
}

impl Record {
    pub(super) fn status(&self) -> &'static str {
        if self.deleted { STATUS_DELETED } else { STATUS_ACTIVE }
    }

    /// As "show" and "list" return it.
    pub(super) fn shown(&self, now: i64) -> Connection {
        let bindings = |target| {
            self.peerings
                .iter()
                .filter(move |peering| peering.target == target)
                .map(|peering| peering.shown(now))
                .collect()
        };
        Connection {
            id: self.id.clone(),
            name: self.name.clone(),
            status: self.status().to_owned(),
            available_queue_info: bindings(Target::Queue),
            elastic_resource_pools: bindings(Target::Pool),
            dest_vpc_id: self.dest_vpc_id.clone(),
            dest_network_id: self.dest_network_id.clone(),
            create_time: self.create_time,
            hosts: self.hosts.clone(),
            ..Connection::default()
        }
    }
}

impl Project {
    /// What every project has from the start: one queue of each kind that decides whether it may be bound. The two
    /// dedicated ones differ in type because "list queues" leaves out all but `sql` when it is not told otherwise.
    pub(super) fn stocked() -> Self {
        let queue = |name: &str, kind: &str, dedicated: bool, pool: &str, cidr: &str| Queue {
            queue_name: name.to_owned(),
            queue_type: kind.to_owned(),
            charging_mode: 1,
            resource_mode: i64::from(dedicated),
            elastic_resource_pool_name: pool.to_owned(),
            cidr_in_vpc: cidr.to_owned(),
            create_time: 1_704_067_200_000,
            ..Queue::default()
        };
        Self {
            queues: vec![
                queue("default", "sql", false, "", ""),
                queue("shared1", "sql", false, "", ""),
                queue("q1", "sql", true, "", "10.10.0.0/24"),
                queue("q2", "general", true, "", "10.20.0.0/24"),
                queue("pooled1", "general", true, "pool1", "10.30.0.0/18"),
            ],
            pools: vec!["pool1".to_owned()],
            connections: Vec::new(),
        }
    }

    /// The queue of that name, in any case.
    pub(super) fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.queue_name.eq_ignore_ascii_case(name))
    }
}
