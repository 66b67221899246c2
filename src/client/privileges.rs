//! Sharing a connection with other projects. Privileges are read from the connection and changed through
//! `/v1.0/{project}/authorization`.

use super::{error::Error, project::Project, write::Write};
use crate::dli::{
    operation::Operation,
    wire::{self, Authorization, AuthorizationAction, Granted, Privilege, PrivilegeList},
};

impl Project {
    /// Lists the projects that a connection is shared with.
    pub async fn list_privileges(&self, id: &str) -> Result<Vec<Privilege>, Error> {
        let request = self.request(Operation::ListPrivileges, &[id]);
        self.fetch(request).await.map(|list: PrivilegeList| list.privileges)
    }

    /// Grants or revokes another project's right to bind its queues and pools to a connection.
    pub fn authorize(&self, id: &str, project: &str, action: AuthorizationAction) -> Write<'_> {
        let body = Authorization {
            project_id: project.to_owned(),
            action,
            privileges: vec![Granted {
                object: wire::privilege_object(id),
                privileges: vec![wire::PRIVILEGE_BIND_QUEUE.to_owned()],
            }],
        };
        self.write(self.request(Operation::Authorize, &[]).body(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server::{ID, exchange};

    /// The field name in the document, the one in live responses, and both.
    #[tokio::test]
    async fn list() {
        const DOCUMENTED: &str = r#"{"is_success":true,"message":"","connection_id":"2a620c33-5609-40c9-affd-2b6453071b0f","privileges":[{"object":"edsconnections.2a620c33-5609-40c9-affd-2b6453071b0f","applicant_project_id":"330e068af1334c9782f4226acc00a2e2","privileges":["BIND_QUEUE"]}]}"#;
        const LIVE: &str = r#"{"is_success":true,"privileges":[{"object":"edsconnections.2a620c33-5609-40c9-affd-2b6453071b0f","project_id":"330e068af1334c9782f4226acc00a2e2","privileges":["BIND_QUEUE"]}]}"#;
        const BOTH: &str = r#"{"is_success":true,"privileges":[{"object":"edsconnections.2a620c33-5609-40c9-affd-2b6453071b0f","project_id":"330e068af1334c9782f4226acc00a2e2","applicant_project_id":"330e068af1334c9782f4226acc00a2e2","privileges":["BIND_QUEUE"]}]}"#;
        for response in [DOCUMENTED, LIVE, BOTH] {
            let (request, listed) = exchange(200, response, async |project| project.list_privileges(ID).await).await;
            let path =
                format!("/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections/{ID}/privileges");
            assert_eq!(request.parts(), ("GET", path, ""));
            assert_eq!(listed.expect("listed")[0].applicant_project_id, "330e068af1334c9782f4226acc00a2e2");
        }
    }

    #[tokio::test]
    async fn grant_and_revoke() {
        for (action, name) in [(AuthorizationAction::Grant, "grant"), (AuthorizationAction::Revoke, "revoke")] {
            let response = r#"{"is_success":true,"message":""}"#;
            let (request, done) =
                exchange(200, response, async |project| project.authorize(ID, "330e068a", action).send().await).await;
            let body = format!(
                r#"{{"projectId":"330e068a","action":"{name}","privileges":[{{"object":"edsconnections.{ID}","privileges":["BIND_QUEUE"]}}]}}"#
            );
            let path = "/v1.0/48cc2c48765f481480c7db940d6409d1/authorization".to_owned();
            assert_eq!(request.parts(), ("PUT", path, body.as_str()));
            done.expect("done");
        }
    }
}
