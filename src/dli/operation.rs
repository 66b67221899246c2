//! The operation table: name, method, path, IAM action and safety of every call. The client and the emulator share it.
//!
//! Versions are mixed within one family: connections are v2.0, tags v3, queues v1.0.

use percent_encoding::utf8_percent_encode;
use uuid::Uuid;

use super::signature::RESERVED;

/// An operation of DLI, VPC, DNS, EPS, IAM or the metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum, derive_more::Display)]
#[display("{}", self.name())]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operation {
    CreateConnection,
    ListConnections,
    ShowConnection,
    /// Delete a connection. Its IAM action is inferred.
    DeleteConnection,
    ReplaceHosts,
    Bind,
    Unbind,
    CreateRoute,
    /// Remove a route. By the time it is repeated, another route may have the name.
    DeleteRoute,
    /// [`CreateRoute`](Self::CreateRoute) under the deprecated path; some regions have only this one.
    CreateRouteV2,
    /// [`DeleteRoute`](Self::DeleteRoute) under the deprecated path.
    DeleteRouteV2,
    ListPrivileges,
    Authorize,
    ListTags,
    /// List connections with their tags.
    ListTagged,
    CreateTags,
    DeleteTags,
    ListQueues,
    ShowQueue,
    CreateConnectivityTask,
    ShowConnectivityTask,
    CreateQueue,
    DeleteQueue,
    /// Restart or scale a queue.
    RunQueueAction,
    /// Change the network of a queue; deprecated.
    UpdateQueueCidr,
    ListQueueProperties,
    CreateQueueProperties,
    UpdateQueueProperties,
    DeleteQueueProperties,
    ListPools,
    CreatePool,
    UpdatePool,
    DeletePool,
    ListPoolQueues,
    /// Move a queue into a pool.
    AddPoolQueue,
    /// Set the scaling policies of a queue in a pool.
    UpdatePoolQueue,
    ShowQuota,
    CreateVpc,
    ListVpcs,
    ShowVpc,
    UpdateVpc,
    DeleteVpc,
    ListVpcsV3,
    /// Show a VPC with its secondary CIDR blocks, which v1 does not return; some regions have only v1.
    ShowVpcV3,
    CreateSubnet,
    ListSubnets,
    ShowSubnet,
    UpdateSubnet,
    DeleteSubnet,
    ListRouteTables,
    /// Show a route table with its subnets and routes.
    ShowRouteTable,
    ShowVpcTags,
    CreateVpcTag,
    DeleteVpcTag,
    CreateVpcTags,
    /// Delete tags of a VPC. The action in the body distinguishes it from [`CreateVpcTags`](Self::CreateVpcTags).
    DeleteVpcTags,
    /// List the tags of all VPCs.
    ListVpcTags,
    ShowSubnetTags,
    CreateSubnetTag,
    DeleteSubnetTag,
    CreateSubnetTags,
    /// Delete tags of a subnet. The action in the body distinguishes it from
    /// [`CreateSubnetTags`](Self::CreateSubnetTags).
    DeleteSubnetTags,
    /// List the tags of all subnets.
    ListSubnetTags,
    /// DNS: list the DNS servers of a region.
    ListNameServers,
    /// EPS: move a resource to another enterprise project.
    MigrateResource,
    /// EPS: list the resources of an enterprise project.
    ListEnterpriseProjectResources,
    /// IAM: get a token for a password.
    CreateToken,
    /// IAM: get a token of an agency. The body distinguishes it from [`CreateToken`](Self::CreateToken).
    CreateAgencyToken,
    ListProjects,
    /// IAM: list the accounts of the caller.
    ListDomains,
    /// IAM: get a temporary key for a token. The body distinguishes it from [`AssumeAgency`](Self::AssumeAgency).
    CreateTemporaryKey,
    /// IAM: get a temporary key of an agency.
    AssumeAgency,
    /// Metadata service of the ECS: start a session.
    MetadataSession,
    /// Metadata service of the ECS: get a temporary key of its agency.
    MetadataKey,
}

/// Whether an operation may be repeated when its outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// It changes nothing. Creating tokens and keys counts as reading.
    Read,
    /// It writes, and running it twice equals running it once.
    Idempotent,
    /// It writes and is not idempotent: the caller verifies that it had no effect before repeating it.
    VerifyFirst,
}

const CONNECTIONS: &str = "/v2.0/{project_id}/datasource/enhanced-connections";
const CONNECTION: &str = "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}";

const QUEUES: &str = "/v1.0/{project_id}/queues";
const QUEUE: &str = "/v1.0/{project_id}/queues/{queue_name}";
const QUEUE_PROPERTIES: &str = "/v3/{project_id}/queues/{queue_name}/properties";
const POOLS: &str = "/v3/{project_id}/elastic-resource-pools";
const POOL: &str = "/v3/{project_id}/elastic-resource-pools/{name}";
const VPCS: &str = "/v1/{project_id}/vpcs";
const VPC: &str = "/v1/{project_id}/vpcs/{vpc_id}";
const SUBNETS: &str = "/v1/{project_id}/subnets";
/// Updates and deletes name the VPC, too.
const SUBNET_OF_VPC: &str = "/v1/{project_id}/vpcs/{vpc_id}/subnets/{subnet_id}";
const VPC_TAGS: &str = "/v2.0/{project_id}/vpcs/{vpc_id}/tags";
const VPC_TAG_ACTION: &str = "/v2.0/{project_id}/vpcs/{vpc_id}/tags/action";
const SUBNET_TAGS: &str = "/v2.0/{project_id}/subnets/{subnet_id}/tags";
const SUBNET_TAG_ACTION: &str = "/v2.0/{project_id}/subnets/{subnet_id}/tags/action";
const TOKENS: &str = "/v3/auth/tokens";
const TEMPORARY_KEYS: &str = "/v3.0/OS-CREDENTIAL/securitytokens";

/// Placeholders whose values are UUIDs.
const IDS: [&str; 4] = ["{connection_id}", "{vpc_id}", "{subnet_id}", "{routetable_id}"];

/// A row of the table.
struct Row {
    name: &'static str,
    method: &'static str,
    /// Each placeholder is one path segment.
    path: &'static str,
    action: Option<&'static str>,
    safety: Safety,
}

fn row(method: &'static str, safety: Safety, name: &'static str, path: &'static str) -> Row {
    Row { name, method, path, action: None, safety }
}

fn get(name: &'static str, path: &'static str) -> Row {
    row("GET", Safety::Read, name, path)
}

fn post(safety: Safety, name: &'static str, path: &'static str) -> Row {
    row("POST", safety, name, path)
}

fn put(safety: Safety, name: &'static str, path: &'static str) -> Row {
    row("PUT", safety, name, path)
}

fn delete(safety: Safety, name: &'static str, path: &'static str) -> Row {
    row("DELETE", safety, name, path)
}

impl Row {
    fn action(self, action: &'static str) -> Self {
        Self { action: Some(action), ..self }
    }
}

impl Operation {
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn row(self) -> Row {
        use Safety::{Idempotent, Read, VerifyFirst};
        match self {
            Self::CreateConnection => {
                post(VerifyFirst, "CreateEnhancedConnection", CONNECTIONS).action("dli:edsconnection:create")
            }
            Self::ListConnections => get("ListEnhancedConnections", CONNECTIONS).action("dli:edsconnection:list"),
            Self::ShowConnection => get("ShowEnhancedConnection", CONNECTION).action("dli:edsconnection:get"),
            Self::DeleteConnection => {
                delete(Idempotent, "DeleteEnhancedConnection", CONNECTION).action("dli:edsconnection:delete")
            }
            Self::ReplaceHosts => put(Idempotent, "UpdateEnhancedConnection", CONNECTION),
            Self::Bind => post(
                VerifyFirst,
                "AssociateQueueToEnhancedConnection",
                "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/associate-queue",
            )
            .action("dli:edsconnection:bindQueue"),
            Self::Unbind => post(
                VerifyFirst,
                "DisassociateQueueFromEnhancedConnection",
                "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/disassociate-queue",
            ),
            Self::CreateRoute => post(
                VerifyFirst,
                "CreateRouteToEnhancedConnection",
                "/v3/{project_id}/datasource/enhanced-connections/{connection_id}/routes",
            )
            .action("dli:edsconnection:createRoute"),
            Self::DeleteRoute => delete(
                VerifyFirst,
                "DeleteRouteFromEnhancedConnection",
                "/v3/{project_id}/datasource/enhanced-connections/{connection_id}/routes/{name}",
            )
            .action("dli:edsconnection:deleteRoute"),
            Self::CreateRouteV2 => post(
                VerifyFirst,
                "CreateEnhancedConnectionRoutes",
                "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/routes",
            )
            .action("dli:edsconnection:createRoute"),
            Self::DeleteRouteV2 => delete(
                VerifyFirst,
                "DeleteEnhancedConnectionRoutes",
                "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/routes/{name}",
            )
            .action("dli:edsconnection:deleteRoute"),
            Self::ListPrivileges => get(
                "ShowEnhancedConnectionPrivilege",
                "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/privileges",
            )
            .action("dli::listAuth"),
            Self::Authorize => put(VerifyFirst, "RunAuthorizationAction", "/v1.0/{project_id}/authorization")
                .action("dli::operateAuth"),
            Self::ListTags => get("ShowResourceTags", "/v3/{project_id}/dli_enhanced_datasource/{connection_id}/tags")
                .action("dli::listTagsForResource"),
            Self::ListTagged => {
                post(Read, "ListResourcesByTags", "/v3/{project_id}/dli_enhanced_datasource/resource-instances/filter")
                    .action("dli::listResourcesByTag")
            }
            Self::CreateTags => post(
                VerifyFirst,
                "BatchCreateResourceTags",
                "/v3/{project_id}/dli_enhanced_datasource/{connection_id}/tags/create",
            ),
            Self::DeleteTags => post(
                VerifyFirst,
                "BatchDeleteResourceTags",
                "/v3/{project_id}/dli_enhanced_datasource/{connection_id}/tags/delete",
            ),
            Self::ListQueues => get("ListQueues", QUEUES),
            Self::ShowQueue => get("ShowQueue", QUEUE),
            Self::CreateConnectivityTask => {
                post(Read, "CreateConnectivityTask", "/v1.0/{project_id}/queues/{queue_name}/connection-test")
                    .action("dli:queue:checkConnection")
            }
            Self::ShowConnectivityTask => {
                get("ShowConnectivityTask", "/v1.0/{project_id}/queues/{queue_name}/connection-test/{task_id}")
                    .action("dli:queue:getConnection")
            }
            Self::CreateQueue => post(VerifyFirst, "CreateQueue", QUEUES).action("dli:queue:create"),
            Self::DeleteQueue => delete(Idempotent, "DeleteQueue", QUEUE).action("dli:queue:drop"),
            Self::RunQueueAction => put(VerifyFirst, "RunQueueAction", "/v1.0/{project_id}/queues/{queue_name}/action")
                .action("dli:queue:scale"),
            Self::UpdateQueueCidr => put(Idempotent, "UpdateQueueCidr", QUEUE).action("dli:queue:update"),
            Self::ListQueueProperties => get("ListQueueProperties", QUEUE_PROPERTIES),
            Self::CreateQueueProperties => post(Idempotent, "CreateQueueProperty", QUEUE_PROPERTIES),
            Self::UpdateQueueProperties => put(Idempotent, "UpdateQueueProperty", QUEUE_PROPERTIES),
            Self::DeleteQueueProperties => delete(Idempotent, "DeleteQueueProperty", QUEUE_PROPERTIES),
            Self::ListPools => get("ListElasticResourcePools", POOLS),
            Self::CreatePool => {
                post(VerifyFirst, "CreateElasticResourcePool", POOLS).action("dli:elasticresourcepool:create")
            }
            Self::UpdatePool => {
                put(Idempotent, "UpdateElasticResourcePool", POOL).action("dli:elasticresourcepool:update")
            }
            Self::DeletePool => {
                delete(Idempotent, "DeleteElasticResourcePool", POOL).action("dli:elasticresourcepool:drop")
            }
            Self::AddPoolQueue => post(
                VerifyFirst,
                "AssociateQueueToElasticResourcePool",
                "/v3/{project_id}/elastic-resource-pools/{name}/queues",
            )
            .action("dli:elasticresourcepool:resourceManagement"),
            Self::UpdatePoolQueue => put(
                Idempotent,
                "UpdateElasticResourcePoolQueue",
                "/v3/{project_id}/elastic-resource-pools/{name}/queues/{queue_name}",
            )
            .action("dli:elasticresourcepool:resourceManagement"),
            Self::ListPoolQueues => {
                get("ListElasticResourcePoolQueues", "/v3/{project_id}/elastic-resource-pools/{name}/queues")
            }
            Self::ShowQuota => get("ShowQuota", "/v3/{project_id}/quotas"),
            Self::CreateVpc => post(VerifyFirst, "CreateVpc", VPCS).action("vpc:vpcs:create"),
            Self::UpdateVpc => put(Idempotent, "UpdateVpc", VPC).action("vpc:vpcs:update"),
            Self::DeleteVpc => delete(Idempotent, "DeleteVpc", VPC).action("vpc:vpcs:delete"),
            Self::ListVpcs => get("ListVpcs", VPCS).action("vpc:vpcs:list"),
            Self::ShowVpc => get("ShowVpc", VPC).action("vpc:vpcs:get"),
            Self::ListVpcsV3 => get("ListVpcsV3", "/v3/{project_id}/vpc/vpcs").action("vpc:vpcs:list"),
            Self::ShowVpcV3 => get("ShowVpcV3", "/v3/{project_id}/vpc/vpcs/{vpc_id}").action("vpc:vpcs:get"),
            Self::CreateSubnet => post(VerifyFirst, "CreateSubnet", SUBNETS).action("vpc:subnets:create"),
            Self::UpdateSubnet => put(Idempotent, "UpdateSubnet", SUBNET_OF_VPC).action("vpc:subnets:update"),
            Self::DeleteSubnet => delete(Idempotent, "DeleteSubnet", SUBNET_OF_VPC).action("vpc:subnets:delete"),
            Self::ListSubnets => get("ListSubnets", SUBNETS).action("vpc:subnets:get"),
            Self::ShowSubnet => get("ShowSubnet", "/v1/{project_id}/subnets/{subnet_id}").action("vpc:subnets:get"),
            Self::ListRouteTables => {
                get("ListRouteTables", "/v1/{project_id}/routetables").action("vpc:routeTables:list")
            }
            Self::ShowRouteTable => {
                get("ShowRouteTable", "/v1/{project_id}/routetables/{routetable_id}").action("vpc:routeTables:get")
            }
            Self::ShowVpcTags => get("ShowVpcTags", VPC_TAGS).action("vpc:vpcTags:get"),
            Self::CreateVpcTag => post(Idempotent, "CreateVpcResourceTag", VPC_TAGS).action("vpc:vpcTags:create"),
            Self::DeleteVpcTag => delete(Idempotent, "DeleteVpcTag", "/v2.0/{project_id}/vpcs/{vpc_id}/tags/{key}")
                .action("vpc:vpcTags:delete"),
            Self::CreateVpcTags => post(Idempotent, "BatchCreateVpcTags", VPC_TAG_ACTION).action("vpc:vpcTags:create"),
            Self::DeleteVpcTags => post(Idempotent, "BatchDeleteVpcTags", VPC_TAG_ACTION).action("vpc:vpcTags:delete"),
            Self::ListVpcTags => get("ListVpcTags", "/v2.0/{project_id}/vpcs/tags").action("vpc:vpcTags:get"),
            Self::ShowSubnetTags => get("ShowSubnetTags", SUBNET_TAGS).action("vpc:subnetTags:get"),
            Self::CreateSubnetTag => post(Idempotent, "CreateSubnetTag", SUBNET_TAGS).action("vpc:subnetTags:create"),
            Self::DeleteSubnetTag => {
                delete(Idempotent, "DeleteSubnetTag", "/v2.0/{project_id}/subnets/{subnet_id}/tags/{key}")
                    .action("vpc:subnetTags:delete")
            }
            Self::CreateSubnetTags => {
                post(Idempotent, "BatchCreateSubnetTags", SUBNET_TAG_ACTION).action("vpc:subnetTags:create")
            }
            Self::DeleteSubnetTags => {
                post(Idempotent, "BatchDeleteSubnetTags", SUBNET_TAG_ACTION).action("vpc:subnetTags:delete")
            }
            Self::ListSubnetTags => {
                get("ListSubnetTags", "/v2.0/{project_id}/subnets/tags").action("vpc:subnetTags:get")
            }
            Self::ListNameServers => get("ListNameServers", "/v2/nameservers"),
            Self::MigrateResource => {
                let path = "/v1.0/enterprise-projects/{enterprise_project_id}/resources-migrate";
                post(Idempotent, "MigrateResource", path)
            }
            Self::ListEnterpriseProjectResources => {
                let path = "/v1.0/enterprise-projects/{enterprise_project_id}/resources/filter";
                post(Read, "ShowResourceBindEnterpriseProject", path)
            }
            Self::CreateToken => post(Read, "KeystoneCreateUserTokenByPassword", TOKENS),
            Self::CreateAgencyToken => post(Read, "KeystoneCreateAgencyToken", TOKENS),
            Self::ListProjects => get("KeystoneListProjects", "/v3/projects"),
            Self::ListDomains => get("KeystoneListAuthDomains", "/v3/auth/domains"),
            Self::CreateTemporaryKey => post(Read, "CreateTemporaryAccessKeyByToken", TEMPORARY_KEYS),
            Self::AssumeAgency => post(Read, "CreateTemporaryAccessKeyByAgency", TEMPORARY_KEYS),
            Self::MetadataSession => put(Read, "ECS metadata (token)", "/meta-data/latest/api/token"),
            Self::MetadataKey => get("ECS metadata (securitykey)", "/openstack/latest/securitykey"),
        }
    }

    /// Name in the SDKs, documents and audit logs. The SDKs name some VPC operations of both versions alike; those of v3
    /// end in `V3` here.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// HTTP method.
    #[must_use]
    pub fn method(self) -> &'static str {
        self.row().method
    }

    /// Path template, such as `/v1.0/{project_id}/queues/{queue_name}`. Each placeholder is one segment.
    #[must_use]
    pub fn path_template(self) -> &'static str {
        self.row().path
    }

    /// The path with the placeholders replaced, in order, by percent-encoded values (`r 1` → `r%201`).
    #[must_use]
    pub fn path(self, values: &[&str]) -> String {
        let mut values = values.iter();
        let mut path = String::new();
        for segment in self.path_template().split('/').skip(1) {
            path.push('/');
            if segment.starts_with('{') {
                let value = *values.next().expect("one value per placeholder");
                // The service returns UUIDs in lower case and does not find them in another spelling.
                let is_id = IDS.contains(&segment) && Uuid::try_parse(value).is_ok();
                let value = if is_id { value.to_ascii_lowercase() } else { value.to_owned() };
                path.extend(utf8_percent_encode(&value, RESERVED));
            } else {
                path.push_str(segment);
            }
        }
        path
    }

    /// The IAM action that a policy must allow, if documented.
    #[must_use]
    pub fn action(self) -> Option<&'static str> {
        self.row().action
    }

    /// Whether it may be repeated.
    #[must_use]
    pub fn safety(self) -> Safety {
        self.row().safety
    }

    /// Whether it changes anything. Creating tokens and keys does not count.
    #[must_use]
    pub fn is_write(self) -> bool {
        self.safety() != Safety::Read
    }

    /// The service that it calls: `DLI`, `VPC`, `DNS`, `EPS`, `IAM` or `ECS metadata`.
    #[must_use]
    pub fn service(self) -> &'static str {
        match self {
            Self::ListNameServers => "DNS",
            Self::MigrateResource | Self::ListEnterpriseProjectResources => "EPS",
            Self::CreateToken
            | Self::CreateAgencyToken
            | Self::ListProjects
            | Self::ListDomains
            | Self::CreateTemporaryKey
            | Self::AssumeAgency => "IAM",
            Self::MetadataSession | Self::MetadataKey => "ECS metadata",
            _ if self.action().is_some_and(|action| action.starts_with("vpc:")) => "VPC",
            _ => "DLI",
        }
    }

    /// Whether it calls IAM.
    #[must_use]
    pub fn is_identity(self) -> bool {
        self.service() == "IAM"
    }

    /// Whether it calls the VPC service.
    #[must_use]
    pub fn is_vpc(self) -> bool {
        self.service() == "VPC"
    }

    /// Whether it calls the metadata service of the ECS.
    #[must_use]
    pub fn is_metadata(self) -> bool {
        self.service() == "ECS metadata"
    }

    /// Whether its response holds secrets.
    #[must_use]
    pub fn returns_secrets(self) -> bool {
        let is_list = matches!(self, Self::ListProjects | Self::ListDomains);
        self.is_metadata() || (self.is_identity() && !is_list)
    }

    /// Whether it adds or removes a route.
    #[must_use]
    pub fn is_route_write(self) -> bool {
        matches!(self, Self::CreateRoute | Self::DeleteRoute | Self::CreateRouteV2 | Self::DeleteRouteV2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_per_segment() {
        assert_eq!(
            Operation::ShowConnection.path(&["48cc", "2a620c33-5609-40c9-affd-2b6453071b0f"]),
            "/v2.0/48cc/datasource/enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f"
        );
        assert_eq!(
            Operation::DeleteRoute.path(&["48cc", "2a62", "r 1/2"]),
            "/v3/48cc/datasource/enhanced-connections/2a62/routes/r%201%2F2"
        );
        assert_eq!(
            Operation::DeleteRouteV2.path(&["48cc", "2a62", "r1"]),
            "/v2.0/48cc/datasource/enhanced-connections/2a62/routes/r1"
        );
        assert_eq!(
            Operation::DeleteTags.path(&["48CC", "2A620C33-5609-40C9-AFFD-2B6453071B0F"]),
            "/v3/48CC/dli_enhanced_datasource/2a620c33-5609-40c9-affd-2b6453071b0f/tags/delete"
        );
        assert_eq!(Operation::ShowQueue.path(&["48cc", "../x y"]), "/v1.0/48cc/queues/..%2Fx%20y");
        assert_eq!(
            Operation::ShowVpcV3.path(&["48cc", "22094D8F-C310-4621-913D-4C4D655D8495"]),
            "/v3/48cc/vpc/vpcs/22094d8f-c310-4621-913d-4c4d655d8495"
        );
        assert_eq!(Operation::DeleteTags.path(&["48cc", "2a62"]), "/v3/48cc/dli_enhanced_datasource/2a62/tags/delete");
    }
}
