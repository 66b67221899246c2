//! The operations on one project, under the service's rules. API requests, control requests and tests use them.
//!
//! Each method validates everything before it changes anything.

use std::time::Duration;

use uuid::Uuid;

use super::binding_state::Peering;
use super::project::{Project, Record};
use super::{api_error::ApiError, behavior::Behavior, clock::after, limits, quirks::Quirk, request::ApiRequest};
use crate::dli::rules;
use crate::dli::wire::{BINDING_CREATING, Connection, CreateConnection, Host, QueueNames};

/// One project at one point in time.
#[derive(Debug)]
pub struct ProjectService<'a> {
    pub(super) project: &'a mut Project,
    /// Milliseconds since the Unix epoch.
    pub(super) now: i64,
    pub(super) behavior: &'a mut Behavior,
    /// How long new bindings stay CREATING.
    pub(super) binding_delay: Duration,
}

impl<'a> ProjectService<'a> {
    /// Drops deleted connections first.
    pub(super) fn new(project: &'a mut Project, now: i64, behavior: &'a mut Behavior) -> Self {
        project.prune(now);
        let binding_delay = behavior.settings.binding_delay;
        Self { project, now, behavior, binding_delay }
    }
}

impl ProjectService<'_> {
    /// The requested page as an offset and a limit.
    pub(super) fn page(&self, request: &ApiRequest, default_limit: usize) -> Result<(usize, usize), ApiError> {
        let (offset, limit) = request.page(default_limit)?;
        Ok((offset, if self.behavior.has(Quirk::PagesOf100) { limit.min(100) } else { limit }))
    }

    /// Creates a connection and its bindings and returns its id.
    pub fn create(&mut self, request: CreateConnection) -> Result<String, ApiError> {
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
        // The documents define an error code for existing names but do not say whether names are unique. That a
        // deleted connection frees its name is an inference.
        let same = |record: &&Record| !record.is_gone(self.now) && !record.is_lent && record.name == request.name;
        let same = self.project.connections.iter().find(same).filter(|_| !self.behavior.has(Quirk::NamesNotUnique));
        if let Some(Record { name, id, .. }) = same {
            return Err(ApiError::already_exists(format!("Connection {name} already exists with id {id}")));
        }
        let subnet = self.project.networks.subnet(&request.dest_network_id);
        let mut record = Record {
            id: Uuid::new_v4().to_string(),
            ipv6_enable: subnet.is_some_and(|subnet| subnet.ipv6_enable == Some(true)),
            name: request.name,
            dest_vpc_id: request.dest_vpc_id,
            dest_network_id: request.dest_network_id,
            routetable_id: request.routetable_id,
            hosts: request.hosts,
            tags: request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            create_time: self.now,
            ..Record::default()
        };
        self.add_peerings(&mut record.peerings, targets);
        record.peerings.iter_mut().for_each(|peering| peering.made_at_creation = true);
        let id = record.id.clone();
        self.project.connections.push(record);
        Ok(id)
    }

    /// Deletes a connection. It can still be read, without its contents.
    ///
    /// The documents forbid deleting a connection that is being created but give no code. Treating a connection as
    /// being created while a binding requested at its creation is CREATING is an inference. Repeating a delayed
    /// deletion has no effect.
    pub fn delete(&mut self, id: &str) -> Result<(), ApiError> {
        let (now, delay) = (self.now, self.behavior.settings.delete_delay);
        let record = self.find_mut(id)?;
        record.expect_own()?;
        let is_creating = |peering: &Peering| peering.made_at_creation && peering.status(now) == BINDING_CREATING;
        if record.peerings.iter().any(is_creating) {
            return Err(ApiError::unsupported(format!("Connection {id} is being created and cannot be deleted")));
        }
        if !record.deleted {
            record.deleted = true;
            record.leaves_at = after(now, delay);
            record.peerings.clear();
            record.guest_peerings.clear();
        }
        Ok(())
    }

    /// Replaces all host records.
    pub fn replace_hosts(&mut self, id: &str, hosts: Vec<Host>) -> Result<(), ApiError> {
        limits::hosts(&hosts)?;
        self.record_mut(id)?.hosts = hosts;
        Ok(())
    }

    /// Sets whether the connection supports IPv6. No API operation does.
    pub fn set_ipv6(&mut self, id: &str, enabled: bool) -> Result<(), ApiError> {
        self.record_mut(id)?.ipv6_enable = enabled;
        Ok(())
    }

    /// A connection as "show" returns it, including the newest deleted ones.
    pub fn connection(&self, id: &str) -> Result<Connection, ApiError> {
        const GONE: [Quirk; 4] =
            [Quirk::GoneAsDli0001, Quirk::GoneAsDli0001IsNotExist, Quirk::GoneAsDli0002, Quirk::GoneAsDli0023];
        let is_hidden = GONE.into_iter().any(|quirk| self.behavior.has(quirk));
        let record = self.record(id).filter(|record| !(is_hidden && record.is_gone(self.now)));
        record.map(|record| record.to_wire(self.now)).ok_or_else(|| self.missing(id))
    }

    /// All connections in order of creation, including the newest deleted ones.
    pub fn connections(&self) -> Vec<Connection> {
        self.project.connections.iter().map(|record| record.to_wire(self.now)).collect()
    }

    pub(super) fn record(&self, id: &str) -> Option<&Record> {
        self.project.connections.iter().find(|record| record.id == id)
    }

    /// A connection that is not deleted, for reading.
    pub(super) fn existing(&self, id: &str) -> Result<&Record, ApiError> {
        self.record(id).filter(|record| !record.is_gone(self.now)).ok_or_else(|| self.missing(id))
    }

    /// A connection of this project that can be changed.
    pub(super) fn record_mut(&mut self, id: &str) -> Result<&mut Record, ApiError> {
        let record = self.usable_mut(id)?;
        record.expect_own()?;
        Ok(record)
    }

    /// A connection that can be bound and routed. The error for a deleted connection or one being deleted is an
    /// inference.
    pub(super) fn usable_mut(&mut self, id: &str) -> Result<&mut Record, ApiError> {
        let record = self.find_mut(id)?;
        if record.deleted {
            return Err(ApiError::unsupported(format!("Connection {id} is being deleted")));
        }
        Ok(record)
    }

    /// A connection that exists or is being deleted.
    fn find_mut(&mut self, id: &str) -> Result<&mut Record, ApiError> {
        let missing = self.missing(id);
        let found = self.project.connections.iter_mut().find(|record| record.id == id && !record.is_gone(self.now));
        found.ok_or(missing)
    }

    fn missing(&self, id: &str) -> ApiError {
        ApiError::no_connection(id, &self.behavior.settings.quirks)
    }
}

impl Record {
    /// Rejects a change by a project that the connection is shared with. The error is an inference.
    fn expect_own(&self) -> Result<(), ApiError> {
        let text = || format!("Connection {} belongs to another project", self.id);
        if self.is_lent { Err(ApiError::unsupported(text())) } else { Ok(()) }
    }
}
