//! Routes of a connection: `/v3/{project}/datasource/enhanced-connections/{id}/routes`, or the same under `/v2.0` in a
//! region that does not publish v3. They are read with the connection.

use super::{project::Project, request::Request, write::Write};
use crate::dli::{operation::Operation, wire::Route};

impl Project {
    /// Adds a route. Its name and its network must be free; a route cannot be changed.
    pub fn create_route(&self, id: &str, name: &str, cidr: &str) -> Write<'_> {
        let route = Route { name: name.to_owned(), cidr: cidr.to_owned(), create_time: 0 };
        let request = |operation| self.request(operation, &[id]).body(&route);
        self.write_route(request(Operation::CreateRoute), request(Operation::CreateRouteV2))
    }

    /// Removes a route.
    pub fn delete_route(&self, id: &str, name: &str) -> Write<'_> {
        let request = |operation| self.request(operation, &[id, name]);
        self.write_route(request(Operation::DeleteRoute), request(Operation::DeleteRouteV2))
    }

    /// Uses v3 unless the region is known not to publish it.
    fn write_route(&self, v3: Request<'static>, v2: Request<'static>) -> Write<'_> {
        if self.client.without_v3_routes.lock().contains(&self.endpoint.host()) {
            return self.write(v2);
        }
        Write { fallback: Some(v2), ..self.write(v3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{
        Client,
        test_server::{ID, Server, config, exchange, response},
    };

    const V3: &str = "/v3/48cc2c48765f481480c7db940d6409d1/datasource/\
                      enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f/routes";
    const DONE: &str = r#"{"is_success":true,"message":""}"#;

    #[tokio::test]
    async fn create_and_delete() {
        let create = async |project: &Project| project.create_route(ID, "r1", "192.168.2.0/24").send().await;
        let (request, done) = exchange(200, DONE, create).await;
        assert_eq!(request.parts(), ("POST", V3.to_owned(), r#"{"name":"r1","cidr":"192.168.2.0/24"}"#));
        done.expect("created");
        let (request, done) = exchange(200, DONE, async |project| project.delete_route(ID, "r 1").send().await).await;
        assert_eq!(request.parts(), ("DELETE", format!("{V3}/r%201"), ""));
        done.expect("deleted");
    }

    /// The missing v3 API is remembered.
    #[tokio::test]
    async fn unpublished_v3_falls_back_to_v2() {
        let refusal = r#"{"error_code":"APIGW.0101","error_msg":"The API does not exist or has not been published"}"#;
        let mut server = Server::answering(move || response(404, refusal)).await;
        let client = Client::new(config(server.address)).expect("valid configuration");
        for paths in [["/v3/", "/v2.0/"].as_slice(), &["/v2.0/"]] {
            let project = client.project(None, None).expect("complete settings");
            project.delete_route(ID, "r1").send().await.expect_err("v2.0 is not published either");
            for path in paths {
                assert!(server.request().await.path.starts_with(path));
            }
            assert_eq!(server.unseen(), 0);
        }
    }
}
