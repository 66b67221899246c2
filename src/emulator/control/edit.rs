//! The methods of [`ProjectService`] as JSON, for the control API.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::dli::vpc::{RouteTable, Subnet, Vpc};
use crate::dli::wire::{CreateConnection, Host, Pool, Queue, QueueNames, Tag};
use crate::emulator::{api_error::ApiError, project_service::ProjectService};

/// A change to one project.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Edit {
    CreateConnection(CreateConnection),
    DeleteConnection(String),
    SetHosts { connection: String, hosts: Vec<Host> },
    AddRoute { connection: String, name: String, cidr: String },
    DeleteRoute { connection: String, name: String },
    AddTags { connection: String, tags: Vec<Tag> },
    RemoveTags { connection: String, keys: Vec<String> },
    Bind(Targets),
    Unbind(Targets),
    SettleBinding { connection: String, name: String, err_msg: Option<String> },
    Grant { connection: String, project: String },
    Revoke { connection: String, project: String },
    SetIpv6 { connection: String, enabled: bool },
    PutQueue(Queue),
    RemoveQueue(String),
    PutPool(Pool),
    RemovePool(String),
    PutVpc(Vpc),
    RemoveVpc(String),
    PutSubnet(Subnet),
    RemoveSubnet(String),
    PutRouteTable(RouteTable),
    RemoveRouteTable(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Targets {
    connection: String,
    #[serde(default)]
    queues: Vec<String>,
    #[serde(default)]
    elastic_resource_pools: Vec<String>,
}

/// Reads the project id and the change.
pub(super) fn read(body: &[u8]) -> Result<(String, Edit), serde_json::Error> {
    let mut fields: Map<String, Value> = serde_json::from_slice(body)?;
    let project = fields.remove("project").ok_or_else(|| serde::de::Error::missing_field("project"))?;
    Ok((serde_json::from_value(project)?, serde_json::from_value(Value::Object(fields))?))
}

impl Edit {
    /// Applies the change and returns the id of a created connection.
    pub(super) fn apply(self, service: &mut ProjectService<'_>) -> Result<Option<String>, ApiError> {
        match self {
            Self::CreateConnection(request) => return service.create(request).map(Some),
            Self::DeleteConnection(id) => service.delete(&id),
            Self::SetHosts { connection, hosts } => service.replace_hosts(&connection, hosts),
            Self::AddRoute { connection, name, cidr } => service.add_route(&connection, &name, &cidr),
            Self::DeleteRoute { connection, name } => service.delete_route(&connection, &name),
            Self::AddTags { connection, tags } => service.put_tags(&connection, tags),
            Self::RemoveTags { connection, keys } => {
                let tag = |key| Tag { key, value: String::new() };
                service.remove_tags(&connection, &keys.into_iter().map(tag).collect::<Vec<_>>())
            }
            Self::Bind(Targets { connection, queues, elastic_resource_pools }) => {
                service.bind(&connection, &QueueNames { queues, elastic_resource_pools })
            }
            Self::Unbind(Targets { connection, queues, elastic_resource_pools }) => {
                service.unbind(&connection, &QueueNames { queues, elastic_resource_pools })
            }
            Self::SettleBinding { connection, name, err_msg } => {
                service.set_binding_result(&connection, &name, err_msg.as_deref())
            }
            Self::Grant { connection, project } => service.grant(&connection, &project),
            Self::Revoke { connection, project } => service.revoke(&connection, &project),
            Self::SetIpv6 { connection, enabled } => service.set_ipv6(&connection, enabled),
            Self::PutQueue(queue) => service.put_queue(queue),
            Self::RemoveQueue(name) => service.remove_queue(&name),
            Self::PutPool(pool) => service.put_pool(pool),
            Self::RemovePool(name) => service.remove_pool(&name),
            Self::PutVpc(vpc) => service.networks().put_vpc(vpc),
            Self::RemoveVpc(id) => service.networks().remove_vpc(&id),
            Self::PutSubnet(subnet) => service.networks().put_subnet(subnet),
            Self::RemoveSubnet(id) => service.networks().remove_subnet(&id),
            Self::PutRouteTable(table) => service.networks().put_route_table(table),
            Self::RemoveRouteTable(id) => service.networks().remove_route_table(&id),
        }
        .map(|()| None)
    }
}
