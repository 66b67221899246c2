//! Routes of a connection: `/v3/{project}/datasource/enhanced-connections/{id}/routes`, and the same under `/v2.0` where
//! a region has not published v3. No call reads them on their own; they come with the connection.

use std::{collections::BTreeSet, sync::PoisonError};

use super::{error::Error, project::Project, request::Request};
use crate::dli::{operation::Operation, wire::Route};

impl Project {
    /// Adds a route. There is no call that changes one: its name must be free, and its network, too.
    pub async fn create_route(&self, id: &str, name: &str, cidr: &str) -> Result<(), Error> {
        let route = Route { name: name.to_owned(), cidr: cidr.to_owned(), create_time: 0 };
        let add = |operation| self.request(operation, &[id]).body(&route);
        self.by_route_api(Operation::CreateRoute, Operation::CreateRouteV2, add).await
    }

    /// Removes a route.
    pub async fn delete_route(&self, id: &str, name: &str) -> Result<(), Error> {
        let delete = |operation| self.request(operation, &[id, name]);
        self.by_route_api(Operation::DeleteRoute, Operation::DeleteRouteV2, delete).await
    }

    /// The newer version where the region has it; which one it has, the process asks once.
    async fn by_route_api(
        &self,
        v3: Operation,
        v2: Operation,
        request: impl Fn(Operation) -> Request<'static>,
    ) -> Result<(), Error> {
        let host = self.endpoint.host();
        let only_old = |hosts: &BTreeSet<String>| hosts.contains(&host);
        let lock = || self.client.only_old_routes.lock().unwrap_or_else(PoisonError::into_inner);
        if !only_old(&lock()) {
            match self.run(request(v3)).await {
                Err(error) if error.is_not_published() => {
                    tracing::info!(host, "v3 routes are not published here; using v2.0");
                    lock().insert(host);
                }
                outcome => return outcome,
            }
        }
        self.run(request(v2)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{
        Client,
        test_server::{ID, Server, config, exchange, response},
    };

    const V3: &str = "/v3/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f/routes";
    const DONE: &str = r#"{"is_success":true,"message":""}"#;

    #[tokio::test]
    async fn create_and_delete() {
        let create = async |project: &Project| project.create_route(ID, "r1", "192.168.2.0/24").await;
        let (request, done) = exchange(200, DONE, create).await;
        assert_eq!(request.parts(), ("POST", V3.to_owned(), r#"{"name":"r1","cidr":"192.168.2.0/24"}"#));
        done.expect("created");
        let (request, done) = exchange(200, DONE, async |project| project.delete_route(ID, "r 1").await).await;
        assert_eq!(request.parts(), ("DELETE", format!("{V3}/r%201"), ""));
        done.expect("deleted");
    }

    /// A region without v3 is asked for it once.
    #[tokio::test]
    async fn where_v3_is_not_published_v2_is_used() {
        let refusal = r#"{"error_code":"APIGW.0101","error_msg":"The API does not exist or has not been published"}"#;
        let mut server = Server::answering(move || response(404, refusal)).await;
        let client = Client::new(config(server.address)).expect("in order");
        for paths in [["/v3/", "/v2.0/"].as_slice(), &["/v2.0/"]] {
            let project = client.project(None, None).expect("complete");
            project.delete_route(ID, "r1").await.expect_err("v2.0 is not published either");
            for path in paths {
                assert!(server.request().await.path.starts_with(path));
            }
            assert_eq!(server.unseen(), 0);
        }
    }
}
