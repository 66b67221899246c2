//! Elastic resource pools: `/v3/{project}/elastic-resource-pools`.

use std::collections::BTreeSet;

use super::error::Error;
use super::project::Project;
use crate::dli::operation::Operation;
use crate::dli::wire::{Pool, PoolList};

/// Page size; the service's own default.
const PAGE: usize = 100;

impl Project {
    /// Lists all elastic resource pools of the project.
    pub async fn list_pools(&self) -> Result<Vec<Pool>, Error> {
        let mut pools: Vec<Pool> = Vec::new();
        let mut names = BTreeSet::new();
        loop {
            let request = self
                .request(Operation::ListPools, &[])
                .query("limit", &PAGE.to_string())
                .query("offset", &pools.len().to_string());
            let page: PoolList = self.fetch(request).await?;
            // A page without a new pool is the last, whatever the count says.
            let more =
                page.elastic_resource_pools.iter().fold(false, |more, pool| names.insert(pool.name.clone()) | more);
            pools.extend(page.elastic_resource_pools);
            if !more || pools.len() >= usize::try_from(page.count).unwrap_or(0) {
                return Ok(pools);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{
        Client,
        test_server::{Server, config, response},
    };

    #[tokio::test]
    async fn list_of_several_pages() {
        let page = r#"{"is_success":true,"message":"","count":3,"elastic_resource_pools":[{"elastic_resource_pool_name":"pool_a","id":7,"status":"AVAILABLE","cidr_in_vpc":"172.16.0.0/18","max_cu":64,"min_cu":16,"actual_cu":16,"current_cu":16,"charging_mode":1,"queues":["q_a"],"label":{},"fail_reason":null},{"elastic_resource_pool_name":"pool_b"}]}"#;
        let mut server = Server::answering(move || response(200, page)).await;
        let client = Client::new(config(server.address)).expect("valid configuration");
        let pools = client.project(None, None).expect("complete settings").list_pools().await.expect("listed");
        assert_eq!(pools.len(), 4);
        assert_eq!((pools[0].name.as_str(), pools[0].queues.as_slice()), ("pool_a", ["q_a".to_owned()].as_slice()));
        for query in ["limit=100&offset=0", "limit=100&offset=2"] {
            let request = server.request().await;
            let path = "/v3/48cc2c48765f481480c7db940d6409d1/elastic-resource-pools";
            assert_eq!((request.path.as_str(), request.query.as_str()), (path, query));
        }
    }

    /// A page without new pools ends the list, whatever the count says.
    #[tokio::test]
    async fn endless_count_ends() {
        let page =
            r#"{"count":9223372036854775807,"elastic_resource_pools":[{"elastic_resource_pool_name":"pool_a"}]}"#;
        let mut server = Server::answering(move || response(200, page)).await;
        let client = Client::new(config(server.address)).expect("valid configuration");
        let project = client.project(None, None).expect("complete settings");
        let listing = tokio::time::timeout(std::time::Duration::from_secs(10), project.list_pools());
        listing.await.expect("it ends").expect("listed");
        for _ in 0..2 {
            server.request().await;
        }
        assert_eq!(server.unseen(), 0);
    }
}
