//! VPCs, subnets and route tables: `/v1/{project}/vpcs`, `/subnets` and `/routetables` of the VPC service.

use super::{endpoint::Endpoint, error::Error, project::Project};
use crate::dli::operation::Operation;
use crate::dli::vpc::{RouteTable, RouteTableShown, Subnet, SubnetList, SubnetShown, Vpc, VpcShown};

/// Maximum size of a page of subnets; the service's own default.
const PAGE: usize = 2000;

/// The VPC service of a project.
#[derive(Debug, Clone, Copy)]
pub struct VpcService<'a> {
    project: &'a Project,
    endpoint: &'a Endpoint,
}

impl Project {
    /// The VPC service; `None` if its address is unknown (see [`Config::vpc_endpoint`](super::Config::vpc_endpoint)).
    pub fn vpc(&self) -> Option<VpcService<'_>> {
        self.vpc_endpoint.as_ref().map(|endpoint| VpcService { project: self, endpoint })
    }
}

impl VpcService<'_> {
    /// Shows a VPC; without its secondary networks in a region that does not publish v3.
    pub async fn show_vpc(&self, id: &str) -> Result<Vpc, Error> {
        let (project, host) = (self.project, self.endpoint.host());
        let without_v3 = &project.client.without_v3_vpcs;
        if !without_v3.lock().contains(&host) {
            let shown = project.fetch(project.request(Operation::ShowVpcV3, &[id])).await;
            match shown {
                Err(error) if error.is_not_published() => drop(without_v3.lock().insert(host)),
                shown => return shown.map(|VpcShown { vpc }| vpc),
            }
        }
        project.fetch(project.request(Operation::ShowVpc, &[id])).await.map(|VpcShown { vpc }| vpc)
    }

    /// Lists the subnets of a VPC. A VPC that does not exist has none.
    pub async fn list_subnets(&self, vpc: &str) -> Result<Vec<Subnet>, Error> {
        let (project, vpc) = (self.project, vpc.to_ascii_lowercase());
        let mut subnets: Vec<Subnet> = Vec::new();
        loop {
            let mut request = project.request(Operation::ListSubnets, &[]).query("vpc_id", &vpc);
            let last = subnets.last().map(|subnet| subnet.id.clone());
            if let Some(last) = &last {
                request = request.query("marker", last);
            }
            let page: SubnetList = project.fetch(request).await?;
            // A page that does not continue is the last, whatever its length.
            let is_last = page.subnets.len() < PAGE || page.subnets.last().map(|subnet| &subnet.id) == last.as_ref();
            subnets.extend(page.subnets);
            if is_last {
                return Ok(subnets);
            }
        }
    }

    /// Shows a subnet by the ID of its network.
    pub async fn show_subnet(&self, id: &str) -> Result<Subnet, Error> {
        let request = self.project.request(Operation::ShowSubnet, &[id]);
        self.project.fetch(request).await.map(|SubnetShown { subnet }| subnet)
    }

    /// Shows a route table with its subnets.
    pub async fn show_route_table(&self, id: &str) -> Result<RouteTable, Error> {
        let request = self.project.request(Operation::ShowRouteTable, &[id]);
        self.project.fetch(request).await.map(|RouteTableShown { routetable }| routetable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{
        Client, Config, ErrorKind,
        test_server::{Server, config, response},
    };

    const VPC: &str = "22094d8f-c310-4621-913d-4c4d655d8495";
    const PROJECT: &str = "48cc2c48765f481480c7db940d6409d1";

    /// A project whose DLI and VPC addresses are those of the server.
    fn project(server: &Server) -> Project {
        let config = config(server.address);
        let config = Config { vpc_endpoint: config.endpoint.clone(), ..config };
        Client::new(config).expect("valid configuration").project(None, None).expect("complete settings")
    }

    #[tokio::test]
    async fn vpc_is_shown_with_v3_then_v1() {
        let v3 = r#"{"request_id":"1","vpc":{"id":"22094d8f","cidr":"10.0.0.0/8","extend_cidrs":["23.8.0.0/16"]}}"#;
        let mut server = Server::answering(move || response(200, v3)).await;
        let shown = project(&server).vpc().expect("an address").show_vpc(&VPC.to_uppercase()).await.expect("shown");
        assert_eq!(shown.extend_cidrs, ["23.8.0.0/16"]);
        let request = server.request().await;
        assert_eq!(request.parts(), ("GET", format!("/v3/{PROJECT}/vpc/vpcs/{VPC}"), ""));
        assert_eq!(request.header("x-project-id"), Some(PROJECT));
        assert!(request.header("authorization").is_some_and(|text| text.starts_with("SDK-HMAC-SHA256 ")));

        let unpublished = r#"{"error_code":"APIGW.0101","error_msg":"The API does not exist","request_id":"1"}"#;
        let mut server = Server::answering(move || response(404, unpublished)).await;
        let project = project(&server);
        for versions in [&["v3", "v1"][..], &["v1"]] {
            let error = project.vpc().expect("an address").show_vpc(VPC).await.expect_err("neither is published");
            assert_eq!(error.kind(), ErrorKind::NotPublished);
            for version in versions {
                assert!(server.request().await.path.starts_with(&format!("/{version}/")), "{version}");
            }
        }
        assert_eq!(server.unseen(), 0);
    }

    #[tokio::test]
    async fn subnets_are_listed_until_a_page_is_short() {
        let page: Vec<_> = (0..PAGE).map(|number| format!(r#"{{"id":"s{number}"}}"#)).collect();
        let page = format!(r#"{{"subnets":[{}]}}"#, page.join(","));
        let mut server = Server::answering(move || response(200, page.clone())).await;
        let project = project(&server);
        let listed = project.vpc().expect("an address").list_subnets(VPC).await.expect("listed");
        assert_eq!(listed.len(), 2 * PAGE);
        for query in [format!("vpc_id={VPC}"), format!("marker=s1999&vpc_id={VPC}")] {
            assert_eq!(server.request().await.parts(), ("GET", format!("/v1/{PROJECT}/subnets?{query}"), ""));
        }
        assert_eq!(server.unseen(), 0, "the page repeats");
    }

    /// The error bodies of the document: a 404 is "not found" by its code only.
    #[tokio::test]
    async fn missing_objects_are_recognized_by_code() {
        for (status, body, kind) in [
            (404, r#"{"code":"VPC.0202","message":"Query subnet fail"}"#, ErrorKind::NotFound),
            (404, r#"{"error_code":"VPC.2204","error_msg":"Query by ID failed"}"#, ErrorKind::NotFound),
            (404, r#"{"error_code":"APIGW.0101","error_msg":"not published"}"#, ErrorKind::NotPublished),
            (404, "Not Found", ErrorKind::Refused),
            (403, r#"{"code":"VPC.0010","message":"no permission"}"#, ErrorKind::Refused),
            (500, r#"{"code":"VPC.0202","message":"Query subnet fail"}"#, ErrorKind::OutcomeUnknown),
        ] {
            let server = Server::answering(move || response(status, body)).await;
            let project = project(&server);
            let error = project.vpc().expect("an address").show_subnet("s1").await.expect_err(body);
            assert_eq!(error.kind(), kind, "{body}");
            let table = project.vpc().expect("an address").show_route_table("t1").await.expect_err(body);
            assert_eq!(table.kind(), kind, "{body}");
        }
    }
}
