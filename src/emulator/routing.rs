//! The routing of requests to handlers, by the path templates of the operation table.
//!
//! Each API group lists its own handlers. A new group is a new file and one line in [`handlers`].

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::{
    api_error::ApiError, bindings, connections, connectivity, iam, metadata, operation::Handler, pools, privileges,
    queues, quotas, routes, tags,
};
use crate::dli::operation::Operation;

fn handlers() -> impl Iterator<Item = (Operation, Handler)> {
    [
        connections::OPERATIONS,
        bindings::OPERATIONS,
        routes::OPERATIONS,
        privileges::OPERATIONS,
        tags::OPERATIONS,
        queues::OPERATIONS,
        connectivity::OPERATIONS,
        pools::OPERATIONS,
        quotas::OPERATIONS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Names of the DLI operations in the SDKs and audit logs.
pub fn names() -> impl Iterator<Item = &'static str> {
    handlers().map(|(operation, _)| operation.name())
}

/// Names of the IAM operations in the SDKs.
pub fn iam_names() -> impl Iterator<Item = &'static str> {
    iam::IamOperation::ALL.map(iam::IamOperation::name).into_iter()
}

/// Names of the IAM and metadata operations.
pub(super) fn other_names() -> impl Iterator<Item = &'static str> {
    iam_names().chain(metadata::MetadataOperation::ALL.map(metadata::MetadataOperation::name))
}

/// The decoded value of each placeholder.
type PathSegments = BTreeMap<&'static str, String>;

/// Finds the operation of a method and path, with its path segments. To the gateway a wrong method is an unknown
/// path.
pub(super) fn find(method: &str, path: &str) -> Result<(Operation, Handler, PathSegments), ApiError> {
    handlers()
        .filter(|(operation, _)| operation.method() == method)
        .find_map(|(operation, run)| Some((operation, run, segments(operation.path_template(), path)?)))
        .ok_or_else(ApiError::not_published)
}

/// The values of the placeholders, if the path fits the template.
fn segments(template: &'static str, path: &str) -> Option<PathSegments> {
    let mut found = BTreeMap::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => {
                found.insert(name, percent_decode_str(segment).decode_utf8_lossy().into_owned());
            }
            None if segment == expected => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_matches_by_segment() {
        let (operation, _, found) = find("GET", "/v1.0/48cc/queues/a%2Fb").expect("show queue");
        assert_eq!(operation.path_template(), "/v1.0/{project_id}/queues/{queue_name}");
        assert_eq!(found.get("queue_name").map(String::as_str), Some("a/b"));
        for path in [
            "/v1.0/48cc/queues/",
            "/v1.0/48cc/queues/a/b",
            "/v1.0//queues",
            "//48cc/queues",
            "v1.0/48cc/queues",
            "",
            "*",
            "/",
        ] {
            assert!(find("GET", path).is_err(), "{path}");
        }
        assert_eq!(find("PATCH", "/v1.0/48cc/queues").expect_err("no such method").code, "APIGW.0101");
    }
}
