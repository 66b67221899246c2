//! Tags of a connection: `/v3/{project}/dli_enhanced_datasource/{id}/tags`. Reading a connection does not return them.

use serde_json::json;

use super::{error::Error, project::Project, write::Write};
use crate::dli::{
    operation::Operation,
    rules::MAX_TAGS,
    wire::{Tag, TagChange, TagList, TaggedResource, TaggedResources},
};

impl Project {
    /// Lists the tags of a connection, at most 20. The page size is not documented.
    pub async fn list_tags(&self, id: &str) -> Result<Vec<Tag>, Error> {
        let mut tags: Vec<Tag> = Vec::new();
        loop {
            let request = self.request(Operation::ListTags, &[id]);
            let offset = tags.len().to_string();
            let page: TagList =
                self.fetch(if tags.is_empty() { request } else { request.query("offset", &offset) }).await?;
            let more = !page.tags.is_empty();
            tags.extend(page.tags);
            let count = usize::try_from(page.count).unwrap_or(0).min(MAX_TAGS);
            if !more || tags.len() >= count {
                return Ok(tags);
            }
        }
    }

    /// Lists connections with their tags, from `offset`: at most 1,000, possibly fewer. An empty page follows the last
    /// one.
    pub async fn list_tagged_connections(&self, offset: usize) -> Result<Vec<TaggedResource>, Error> {
        let request = self.request(Operation::ListTagged, &[]).query("limit", "1000");
        let request = request.query("offset", &offset.to_string()).body(&json!({ "without_any_tag": false }));
        self.fetch(request).await.map(|list: TaggedResources| list.resources)
    }

    /// Adds tags. The effect on an existing key is not documented.
    pub fn create_tags(&self, id: &str, tags: &[Tag]) -> Write<'_> {
        let body = TagChange { tags: tags.to_vec() };
        self.write(self.request(Operation::CreateTags, &[id]).body(&body))
    }

    /// Removes tags.
    pub fn delete_tags(&self, id: &str, tags: &[Tag]) -> Write<'_> {
        let body = TagChange { tags: tags.to_vec() };
        self.write(self.request(Operation::DeleteTags, &[id]).body(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{
        Client,
        test_server::{ID, Server, config, exchange, response},
    };

    const PATH: &str =
        "/v3/48cc2c48765f481480c7db940d6409d1/dli_enhanced_datasource/2a620c33-5609-40c9-affd-2b6453071b0f/tags";

    fn tags() -> [Tag; 2] {
        [Tag { key: "größe".into(), value: "1".into() }, Tag { key: "owner".into(), value: String::new() }]
    }

    #[tokio::test]
    async fn list() {
        let response = r#"{"tags":[{"key":"größe","value":"1"},{"key":"owner"}],"count":2}"#;
        let (request, listed) = exchange(200, response, async |project| project.list_tags(ID).await).await;
        assert_eq!(request.parts(), ("GET", PATH.to_owned(), ""));
        assert_eq!(listed.expect("listed"), tags());
    }

    #[tokio::test]
    async fn list_tagged() {
        let response = r#"{"resources":[{"resource_id":"2a62","resource_name":"test","tags":[{"key":"owner","value":""}]},{"resource_id":"2a63","tags":null}],"total_count":2}"#;
        let (request, listed) =
            exchange(200, response, async |project| project.list_tagged_connections(100).await).await;
        let path = "/v3/48cc2c48765f481480c7db940d6409d1/dli_enhanced_datasource/resource-instances/filter";
        let expected = ("POST", format!("{path}?limit=1000&offset=100"), r#"{"without_any_tag":false}"#);
        assert_eq!(request.parts(), expected);
        let listed: Vec<_> =
            listed.expect("listed").into_iter().map(|resource| (resource.resource_id, resource.tags.len())).collect();
        assert_eq!(listed, [("2a62".to_owned(), 1), ("2a63".to_owned(), 0)]);
    }

    /// A page may hold fewer tags than there are. A count that is never reached ends the loop too.
    #[tokio::test]
    async fn list_of_several_pages() {
        let page = || response(200, r#"{"tags":[{"key":"a"},{"key":"b"}],"count":5}"#);
        let mut server = Server::answering(page).await;
        let client = Client::new(config(server.address)).expect("valid configuration");
        let listed = client.project(None, None).expect("complete settings").list_tags(ID).await;
        assert_eq!(listed.expect("listed").len(), 6);
        for query in ["", "offset=2", "offset=4"] {
            assert_eq!(server.request().await.query, query);
        }
        let mut server = Server::answering(|| response(200, r#"{"tags":[],"count":5}"#)).await;
        let client = Client::new(config(server.address)).expect("valid configuration");
        let listed = client.project(None, None).expect("complete settings").list_tags(ID).await;
        assert_eq!(listed.expect("listed"), []);
        server.request().await;
        assert_eq!(server.unseen(), 0);
    }

    /// Both respond with HTTP 204 and no body.
    #[tokio::test]
    async fn create_and_delete() {
        let body = r#"{"tags":[{"key":"größe","value":"1"},{"key":"owner","value":""}]}"#;
        let (request, done) = exchange(204, "", async |project| project.create_tags(ID, &tags()).send().await).await;
        assert_eq!(request.parts(), ("POST", format!("{PATH}/create"), body));
        done.expect("created");
        let (request, done) = exchange(204, "", async |project| project.delete_tags(ID, &tags()).send().await).await;
        assert_eq!(request.parts(), ("POST", format!("{PATH}/delete"), body));
        done.expect("deleted");
    }
}
