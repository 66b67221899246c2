//! Request and response bodies, with the field names of the API documents.
//!
//! Decoding is lenient where the documents and live responses disagree: unknown fields are ignored, a missing
//! collection is empty, a boolean may be the text `"true"`, a number may be a text of digits, and `null` counts as
//! missing.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

/// `status` of a connection that exists, whatever the state of its bindings.
pub const STATUS_ACTIVE: &str = "ACTIVE";
/// `status` of a deleted connection, which can still be shown.
pub const STATUS_DELETED: &str = "DELETED";

/// `status` of a binding that is still being created.
pub const BINDING_CREATING: &str = "CREATING";
/// `status` of a working binding.
pub const BINDING_ACTIVE: &str = "ACTIVE";
/// `status` of a failed binding; `err_msg` has the reason.
pub const BINDING_FAILED: &str = "FAILED";

/// One host record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Host {
    /// Host name. (The document marks neither field as mandatory.)
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// IPv4 address.
    #[serde(default, deserialize_with = "or_default")]
    pub ip: String,
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// Unique within the connection.
    pub key: String,
    /// May be empty.
    #[serde(default, deserialize_with = "or_default")]
    pub value: String,
}

/// One route of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// Unique within the connection.
    pub name: String,
    /// IPv4 or IPv6 network. (The document's example has no prefix length: it means one address.)
    #[serde(default, deserialize_with = "or_default")]
    pub cidr: String,
    /// Milliseconds since the Unix epoch; not part of the request.
    #[serde(default, deserialize_with = "lenient_integer", skip_serializing_if = "is_zero")]
    pub create_time: i64,
}

/// Body of "create a connection".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateConnection {
    /// Name of the connection.
    pub name: String,
    /// VPC of the subnet.
    pub dest_vpc_id: String,
    /// Network id of the subnet.
    pub dest_network_id: String,
    /// Queues to bind.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<String>,
    /// Elastic resource pools to bind.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub elastic_resource_pools: Vec<String>,
    /// Route table of the subnet; no response contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routetable_id: Option<String>,
    /// Host records.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Host>,
    /// Tags. (The oldest document declares strings; every later one key and value.)
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// The two fields at the beginning of every response.
///
/// HTTP 2xx with `is_success: false` is a failure; `message` is its only explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Missing means true.
    #[serde(default = "yes", deserialize_with = "lenient_success")]
    pub is_success: bool,
    /// Often empty.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
}

impl Outcome {
    /// Success with a message.
    #[must_use]
    pub fn success(message: impl Into<String>) -> Self {
        Self { is_success: true, message: message.into() }
    }
}

/// The state of the peering of one queue or pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Id of the VPC peering.
    #[serde(default, deserialize_with = "or_default")]
    pub peer_id: String,
    /// Queue name (in lower case) or pool name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// `CREATING`, `ACTIVE` or `FAILED`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// Reason of the failure; empty otherwise.
    #[serde(default, deserialize_with = "or_default")]
    pub err_msg: String,
    /// Milliseconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub update_time: i64,
}

impl Binding {
    /// Whether it has this status, ignoring case.
    #[must_use]
    pub fn has_status(&self, status: &str) -> bool {
        self.status.eq_ignore_ascii_case(status)
    }
}

/// A connection, as "show" and "list" return it, without tags and `routetable_id`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// UUID.
    pub id: String,
    /// Name of the connection.
    pub name: String,
    /// `ACTIVE` or `DELETED`, in any case.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// Bound queues outside pools.
    #[serde(default, deserialize_with = "or_default")]
    pub available_queue_info: Vec<Binding>,
    /// Bound elastic resource pools.
    #[serde(default, deserialize_with = "or_default")]
    pub elastic_resource_pools: Vec<Binding>,
    /// VPC of the subnet.
    #[serde(default, deserialize_with = "or_default")]
    pub dest_vpc_id: String,
    /// Network id of the subnet.
    #[serde(default, deserialize_with = "or_default")]
    pub dest_network_id: String,
    /// Milliseconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub create_time: i64,
    /// Host records in no particular order.
    #[serde(default, deserialize_with = "or_default")]
    pub hosts: Vec<Host>,
    /// Routes in no particular order. They are not documented here; live responses have them.
    #[serde(default, deserialize_with = "or_default")]
    pub routes: Vec<Route>,
    /// Whether it supports IPv6, which follows from the subnet.
    #[serde(default, deserialize_with = "lenient_bool", skip_serializing_if = "Option::is_none")]
    pub ipv6_enable: Option<bool>,
    /// Contrary to its name, `false` if the connection is shared with other projects.
    #[serde(rename = "isPrivis", default, deserialize_with = "lenient_bool", skip_serializing_if = "Option::is_none")]
    pub is_privis: Option<bool>,
}

impl Connection {
    /// Whether the connection was deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.status.eq_ignore_ascii_case(STATUS_DELETED)
    }
}

/// Response to "list connections".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionList {
    /// Success and message.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Number of returned connections.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub count: i64,
    /// Sorted by creation time.
    #[serde(default, deserialize_with = "or_default")]
    pub connections: Vec<Connection>,
}

/// Which collections the rows of "list connections" contain.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ConnectionListFields {
    /// In the order of [`ConnectionList::connections`].
    #[serde(default, deserialize_with = "or_default")]
    pub connections: Vec<ConnectionFields>,
}

/// Which collections a row of "list connections" contains, if only as an empty list. The documents do not mention
/// `routes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub struct ConnectionFields {
    available_queue_info: Option<IgnoredAny>,
    elastic_resource_pools: Option<IgnoredAny>,
    hosts: Option<IgnoredAny>,
    routes: Option<IgnoredAny>,
}

impl ConnectionFields {
    /// Whether the row contains the bindings of queues and of pools.
    #[must_use]
    pub fn has_bindings(&self) -> bool {
        self.available_queue_info.is_some() && self.elastic_resource_pools.is_some()
    }

    /// Whether the row contains the host records.
    #[must_use]
    pub fn has_hosts(&self) -> bool {
        self.hosts.is_some()
    }

    /// Whether the row contains the routes.
    #[must_use]
    pub fn has_routes(&self) -> bool {
        self.routes.is_some()
    }
}

/// Body of "modify hosts". An empty list clears all records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceHosts {
    /// All host records.
    pub hosts: Vec<Host>,
}

/// Body of "bind" and "unbind".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueNames {
    /// Queue names.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<String>,
    /// Pool names.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub elastic_resource_pools: Vec<String>,
}

/// A queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Queue name, in lower case. ("List" and "show" spell the key differently.)
    #[serde(alias = "queueName")]
    pub queue_name: String,
    /// `sql` or `general`.
    #[serde(default, alias = "queueType", deserialize_with = "or_default")]
    pub queue_type: String,
    /// 1: per CU-hour, 2: yearly/monthly, 0: missing.
    #[serde(default, alias = "chargingMode", deserialize_with = "lenient_integer")]
    pub charging_mode: i64,
    /// 0: shared, 1: dedicated.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub resource_mode: i64,
    /// The pool that contains it, if any.
    #[serde(default, deserialize_with = "or_default")]
    pub elastic_resource_pool_name: String,
    /// The queue's network.
    #[serde(default, deserialize_with = "or_default")]
    pub cidr_in_vpc: String,
    /// Milliseconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub create_time: i64,
    /// Compute units.
    #[serde(default, alias = "cuCount", deserialize_with = "lenient_integer")]
    pub cu_count: i64,
    /// The user who created it.
    #[serde(default, deserialize_with = "or_default")]
    pub owner: String,
    /// Description.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
}

impl Queue {
    /// Whether an enhanced datasource connection may bind it: a dedicated or yearly/monthly queue, or one in a pool.
    #[must_use]
    pub fn may_be_bound(&self) -> bool {
        !self.queue_name.eq_ignore_ascii_case("default")
            && (self.resource_mode == 1 || self.charging_mode == 2 || !self.elastic_resource_pool_name.is_empty())
    }
}

/// Response to "list queues".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueList {
    /// Success and message.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// All queues of the project.
    #[serde(default, deserialize_with = "or_default")]
    pub queues: Vec<Queue>,
}

/// An elastic resource pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Pool name, in lower case.
    #[serde(rename = "elastic_resource_pool_name")]
    pub name: String,
    /// `AVAILABLE`, `SCALING`, `CREATING` or `FAILED`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// Reason of the failure; empty otherwise.
    #[serde(default, deserialize_with = "or_default")]
    pub fail_reason: String,
    /// The pool's network, which cannot change.
    #[serde(default, deserialize_with = "or_default")]
    pub cidr_in_vpc: String,
    /// Whether the pool has an IPv6 network too.
    #[serde(default, deserialize_with = "lenient_bool", skip_serializing_if = "Option::is_none")]
    pub ipv6_enable: Option<bool>,
    /// 1: per CU-hour, 2: yearly/monthly, 0: missing.
    #[serde(default, alias = "chargingMode", deserialize_with = "lenient_integer")]
    pub charging_mode: i64,
    /// Minimum of compute units.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub min_cu: i64,
    /// Maximum of compute units.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub max_cu: i64,
    /// Current compute units.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub actual_cu: i64,
    /// Names of its queues.
    #[serde(default, deserialize_with = "or_default")]
    pub queues: Vec<String>,
    /// The user who created it.
    #[serde(default, deserialize_with = "or_default")]
    pub owner: String,
    /// Description.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// Milliseconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub create_time: i64,
}

impl Pool {
    /// Whether an enhanced datasource connection may bind it. (Inferred: a pool that is FAILED or CREATING has no
    /// network.)
    #[must_use]
    pub fn may_be_bound(&self) -> bool {
        !["FAILED", "CREATING"].iter().any(|status| self.status.eq_ignore_ascii_case(status))
    }
}

/// Response to "list elastic resource pools".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolList {
    /// Number of pools on all pages.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub count: i64,
    /// The pools of this page.
    #[serde(default, deserialize_with = "or_default")]
    pub elastic_resource_pools: Vec<Pool>,
}

/// The only privilege: to bind the other project's queues and pools.
pub const PRIVILEGE_BIND_QUEUE: &str = "BIND_QUEUE";

/// The name of a connection in "grant and revoke" and "show privileges".
#[must_use]
pub fn privilege_object(connection: &str) -> String {
    format!("edsconnections.{connection}")
}

/// The privileges of another project on a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ListedPrivilege")]
pub struct Privilege {
    /// `edsconnections.` and the id of the connection.
    pub object: String,
    /// The other project.
    pub applicant_project_id: String,
    /// [`PRIVILEGE_BIND_QUEUE`] is the only one.
    pub privileges: Vec<String>,
}

/// A privilege as listed: documented with `applicant_project_id`, observed with `project_id`. Both may be there.
#[derive(Deserialize)]
struct ListedPrivilege {
    #[serde(default, deserialize_with = "or_default")]
    object: String,
    #[serde(default, deserialize_with = "or_default")]
    applicant_project_id: String,
    #[serde(default, deserialize_with = "or_default")]
    project_id: String,
    #[serde(default, deserialize_with = "or_default")]
    privileges: Vec<String>,
}

impl From<ListedPrivilege> for Privilege {
    fn from(listed: ListedPrivilege) -> Self {
        let ListedPrivilege { object, applicant_project_id, project_id, privileges } = listed;
        let applicant_project_id = if applicant_project_id.is_empty() { project_id } else { applicant_project_id };
        Self { object, applicant_project_id, privileges }
    }
}

/// Response to "show privileges of a connection".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivilegeList {
    /// One entry per project.
    #[serde(default, deserialize_with = "or_default")]
    pub privileges: Vec<Privilege>,
}

/// Action of "grant and revoke".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizationAction {
    /// Adds privileges.
    Grant,
    /// Removes privileges.
    Revoke,
    /// Replaces all privileges; an empty list removes all.
    Update,
}

/// Body of "grant and revoke".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The other project. (Camel case, unlike all other fields.)
    #[serde(rename = "projectId")]
    pub project_id: String,
    /// The action.
    pub action: AuthorizationAction,
    /// Privileges per object.
    pub privileges: Vec<Granted>,
}

/// One object in [`Authorization`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// See [`privilege_object`].
    pub object: String,
    /// [`PRIVILEGE_BIND_QUEUE`] is the only one for connections.
    #[serde(default, deserialize_with = "or_default")]
    pub privileges: Vec<String>,
}

/// Body of "create tags" and "delete tags".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagChange {
    /// Tags to add or to remove.
    pub tags: Vec<Tag>,
}

/// Response to "show tags".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagList {
    /// The tags of this page.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<Tag>,
    /// Number of tags on all pages.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub count: i64,
}

/// Response to "list resource instances".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaggedResources {
    /// The resources of this page.
    #[serde(default, deserialize_with = "or_default")]
    pub resources: Vec<TaggedResource>,
    /// Number of resources on all pages.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub total_count: i64,
}

/// A resource with its tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaggedResource {
    /// ID of the resource.
    #[serde(default)]
    pub resource_id: String,
    /// Name of the resource.
    #[serde(default, deserialize_with = "or_default")]
    pub resource_name: String,
    /// The tags.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<Tag>,
}

/// Response to "start a connectivity test".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConnectivityTask {
    /// ID of the test.
    #[serde(deserialize_with = "lenient_integer")]
    pub task_id: i64,
}

/// Response to "show a connectivity test".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConnectivityStatus {
    /// Result; the documents list only `REACHABLE`.
    #[serde(default, deserialize_with = "or_default")]
    pub connectivity: String,
    /// Message; may be empty.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
}

fn yes() -> bool {
    true
}

/// Decodes `null` as the default.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Decodes a boolean or its text.
pub(super) fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected true or false, or the text of one")]
    enum Spelling {
        Plain(bool),
        Text(String),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => None,
        Some(Spelling::Plain(value)) => Some(value),
        Some(Spelling::Text(text)) => Some(text.eq_ignore_ascii_case("true")),
    })
}

/// Decodes a boolean or its text; `null` means success.
fn lenient_success<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    lenient_bool(deserializer).map(|value| value.unwrap_or(true))
}

/// Decodes an integer or its text; `null` and an empty text are 0.
fn lenient_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected an integer, or the text of one")]
    enum Spelling {
        Plain(i64),
        Text(String),
    }
    match Option::deserialize(deserializer)? {
        None => Ok(0),
        Some(Spelling::Plain(value)) => Ok(value),
        Some(Spelling::Text(text)) if text.is_empty() => Ok(0),
        Some(Spelling::Text(text)) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example request of the document.
    #[test]
    fn create_body_matches_the_document() {
        let document = r#"{ "name": "test", "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495", "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281", "queues": [ "q1", "q2" ], "hosts": [ { "ip":"192.168.0.1", "name":"ecs-97f8-0001" }, { "ip":"192.168.0.2", "name":"ecs-97f8-0002" } ] }"#;
        let read: CreateConnection = serde_json::from_str(document).expect("the document's example reads");
        let expected: serde_json::Value = serde_json::from_str(document).expect("the document's example is JSON");
        assert_eq!(serde_json::to_value(&read).expect("it writes"), expected);
    }

    #[test]
    fn success_is_read_leniently() {
        let read = |text: &str| serde_json::from_str::<Outcome>(text).expect("reads").is_success;
        assert!(read(r#"{"is_success": true, "message": ""}"#));
        assert!(read(r#"{"is_success": "true"}"#));
        assert!(read("{}"));
        assert!(!read(r#"{"is_success": false, "message": null}"#));
        assert!(!read(r#"{"is_success": "false"}"#));
        let error = serde_json::from_str::<Outcome>(r#"{"is_success": [1]}"#).expect_err("no boolean").to_string();
        assert_eq!(error, "expected true or false, or the text of one at line 1 column 19");
    }

    #[test]
    fn both_spellings_of_queue_keys_are_read() {
        let list = r#"{"queue_name":"q1","resource_mode":1,"create_time":"1553168490000"}"#;
        let show =
            r#"{"queueName":"q1","resource_mode":1,"create_time":1553168490000,"elastic_resource_pool_name":null}"#;
        let read = |text: &str| serde_json::from_str::<Queue>(text).expect("reads");
        assert_eq!(read(list), read(show));
        assert!(read(list).may_be_bound());
        assert!(!Queue { queue_name: "shared".into(), ..Queue::default() }.may_be_bound());
        assert!(!Queue { queue_name: "default".into(), resource_mode: 1, ..Queue::default() }.may_be_bound());
    }
}
