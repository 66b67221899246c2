//! The operations on one project, under the service's rules. API requests, control requests and tests use them.
//!
//! Each method validates everything before it changes anything.

mod bindings;
mod privileges;
mod routes;
mod seed;
mod tags;

use uuid::Uuid;

use super::{
    api_error::ApiError,
    binding_state::{BindingState, ServiceBehavior, after},
    limits,
    project::{Project, Record},
    quirks::Quirk,
};
use crate::dli::{
    rules,
    wire::{Connection, CreateConnection, Host, QueueNames},
};

/// One project at one point in time.
#[derive(Debug)]
pub struct ProjectService<'a> {
    pub(super) project: &'a mut Project,
    /// Milliseconds since the Unix epoch.
    pub(super) now: i64,
    pub(super) behavior: &'a mut ServiceBehavior,
}

impl<'a> ProjectService<'a> {
    /// Drops deleted connections first.
    pub(super) fn new(project: &'a mut Project, now: i64, behavior: &'a mut ServiceBehavior) -> Self {
        project.prune(now);
        Self { project, now, behavior }
    }
}

impl ProjectService<'_> {
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
        let same = |record: &&Record| !record.is_gone(self.now) && record.name == request.name;
        if let Some(holder) = self.records().iter().find(same).filter(|_| !self.is_on(Quirk::NamesNotUnique)) {
            return Err(ApiError::already_exists(format!(
                "Connection {} already exists with id {}",
                holder.name, holder.id
            )));
        }
        let mut record = Record {
            id: Uuid::new_v4().to_string(),
            name: request.name,
            dest_vpc_id: request.dest_vpc_id,
            dest_network_id: request.dest_network_id,
            routetable_id: request.routetable_id,
            hosts: request.hosts,
            tags: request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            create_time: self.now,
            ..Record::default()
        };
        record.bind(targets, self.now, &mut self.behavior.outcomes);
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
        let (now, at) = (self.now, self.position(id)?);
        let record = &mut self.project.connections[at];
        if record
            .peerings
            .iter()
            .any(|peering| peering.made_at_creation && peering.state(now) == BindingState::Creating)
        {
            return Err(ApiError::unsupported(format!("Connection {id} is being created and cannot be deleted")));
        }
        if !record.deleted {
            record.deleted = true;
            record.leaves_at = after(now, self.behavior.delete_delay);
            record.peerings.clear();
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
        let hidden = GONE.into_iter().any(|quirk| self.is_on(quirk));
        self.record(id)
            .filter(|record| !(hidden && record.is_gone(self.now)))
            .map(|record| record.to_wire(self.now))
            .ok_or_else(|| self.missing(id))
    }

    /// All connections in order of creation, including the newest deleted ones.
    pub fn connections(&self) -> Vec<Connection> {
        self.records().iter().map(|record| record.to_wire(self.now)).collect()
    }

    pub(super) fn records(&self) -> &[Record] {
        &self.project.connections
    }

    pub(super) fn record(&self, id: &str) -> Option<&Record> {
        self.records().iter().find(|record| record.id == id)
    }

    fn is_on(&self, quirk: Quirk) -> bool {
        self.behavior.quirks.contains(&quirk)
    }

    fn missing(&self, id: &str) -> ApiError {
        ApiError::no_connection(id, &self.behavior.quirks)
    }

    /// A connection that is not deleted, for reading.
    fn existing(&self, id: &str) -> Result<&Record, ApiError> {
        self.position(id).map(|at| &self.records()[at])
    }

    /// A connection that can be changed. The error for a deleted connection or one being deleted is an inference.
    fn record_mut(&mut self, id: &str) -> Result<&mut Record, ApiError> {
        let at = self.position_mut(id)?;
        Ok(&mut self.project.connections[at])
    }

    /// The index of a connection that can be changed.
    fn position_mut(&self, id: &str) -> Result<usize, ApiError> {
        let at = self.position(id)?;
        if self.records()[at].deleted {
            return Err(ApiError::unsupported(format!("Connection {id} is being deleted")));
        }
        Ok(at)
    }

    /// The index of a connection that is not deleted.
    fn position(&self, id: &str) -> Result<usize, ApiError> {
        let found = self.records().iter().position(|record| record.id == id && !record.is_gone(self.now));
        found.ok_or_else(|| self.missing(id))
    }
}
