//! Tags of a connection: `/v3/{project}/dli_enhanced_datasource/{id}/tags`. No read of the connection returns them.

use super::{Project, call::Call, error::Error, operation::Operation};
use crate::dli::{
    path,
    wire::{Tag, TagChange, TagList},
};

impl Project<'_> {
    /// The tags of a connection. There are at most 20, fewer than any page holds.
    pub async fn list_tags(&self, id: &str) -> Result<Vec<Tag>, Error> {
        let call = Call::new(Operation::ListTags, path::tags(&self.id, id));
        self.fetch(call).await.map(|list: TagList| list.tags)
    }

    /// Adds tags. What happens to a key that is there already is not documented.
    pub async fn create_tags(&self, id: &str, tags: &[Tag]) -> Result<(), Error> {
        let body = TagChange { tags: tags.to_vec() };
        self.run(Call::new(Operation::CreateTags, path::create_tags(&self.id, id)).body(&body)).await
    }

    /// Removes tags.
    pub async fn delete_tags(&self, id: &str, tags: &[Tag]) -> Result<(), Error> {
        let body = TagChange { tags: tags.to_vec() };
        self.run(Call::new(Operation::DeleteTags, path::delete_tags(&self.id, id)).body(&body)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server::{ID, exchange};

    const PATH: &str =
        "/v3/48cc2c48765f481480c7db940d6409d1/dli_enhanced_datasource/2a620c33-5609-40c9-affd-2b6453071b0f/tags";

    fn tags() -> [Tag; 2] {
        [Tag { key: "größe".into(), value: "1".into() }, Tag { key: "owner".into(), value: String::new() }]
    }

    #[tokio::test]
    async fn list() {
        let answer = r#"{"tags":[{"key":"größe","value":"1"},{"key":"owner"}],"count":2}"#;
        let (request, listed) = exchange(200, answer, async |project| project.list_tags(ID).await).await;
        assert_eq!(request.parts(), ("GET", PATH.to_owned(), ""));
        assert_eq!(listed.expect("listed"), tags());
    }

    /// Both answer with HTTP 204 and no body.
    #[tokio::test]
    async fn create_and_delete() {
        let body = r#"{"tags":[{"key":"größe","value":"1"},{"key":"owner","value":""}]}"#;
        let (request, done) = exchange(204, "", async |project| project.create_tags(ID, &tags()).await).await;
        assert_eq!(request.parts(), ("POST", format!("{PATH}/create"), body));
        done.expect("created");
        let (request, done) = exchange(204, "", async |project| project.delete_tags(ID, &tags()).await).await;
        assert_eq!(request.parts(), ("POST", format!("{PATH}/delete"), body));
        done.expect("deleted");
    }
}
