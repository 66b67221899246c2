//! What can be done to one project, with the service's rules kept: the one door for requests and for tests alike.
//!
//! Each method checks everything before it changes anything, so that a refusal leaves no trace. Knows nothing of HTTP.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    lifecycle::{Fate, Peering, State, Target},
    limits,
    project::{Project, Record},
    refusal::Refusal,
};
use crate::dli::{
    rules,
    wire::{Connection, CreateConnection, Host, Queue, QueueNames, Tag},
};

/// One project at one moment.
#[derive(Debug)]
pub struct Account<'a> {
    pub(super) project: &'a mut Project,
    /// Milliseconds since the Unix epoch.
    pub(super) now: i64,
    pub(super) fate: &'a Fate,
}

impl Account<'_> {
    /// Creates a connection and begins its bindings; returns its id.
    pub fn create(&mut self, request: CreateConnection) -> Result<String, Refusal> {
        limits::text("name", &rules::CONNECTION_NAME, &request.name)?;
        limits::text("dest_vpc_id", &rules::VPC_ID, &request.dest_vpc_id)?;
        limits::text("dest_network_id", &rules::NETWORK_ID, &request.dest_network_id)?;
        if let Some(routetable_id) = &request.routetable_id {
            limits::text("routetable_id", &rules::ROUTE_TABLE_ID, routetable_id)?;
        }
        limits::hosts(&request.hosts)?;
        limits::tags(&request.tags)?;
        let CreateConnection { queues, elastic_resource_pools, .. } = request;
        let targets = self.bindable(&QueueNames { queues, elastic_resource_pools })?;
        // Whether names are unique is not documented; an error code for it is. That a deleted connection frees its
        // name is an inference, too.
        if let Some(holder) = self.records().iter().find(|record| !record.deleted && record.name == request.name) {
            return Err(Refusal::taken(format!("Connection {} already exists with id {}", holder.name, holder.id)));
        }
        let mut record = Record {
            id: Uuid::new_v4().to_string(),
            name: request.name,
            dest_vpc_id: request.dest_vpc_id,
            dest_network_id: request.dest_network_id,
            routetable_id: request.routetable_id,
            hosts: request.hosts,
            tags: request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            peerings: Vec::new(),
            create_time: self.now,
            deleted: false,
        };
        bind(&mut record, targets, self.now, self.fate);
        record.peerings.iter_mut().for_each(|peering| peering.made_at_creation = true);
        let id = record.id.clone();
        self.project.connections.push(record);
        Ok(id)
    }

    /// Deletes a connection; it can still be shown.
    ///
    /// "A connection that is being created cannot be deleted" is documented, its code is not. When a connection counts
    /// as being created is an inference: while a binding that its creation asked for is CREATING.
    pub fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        let now = self.now;
        let record = self.living(id)?;
        if record.peerings.iter().any(|peering| peering.made_at_creation && peering.state(now) == State::Creating) {
            return Err(Refusal::unsupported(format!("Connection {id} is being created and cannot be deleted")));
        }
        record.deleted = true;
        record.peerings.clear();
        Ok(())
    }

    /// Replaces all host records.
    pub fn replace_hosts(&mut self, id: &str, hosts: Vec<Host>) -> Result<(), Refusal> {
        limits::hosts(&hosts)?;
        self.living(id)?.hosts = hosts;
        Ok(())
    }

    /// Begins bindings. What is bound stays as it is, and what has failed starts anew (both inferences).
    pub fn bind(&mut self, id: &str, names: &QueueNames) -> Result<(), Refusal> {
        let targets = self.bindable(names)?;
        let (now, fate) = (self.now, self.fate);
        bind(self.living(id)?, targets, now, fate);
        Ok(())
    }

    /// Ends bindings. One that is FAILED cannot be ended (documented); one that is not there is passed over, and the
    /// name of a queue in a pool stands for the pool, as it does in binding (both inferences).
    pub fn unbind(&mut self, id: &str, names: &QueueNames) -> Result<(), Refusal> {
        let bound = self.living(id)?.peerings.clone();
        let mut ending = Vec::new();
        for name in &names.queues {
            let queue = self.project.queue(name);
            let target = queue.map_or_else(|| (Target::Queue, name.to_ascii_lowercase()), home);
            ending.push((target, queue.is_some(), "queue"));
        }
        for name in &names.elastic_resource_pools {
            ending.push(((Target::Pool, name.clone()), self.project.pools.contains(name), "elastic resource pool"));
        }
        for ((target, name), known, kind) in &ending {
            match bound.iter().find(|peering| peering.target == *target && peering.name == *name) {
                Some(peering) if peering.state(self.now) == State::Failed => {
                    return Err(Refusal::unsupported(format!(
                        "The binding of {name} has failed and cannot be unbound"
                    )));
                }
                None if !known => return Err(Refusal::no_such(kind, name)),
                Some(_) | None => {}
            }
        }
        self.living(id)?.peerings.retain(|peering| {
            !ending.iter().any(|((target, name), ..)| peering.target == *target && peering.name == *name)
        });
        Ok(())
    }

    /// Adds tags; one whose key is there already is overwritten (an inference).
    pub fn put_tags(&mut self, id: &str, tags: Vec<Tag>) -> Result<(), Refusal> {
        limits::tags(&tags)?;
        let record = self.living(id)?;
        let mut all = record.tags.clone();
        all.extend(tags.into_iter().map(|tag| (tag.key, tag.value)));
        limits::tag_count(all.len())?;
        record.tags = all;
        Ok(())
    }

    /// Removes tags by key; one that is not there is passed over, and values do not matter (both inferences).
    pub fn remove_tags(&mut self, id: &str, tags: &[Tag]) -> Result<(), Refusal> {
        limits::tags(tags)?;
        let record = self.living(id)?;
        for tag in tags {
            record.tags.remove(&tag.key);
        }
        Ok(())
    }

    /// The tags of a connection.
    pub fn tags(&self, id: &str) -> Result<&BTreeMap<String, String>, Refusal> {
        self.record(id)
            .filter(|record| !record.deleted)
            .map(|record| &record.tags)
            .ok_or_else(|| Refusal::no_connection(id))
    }

    /// A connection, a deleted one too, as "show" returns it.
    pub fn connection(&self, id: &str) -> Result<Connection, Refusal> {
        self.record(id).map(|record| record.shown(self.now)).ok_or_else(|| Refusal::no_connection(id))
    }

    /// All connections in the order of their creation, deleted ones too.
    pub fn connections(&self) -> Vec<Connection> {
        self.records().iter().map(|record| record.shown(self.now)).collect()
    }

    pub(super) fn records(&self) -> &[Record] {
        &self.project.connections
    }

    pub(super) fn record(&self, id: &str) -> Option<&Record> {
        self.records().iter().find(|record| record.id == id)
    }

    /// A connection that can be changed. That a deleted one answers as if it had never been is an inference.
    fn living(&mut self, id: &str) -> Result<&mut Record, Refusal> {
        let found = self.project.connections.iter_mut().find(|record| record.id == id && !record.deleted);
        found.ok_or_else(|| Refusal::no_connection(id))
    }

    /// What the names stand for, refused unless every one may be bound.
    fn bindable(&self, names: &QueueNames) -> Result<Vec<(Target, String)>, Refusal> {
        let mut targets = Vec::new();
        for name in &names.queues {
            limits::text("queues", &rules::QUEUE_NAME, name)?;
            let queue = self.project.queue(name).ok_or_else(|| Refusal::no_such("queue", name))?;
            if !queue.may_be_bound() {
                return Err(Refusal::unsupported(format!(
                    "Datasource connections cannot be created for the queue {}: it is a shared queue",
                    queue.queue_name
                )));
            }
            targets.push(home(queue));
        }
        for name in &names.elastic_resource_pools {
            if !self.project.pools.contains(name) {
                return Err(Refusal::no_such("elastic resource pool", name));
            }
            targets.push((Target::Pool, name.clone()));
        }
        Ok(targets)
    }
}

/// Binding a queue that lives in a pool binds the pool.
fn home(queue: &Queue) -> (Target, String) {
    match queue.elastic_resource_pool_name.as_str() {
        "" => (Target::Queue, queue.queue_name.clone()),
        pool => (Target::Pool, pool.to_owned()),
    }
}

fn bind(record: &mut Record, targets: Vec<(Target, String)>, now: i64, fate: &Fate) {
    for (target, name) in targets {
        let same = |peering: &Peering| peering.target == target && peering.name == name;
        if record.peerings.iter().any(|peering| same(peering) && peering.state(now) != State::Failed) {
            continue;
        }
        record.peerings.retain(|peering| !same(peering));
        record.peerings.push(Peering::begin(target, name, Uuid::new_v4().to_string(), now, fate));
    }
}
