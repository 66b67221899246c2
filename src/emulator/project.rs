//! The objects of one project, as stored in the state file.
//!
//! Fields missing in files of older versions have defaults.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    api_error::ApiError,
    binding_state::{Peering, Target},
    details::{PoolDetails, QueueDetails, SEEDED_AT},
    limits,
    networks::Networks,
};
use crate::dli::rules;
use crate::dli::wire::{Connection, Host, Pool, Queue, Route, STATUS_ACTIVE, STATUS_DELETED};

/// The queues, pools, connections and networks of a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Project {
    pub(super) queues: Vec<Queue>,
    /// Without queue names, which are derived from the queues.
    pub(super) pools: Vec<Pool>,
    /// In order of creation, with the newest deleted ones.
    pub(super) connections: Vec<Record>,
    #[serde(default)]
    pub(super) tasks: Tasks,
    #[serde(default)]
    pub(super) networks: Networks,
    /// By name; missing for those without own details.
    #[serde(default)]
    pub(super) queue_details: BTreeMap<String, QueueDetails>,
    #[serde(default)]
    pub(super) pool_details: BTreeMap<String, PoolDetails>,
}

/// A connection with everything that was set on it. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) dest_vpc_id: String,
    pub(super) dest_network_id: String,
    /// No API operation returns it.
    pub(super) routetable_id: Option<String>,
    /// In the order in which they were last sent.
    pub(super) hosts: Vec<Host>,
    /// In the order in which they were added.
    #[serde(default)]
    pub(super) routes: Vec<Route>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) peerings: Vec<Peering>,
    /// Projects that may bind their queues.
    #[serde(default)]
    pub(super) shared_with: BTreeSet<String>,
    /// Bindings of those projects.
    #[serde(default)]
    pub(super) guest_peerings: BTreeMap<String, Vec<Peering>>,
    /// Whether it is in use by a project that it is shared with.
    #[serde(skip)]
    pub(super) is_lent: bool,
    #[serde(default)]
    pub(super) ipv6_enable: bool,
    pub(super) create_time: i64,
    pub(super) deleted: bool,
    /// Time until which a deleted connection stays ACTIVE.
    #[serde(default)]
    pub(super) leaves_at: i64,
}

impl Record {
    pub(super) fn is_gone(&self, now: i64) -> bool {
        self.deleted && now >= self.leaves_at
    }

    pub(super) fn status(&self, now: i64) -> &'static str {
        if self.is_gone(now) { STATUS_DELETED } else { STATUS_ACTIVE }
    }

    fn strip(&mut self) {
        self.hosts = Vec::new();
        self.routes = Vec::new();
        self.tags.clear();
        self.peerings = Vec::new();
        self.shared_with.clear();
        self.guest_peerings.clear();
    }

    pub(super) fn to_wire(&self, now: i64) -> Connection {
        let bindings = |target| {
            let peerings = self.peerings.iter().filter(|peering| peering.target == target);
            peerings.map(|peering| peering.to_wire(now)).collect()
        };
        Connection {
            id: self.id.clone(),
            name: self.name.clone(),
            status: self.status(now).to_owned(),
            available_queue_info: bindings(Target::Queue),
            elastic_resource_pools: bindings(Target::Pool),
            dest_vpc_id: self.dest_vpc_id.clone(),
            dest_network_id: self.dest_network_id.clone(),
            create_time: self.create_time,
            hosts: self.hosts.clone(),
            routes: self.routes.clone(),
            ipv6_enable: Some(self.ipv6_enable),
            is_privis: Some(self.shared_with.is_empty()),
        }
    }
}

/// Number of connectivity tasks kept per project. The oldest is dropped first.
const MAX_TASKS: usize = 1000;

/// The connectivity tasks of one project by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tasks {
    /// Number of tasks created.
    made: i64,
    kept: BTreeMap<i64, Task>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) queue: String,
    pub(super) reachable: bool,
    /// Time at which the test ends, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub(super) ends_at: i64,
}

impl Tasks {
    pub(super) fn add(&mut self, task: Task) -> i64 {
        self.made += 1;
        self.kept.insert(self.made, task);
        if self.kept.len() > MAX_TASKS {
            self.kept.pop_first();
        }
        self.made
    }

    pub(super) fn get(&self, id: i64) -> Option<&Task> {
        self.kept.get(&id)
    }
}

/// Number of deleted connections that can still be read.
const MAX_GONE: usize = 1000;

/// Charging mode of most seeded objects.
const PER_CU_HOUR: i64 = 1;
const YEARLY_MONTHLY: i64 = 2;

/// A dedicated queue without a name.
pub(super) fn seeded_queue() -> Queue {
    Queue {
        queue_type: "sql".to_owned(),
        charging_mode: PER_CU_HOUR,
        resource_mode: 1,
        create_time: SEEDED_AT,
        cu_count: 16,
        owner: "emulator".to_owned(),
        ..Queue::default()
    }
}

/// A pool without a name.
pub(super) fn seeded_pool() -> Pool {
    Pool {
        status: "AVAILABLE".to_owned(),
        charging_mode: PER_CU_HOUR,
        min_cu: 64,
        max_cu: 96,
        actual_cu: 64,
        owner: "emulator".to_owned(),
        create_time: SEEDED_AT,
        ..Pool::default()
    }
}

impl Project {
    /// The objects of a new project: queues of every kind that matters for binding, and pools with two, no and one
    /// queue. The queue types differ because "list queues" returns only `sql` by default.
    pub(super) fn seeded() -> Self {
        let queue = |name: &str, kind: &str, dedicated: bool, pool: &str, cidr: &str| Queue {
            queue_name: name.to_owned(),
            queue_type: kind.to_owned(),
            resource_mode: i64::from(dedicated),
            elastic_resource_pool_name: pool.to_owned(),
            cidr_in_vpc: cidr.to_owned(),
            ..seeded_queue()
        };
        let pool = |name: &str, cidr: &str, description: &str| Pool {
            name: name.to_owned(),
            cidr_in_vpc: cidr.to_owned(),
            description: description.to_owned(),
            ..seeded_pool()
        };
        Self {
            queues: vec![
                queue("default", "sql", false, "", ""),
                queue("shared1", "sql", false, "", ""),
                queue("q1", "sql", true, "", "10.10.0.0/24"),
                queue("q2", "general", true, "", "10.20.0.0/24"),
                queue("q3", "sql", true, "", "10.60.0.0/24"),
                Queue { charging_mode: YEARLY_MONTHLY, ..queue("yearly1", "sql", false, "", "10.70.0.0/24") },
                queue("pooled1", "general", true, "pool1", "10.30.0.0/18"),
                queue("pooled2", "sql", true, "pool1", "10.30.0.0/18"),
                queue("pooled3", "general", true, "pool3", "10.50.0.0/18"),
            ],
            pools: vec![
                pool("pool1", "10.30.0.0/18", "A pool with two queues"),
                pool("pool2", "10.40.0.0/18", "A pool without queues"),
                pool("pool3", "10.50.0.0/18", "A pool with one queue"),
            ],
            connections: Vec::new(),
            tasks: Tasks::default(),
            networks: Networks::seeded(),
            queue_details: BTreeMap::new(),
            pool_details: BTreeMap::new(),
        }
    }

    /// Strips deleted connections and drops the oldest ones beyond the limit.
    pub(super) fn prune(&mut self, now: i64) {
        let mut gone = Vec::new();
        for (at, record) in self.connections.iter_mut().enumerate().filter(|(_, record)| record.is_gone(now)) {
            record.strip();
            gone.push((record.leaves_at, at));
        }
        gone.sort_unstable();
        gone.truncate(gone.len().saturating_sub(MAX_GONE));
        let dropped: BTreeSet<_> = gone.into_iter().map(|(_, at)| at).collect();
        let mut at = 0..;
        self.connections.retain(|_| at.next().is_none_or(|at| !dropped.contains(&at)));
    }

    /// The queue with this name, ignoring case.
    pub(super) fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.queue_name.eq_ignore_ascii_case(name))
    }

    /// The pool with exactly this name, with its queue names.
    pub(super) fn pool(&self, name: &str) -> Option<Pool> {
        self.filled_pools().find(|pool| pool.name == name)
    }

    /// Adds or replaces a queue. The name is stored in lower case.
    pub(super) fn put_queue(&mut self, queue: Queue) -> Result<(), ApiError> {
        limits::text("queue_name", &rules::QUEUE_NAME, &queue.queue_name)?;
        let pool = &queue.elastic_resource_pool_name;
        if !pool.is_empty() && self.pool(pool).is_none() {
            return Err(ApiError::not_found("elastic resource pool", pool));
        }
        let queue = Queue { queue_name: queue.queue_name.to_ascii_lowercase(), ..queue };
        self.queues.retain(|other| other.queue_name != queue.queue_name);
        self.queues.push(queue);
        Ok(())
    }

    /// Adds or replaces an elastic resource pool. Its queue list is ignored because it is derived from the queues.
    pub(super) fn put_pool(&mut self, pool: Pool) -> Result<(), ApiError> {
        limits::text("elastic_resource_pool_name", &rules::POOL_NAME, &pool.name)?;
        self.pools.retain(|other| other.name != pool.name);
        self.pools.push(Pool { queues: Vec::new(), ..pool });
        Ok(())
    }

    pub(super) fn details_of(&self, queue: &Queue) -> QueueDetails {
        self.queue_details.get(&queue.queue_name).cloned().unwrap_or_else(|| QueueDetails::of(queue))
    }

    pub(super) fn details_of_pool(&self, pool: &Pool) -> PoolDetails {
        self.pool_details.get(&pool.name).cloned().unwrap_or_else(|| PoolDetails::of(pool))
    }

    /// All pools with their queue names.
    pub(super) fn filled_pools(&self) -> impl Iterator<Item = Pool> {
        self.pools.iter().map(|pool| {
            let queues = self.queues.iter().filter(|queue| queue.elastic_resource_pool_name == pool.name);
            Pool { queues: queues.map(|queue| queue.queue_name.clone()).collect(), ..pool.clone() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(id: &str, leaves_at: i64) -> Record {
        let hosts = vec![Host { name: "a".to_owned(), ip: "10.0.0.1".to_owned() }];
        Record { id: id.to_owned(), hosts, deleted: true, leaves_at, ..Record::default() }
    }

    /// The order of deletion decides, not the order of creation. Existing connections are kept.
    #[test]
    fn oldest_deletions_are_dropped_first() {
        let most = i64::try_from(MAX_GONE).expect("a small number");
        let mut project = Project::seeded();
        let old = Record { deleted: false, ..deleted("stays", 0) };
        project.connections = vec![old, deleted("went last", most), deleted("went first", -1)];
        project.connections.extend((1..most).map(|at| deleted("went", at)));
        project.connections.push(deleted("goes", most + 1));
        project.prune(most);
        let held =
            |id: &str| project.connections.iter().find(|record| record.id == id).map(|record| record.hosts.len());
        assert_eq!(["stays", "goes", "went last", "went first"].map(held), [Some(1), Some(1), Some(0), None]);
        assert_eq!(project.connections.len(), MAX_GONE + 2);
    }
}
