//! Request paths. Versions are mixed within one family: connections are v2.0, tags v3, queues v1.0.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters, the rule of the request signature.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The resource type under which the tag API knows an enhanced datasource connection.
pub const TAG_RESOURCE_TYPE: &str = "dli_enhanced_datasource";

/// One path segment, percent-encoded (`r 1` → `r%201`).
fn segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Create (POST) and list (GET) connections.
#[must_use]
pub fn connections(project: &str) -> String {
    format!("/v2.0/{}/datasource/enhanced-connections", segment(project))
}

/// Show (GET), delete (DELETE), replace the hosts of (PUT) one connection.
#[must_use]
pub fn connection(project: &str, id: &str) -> String {
    format!("{}/{}", connections(project), segment(id))
}

/// Bind queues (POST).
#[must_use]
pub fn associate_queue(project: &str, id: &str) -> String {
    format!("{}/associate-queue", connection(project, id))
}

/// Unbind queues (POST).
#[must_use]
pub fn disassociate_queue(project: &str, id: &str) -> String {
    format!("{}/disassociate-queue", connection(project, id))
}

/// Which version of the route calls: they are published as v3, and deprecated as v2.0; some regions have only the latter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteApi {
    /// `/v3/…`.
    V3,
    /// `/v2.0/…`, deprecated.
    V2,
}

/// Add a route (POST).
#[must_use]
pub fn routes(api: RouteApi, project: &str, id: &str) -> String {
    match api {
        RouteApi::V3 => {
            format!("/v3/{}/datasource/enhanced-connections/{}/routes", segment(project), segment(id))
        }
        RouteApi::V2 => format!("{}/routes", connection(project, id)),
    }
}

/// Delete a route (DELETE).
#[must_use]
pub fn route(api: RouteApi, project: &str, id: &str, name: &str) -> String {
    format!("{}/{}", routes(api, project, id), segment(name))
}

/// The projects that a connection is shared with (GET).
#[must_use]
pub fn privileges(project: &str, id: &str) -> String {
    format!("{}/privileges", connection(project, id))
}

/// Grant and revoke (PUT).
#[must_use]
pub fn authorization(project: &str) -> String {
    format!("/v1.0/{}/authorization", segment(project))
}

/// List the elastic resource pools of the project (GET).
#[must_use]
pub fn pools(project: &str) -> String {
    format!("/v3/{}/elastic-resource-pools", segment(project))
}

/// List the queues of the project (GET).
#[must_use]
pub fn queues(project: &str) -> String {
    format!("/v1.0/{}/queues", segment(project))
}

/// Show one queue (GET); the name is case-insensitive.
#[must_use]
pub fn queue(project: &str, name: &str) -> String {
    format!("{}/{}", queues(project), segment(name))
}

/// The tags of a connection (GET).
#[must_use]
pub fn tags(project: &str, id: &str) -> String {
    format!("/v3/{}/{TAG_RESOURCE_TYPE}/{}/tags", segment(project), segment(id))
}

/// Add or overwrite tags of a connection (POST).
#[must_use]
pub fn create_tags(project: &str, id: &str) -> String {
    format!("{}/create", tags(project, id))
}

/// Remove tags of a connection (POST).
#[must_use]
pub fn delete_tags(project: &str, id: &str) -> String {
    format!("{}/delete", tags(project, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_escaped_one_segment_at_a_time() {
        assert_eq!(
            connection("48cc", "2a620c33-5609-40c9-affd-2b6453071b0f"),
            "/v2.0/48cc/datasource/enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f"
        );
        assert_eq!(
            route(RouteApi::V3, "48cc", "2a62", "r 1/2"),
            "/v3/48cc/datasource/enhanced-connections/2a62/routes/r%201%2F2"
        );
        assert_eq!(
            route(RouteApi::V2, "48cc", "2a62", "r1"),
            "/v2.0/48cc/datasource/enhanced-connections/2a62/routes/r1"
        );
        assert_eq!(queue("48cc", "../x y"), "/v1.0/48cc/queues/..%2Fx%20y");
        assert_eq!(delete_tags("48cc", "2a62"), "/v3/48cc/dli_enhanced_datasource/2a62/tags/delete");
    }
}
