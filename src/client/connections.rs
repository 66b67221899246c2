//! Enhanced datasource connections: `/v2.0/{project}/datasource/enhanced-connections`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use time::OffsetDateTime;

use super::{error::Error, project::Project, write::Write};
use crate::dli::{
    operation::Operation,
    wire::{
        Connection, ConnectionFields, ConnectionList, ConnectionListFields, CreateConnection, Host, QueueNames,
        ReplaceHosts, STATUS_ACTIVE,
    },
};

/// Maximum size of a page of connections, in bytes: reading them one by one needs less memory.
const MAX_PAGE: usize = 16 << 20;

/// Filters of a list of connections. The default lists all, including deleted ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionFilter<'a> {
    /// The exact name.
    pub name: Option<&'a str>,
    /// [`STATUS_ACTIVE`](crate::dli::wire::STATUS_ACTIVE) or [`STATUS_DELETED`](crate::dli::wire::STATUS_DELETED).
    pub status: Option<&'a str>,
    /// Tags with their values. The documents do not define an escape for `,` and `=` in them.
    pub tags: Option<&'a BTreeMap<String, String>>,
}

/// A row of a list of connections.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListedConnection {
    /// The connection. Collections that the row lacks are empty.
    pub connection: Connection,
    /// Which collections the row contains.
    pub fields: ConnectionFields,
}

impl Project {
    /// Creates a connection and returns its id, the only data in the response. Host records are sent in name order.
    ///
    /// The service has no idempotency token: after an error for which
    /// [`may_have_taken_effect`](Error::may_have_taken_effect) is true, the connection may exist. `on_send` is called
    /// with the service's time right before each attempt is sent. If it returns an error, the attempt is not sent.
    pub async fn create_connection(
        &self,
        connection: &CreateConnection,
        on_send: &(dyn Fn(OffsetDateTime) -> Result<(), String> + Sync),
    ) -> Result<String, Error> {
        // Equal content has equal bodies.
        let mut body = Cow::Borrowed(connection);
        if !body.hosts.is_sorted() {
            body.to_mut().hosts.sort();
        }
        let request = self.request(Operation::CreateConnection, &[]).body(&body);
        self.fetch(request.on_send(on_send)).await.map(|created: Created| created.connection_id)
    }

    /// Shows one connection. A deleted connection has the status `DELETED`.
    pub async fn show_connection(&self, id: &str) -> Result<Connection, Error> {
        self.fetch(self.request(Operation::ShowConnection, &[id])).await
    }

    /// Lists connections in the order of their creation.
    pub async fn list_connections(&self, filter: &ConnectionFilter<'_>) -> Result<Vec<Connection>, Error> {
        // A limit of 0 means all; the default is 100.
        let mut request = self.request(Operation::ListConnections, &[]).query("limit", "0");
        for (key, value) in [("name", filter.name), ("status", filter.status)] {
            if let Some(value) = value {
                request = request.query(key, value);
            }
        }
        if let Some(tags) = filter.tags.filter(|tags| !tags.is_empty()) {
            let pairs: Vec<_> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            request = request.query("tags", &pairs.join(","));
        }
        self.fetch(request).await.map(|list: ConnectionList| list.connections)
    }

    /// Lists connections that are not deleted, from `offset`: at most `limit`, possibly fewer. An empty page follows the
    /// last one. Fails if the page exceeds 16 MiB, about 100,000 host records.
    pub async fn list_active_connections(&self, offset: usize, limit: usize) -> Result<Vec<ListedConnection>, Error> {
        let (offset, limit) = (offset.to_string(), limit.to_string());
        let request = self.request(Operation::ListConnections, &[]).query("limit", &limit).query("offset", &offset);
        let request = request.max_response(MAX_PAGE);
        let (list, fields) = self.fetch_as_both(request.query("status", STATUS_ACTIVE)).await?;
        let (ConnectionList { connections, .. }, ConnectionListFields { connections: fields }) = (list, fields);
        let listed = connections.into_iter().zip(fields);
        Ok(listed.map(|(connection, fields)| ListedConnection { connection, fields }).collect())
    }

    /// Deletes a connection.
    pub async fn delete_connection(&self, id: &str) -> Result<(), Error> {
        self.run(self.request(Operation::DeleteConnection, &[id])).await
    }

    /// Replaces all host records; an empty list clears them. They are sent in name order.
    pub async fn replace_hosts(&self, id: &str, mut hosts: Vec<Host>) -> Result<(), Error> {
        hosts.sort();
        let request = self.request(Operation::ReplaceHosts, &[id]).body(&ReplaceHosts { hosts });
        self.run(request).await
    }

    /// Binds queues or pools. The response precedes the peering, whose state [`show_connection`](Self::show_connection)
    /// returns.
    pub fn bind(&self, id: &str, names: &QueueNames) -> Write<'_> {
        self.write(self.request(Operation::Bind, &[id]).body(names))
    }

    /// Unbinds queues or pools.
    pub fn unbind(&self, id: &str, names: &QueueNames) -> Write<'_> {
        self.write(self.request(Operation::Unbind, &[id]).body(names))
    }
}

/// Response to "create a connection". An empty id is invalid.
#[derive(Deserialize)]
struct Created {
    #[serde(deserialize_with = "not_empty")]
    connection_id: String,
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if id.is_empty() { Err(D::Error::custom("connection_id is empty")) } else { Ok(id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::{
            ErrorKind,
            test_server::{ID, exchange},
        },
        dli::wire::Tag,
    };

    const DONE: &str = r#"{"is_success":true,"message":""}"#;

    fn host(name: &str, ip: &str) -> Host {
        Host { name: name.into(), ip: ip.into() }
    }

    /// The example of the document, with the hosts in reverse order and a tag.
    #[tokio::test]
    async fn create() {
        let connection = CreateConnection {
            name: "test".into(),
            dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".into(),
            dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".into(),
            queues: vec!["q1".into(), "q2".into()],
            hosts: vec![host("ecs-97f8-0002", "192.168.0.2"), host("ecs-97f8-0001", "192.168.0.1")],
            tags: vec![Tag { key: "owner".into(), value: String::new() }],
            ..CreateConnection::default()
        };
        let response =
            r#"{ "is_success": true, "message": "", "connection_id": "2a620c33-5609-40c9-affd-2b6453071b0f" }"#;
        let (request, id) =
            exchange(201, response, async |project| project.create_connection(&connection, &|_| Ok(())).await).await;
        assert_eq!(
            request.parts(),
            (
                "POST",
                "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections".to_owned(),
                r#"{"name":"test","dest_vpc_id":"22094d8f-c310-4621-913d-4c4d655d8495","dest_network_id":"78f2562a-36e4-4b39-95b9-f5aab22e1281","queues":["q1","q2"],"hosts":[{"name":"ecs-97f8-0001","ip":"192.168.0.1"},{"name":"ecs-97f8-0002","ip":"192.168.0.2"}],"tags":[{"key":"owner","value":""}]}"#,
            )
        );
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(id.expect("created"), "2a620c33-5609-40c9-affd-2b6453071b0f");
    }

    #[tokio::test]
    async fn created_connection_needs_an_id() {
        for response in [r#"{"is_success":true}"#, r#"{"is_success":true,"connection_id":""}"#, ""] {
            let connection = CreateConnection::default();
            let (_, id) =
                exchange(201, response, async |project| project.create_connection(&connection, &|_| Ok(())).await)
                    .await;
            let error = id.expect_err("there is no id");
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error:?}");
            assert!(error.may_have_taken_effect());
        }
    }

    #[tokio::test]
    async fn show() {
        let response = r#"{"is_success":"true","message":"","id":"2a62","name":"test","status":"DELETED","available_queue_info":[{"peer_id":"p","name":"q1","status":"FAILED","err_msg":"Failed to get subnet","update_time":1566889577861}],"elastic_resource_pools":null,"dest_vpc_id":"v","dest_network_id":"n","create_time":1566888011125,"hosts":[{"ip":"192.168.0.1","name":"ecs"}],"isPrivis":true,"routes":[]}"#;
        let (request, connection) = exchange(200, response, async |project| project.show_connection(ID).await).await;
        assert_eq!(
            request.parts(),
            (
                "GET",
                "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/\
                 enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f"
                    .to_owned(),
                "",
            )
        );
        assert_eq!(request.header("content-type"), None);
        let connection = connection.expect("a deleted connection can be shown");
        assert!(connection.is_deleted());
        assert_eq!(connection.hosts, [host("ecs", "192.168.0.1")]);
        assert_eq!(connection.available_queue_info[0].err_msg, "Failed to get subnet");
        assert_eq!(connection.create_time, 1_566_888_011_125);
    }

    #[tokio::test]
    async fn list() {
        let path = "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections";
        let response = r#"{"is_success":true,"count":1,"connections":[{"id":"2a62","name":"test","status":"ACTIVE"}]}"#;
        let all = ConnectionFilter::default();
        let (request, connections) =
            exchange(200, response, async |project| project.list_connections(&all).await).await;
        assert_eq!(request.parts(), ("GET", format!("{path}?limit=0"), ""));
        assert_eq!(connections.expect("listed")[0].id, "2a62");

        let some = ConnectionFilter { name: Some("a b&c"), status: Some("ACTIVE"), tags: None };
        let (request, connections) =
            exchange(200, r#"{"is_success":true}"#, async |project| project.list_connections(&some).await).await;
        assert_eq!(request.parts(), ("GET", format!("{path}?limit=0&name=a%20b%26c&status=ACTIVE"), ""));
        assert_eq!(connections.expect("listed"), []);
    }

    /// `k1=v1,k2=v2` is one parameter, percent-encoded as a whole, with the tags in order.
    #[tokio::test]
    async fn list_by_tags() {
        let path = "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections";
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let tags = [("team", "R+D & größe"), ("at", "10:30"), ("empty", "")].map(pair).into();
        let filter = ConnectionFilter { tags: Some(&tags), ..ConnectionFilter::default() };
        let response = r#"{"is_success":true}"#;
        let (request, _) = exchange(200, response, async |project| project.list_connections(&filter).await).await;
        let query = "limit=0&tags=at%3D10%3A30%2Cempty%3D%2Cteam%3DR%2BD%20%26%20gr%C3%B6%C3%9Fe";
        assert_eq!(request.parts(), ("GET", format!("{path}?{query}"), ""));

        let none = ConnectionFilter { tags: Some(&BTreeMap::new()), ..ConnectionFilter::default() };
        let (request, _) = exchange(200, response, async |project| project.list_connections(&none).await).await;
        assert_eq!(request.parts(), ("GET", format!("{path}?limit=0"), ""));
    }

    #[tokio::test]
    async fn delete() {
        let response = r#"{"is_success":true,"message":"Deleted"}"#;
        let (request, done) = exchange(200, response, async |project| project.delete_connection("a/b").await).await;
        assert_eq!(
            request.parts(),
            ("DELETE", "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections/a%2Fb".to_owned(), "")
        );
        done.expect("deleted");
    }

    #[tokio::test]
    async fn hosts_are_replaced_in_name_order() {
        let path = "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/\
                    enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f";
        let hosts = [host("b", "10.0.0.1"), host("a", "10.0.0.2")];
        let (request, done) =
            exchange(200, DONE, async |project| project.replace_hosts(ID, hosts.to_vec()).await).await;
        assert_eq!(
            request.parts(),
            ("PUT", path.to_owned(), r#"{"hosts":[{"name":"a","ip":"10.0.0.2"},{"name":"b","ip":"10.0.0.1"}]}"#)
        );
        done.expect("replaced");
        let (request, _) = exchange(200, DONE, async |project| project.replace_hosts(ID, Vec::new()).await).await;
        assert_eq!(request.parts(), ("PUT", path.to_owned(), r#"{"hosts":[]}"#));
    }

    #[tokio::test]
    async fn bind_and_unbind() {
        let path = "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/\
                    enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f";
        let queues = QueueNames { queues: vec!["q1".into(), "q2".into()], ..QueueNames::default() };
        let pools = QueueNames { elastic_resource_pools: vec!["p1".into()], ..QueueNames::default() };
        let (request, done) = exchange(200, DONE, async |project| project.bind(ID, &queues).send().await).await;
        assert_eq!(request.parts(), ("POST", format!("{path}/associate-queue"), r#"{"queues":["q1","q2"]}"#));
        done.expect("bound");
        let (request, done) = exchange(200, DONE, async |project| project.unbind(ID, &pools).send().await).await;
        assert_eq!(
            request.parts(),
            ("POST", format!("{path}/disassociate-queue"), r#"{"elastic_resource_pools":["p1"]}"#)
        );
        done.expect("unbound");
    }
}
