//! The routing of requests to operations.

use std::collections::BTreeMap;

use clap::ValueEnum;
use percent_encoding::percent_decode_str;

use super::{
    api_error::ApiError,
    bindings, connections, connectivity, iam, network_tags, pool_lifecycle, pools, privileges,
    project_service::ProjectService,
    queue_lifecycle, queues,
    request::ApiRequest,
    response::ApiResponse,
    routes, tags,
    vpc::{self, Version},
};
use crate::dli::operation::Operation;
use crate::dli::wire::{ReplaceHosts, TagChange};

/// Runs an operation on a project.
pub(super) fn run(
    operation: Operation,
    service: &mut ProjectService<'_>,
    request: &ApiRequest,
) -> Result<ApiResponse, ApiError> {
    let id = request.segment("connection_id");
    let success = |()| ApiResponse::success("");
    let deleted = |()| ApiResponse::success("Deleted");
    let no_content = |()| ApiResponse::no_content();
    match operation {
        Operation::CreateConnection => connections::create(service, request),
        Operation::ListConnections => connections::list(service, request),
        Operation::ShowConnection => connections::show(service, request),
        Operation::DeleteConnection => service.delete(id).map(deleted),
        Operation::ReplaceHosts => service.replace_hosts(id, request.json::<ReplaceHosts>()?.hosts).map(success),
        Operation::Bind => bindings::associate(service, request),
        Operation::Unbind => bindings::disassociate(service, request),
        Operation::CreateRoute | Operation::CreateRouteV2 => routes::create(service, request),
        Operation::DeleteRoute | Operation::DeleteRouteV2 => {
            service.delete_route(id, request.segment("name")).map(deleted)
        }
        Operation::ListPrivileges => privileges::show(service, request),
        Operation::Authorize => service.authorize(&request.json()?).map(success),
        Operation::ListTags => tags::list(service, request),
        Operation::ListTagged => tags::list_tagged(service, request),
        Operation::CreateTags => service.put_tags(id, request.json::<TagChange>()?.tags).map(no_content),
        Operation::DeleteTags => service.remove_tags(id, &request.json::<TagChange>()?.tags).map(no_content),
        Operation::ListQueues => queues::list(service, request),
        Operation::ShowQueue => queues::show(service, request),
        Operation::CreateConnectivityTask => connectivity::create(service, request),
        Operation::ShowConnectivityTask => connectivity::show(service, request),
        Operation::ListPools => pools::list(service, request),
        Operation::ListPoolQueues => pools::queues(service, request),
        Operation::ShowQuota => Ok(queues::quotas(service)),
        Operation::CreateQueue => queue_lifecycle::create(service, request),
        Operation::DeleteQueue => service.remove_queue(request.segment("queue_name")).map(success),
        Operation::RunQueueAction => queue_lifecycle::act(service, request),
        Operation::UpdateQueueCidr => queue_lifecycle::update_cidr(service, request),
        Operation::ListQueueProperties => queue_lifecycle::list_properties(service, request),
        Operation::CreateQueueProperties | Operation::UpdateQueueProperties => {
            queue_lifecycle::set_properties(service, request)
        }
        Operation::DeleteQueueProperties => queue_lifecycle::delete_properties(service, request),
        Operation::CreatePool => pool_lifecycle::create(service, request),
        Operation::UpdatePool => pool_lifecycle::update(service, request),
        Operation::DeletePool => service.remove_pool(&request.segment("name").to_ascii_lowercase()).map(success),
        Operation::AddPoolQueue => pool_lifecycle::add_queue(service, request),
        Operation::UpdatePoolQueue => pool_lifecycle::set_policies(service, request),
        Operation::CreateVpc => vpc::create_vpc(service, request),
        Operation::UpdateVpc => vpc::update_vpc(service, request),
        Operation::DeleteVpc => service.networks().remove_vpc(request.segment("vpc_id")).map(no_content),
        Operation::ListVpcs => vpc::list_vpcs(service, request, Version::V1),
        Operation::ListVpcsV3 => vpc::list_vpcs(service, request, Version::V3),
        Operation::ShowVpc => vpc::show_vpc(service, request, Version::V1),
        Operation::ShowVpcV3 => vpc::show_vpc(service, request, Version::V3),
        Operation::CreateSubnet => vpc::create_subnet(service, request),
        Operation::UpdateSubnet => vpc::update_subnet(service, request),
        Operation::DeleteSubnet => vpc::delete_subnet(service, request),
        Operation::ListSubnets => vpc::list_subnets(service, request),
        Operation::ShowSubnet => vpc::show_subnet(service, request),
        Operation::ListRouteTables => vpc::list_route_tables(service, request),
        Operation::ShowRouteTable => vpc::show_route_table(service, request),
        Operation::ListVpcTags => Ok(network_tags::list_of_vpcs(service)),
        Operation::ListSubnetTags => Ok(network_tags::list_of_subnets(service)),
        Operation::ShowVpcTags | Operation::ShowSubnetTags => network_tags::show(service, request),
        Operation::CreateVpcTag | Operation::CreateSubnetTag => network_tags::create(service, request),
        Operation::DeleteVpcTag | Operation::DeleteSubnetTag => network_tags::delete(service, request),
        Operation::CreateVpcTags
        | Operation::DeleteVpcTags
        | Operation::CreateSubnetTags
        | Operation::DeleteSubnetTags => network_tags::change(service, request),
        // The other services have no projects.
        _ => Err(ApiError::not_published()),
    }
}

/// Finds the operation of a request and sets the path segments of the request. To the gateway a wrong method is an
/// unknown path.
pub(super) fn find(request: &mut ApiRequest) -> Result<Operation, ApiError> {
    let (operation, segments) = of_path(request.method(), request.path()).ok_or_else(ApiError::not_published)?;
    request.segments = segments;
    // The body decides between two operations of one path.
    Ok(match operation {
        Operation::CreateVpcTags if network_tags::is_delete_action(&request.body) => Operation::DeleteVpcTags,
        Operation::CreateSubnetTags if network_tags::is_delete_action(&request.body) => Operation::DeleteSubnetTags,
        Operation::CreateToken if iam::assumes_agency(&request.body) => Operation::CreateAgencyToken,
        Operation::CreateTemporaryKey if iam::assumes_agency(&request.body) => Operation::AssumeAgency,
        other => other,
    })
}

/// Finds the operation of a method and a path. A token request of the metadata service with another method gets an
/// error of the operation.
fn of_path(method: &str, path: &str) -> Option<(Operation, BTreeMap<&'static str, String>)> {
    let has_method = |operation: Operation| operation.method() == method || operation == Operation::MetadataSession;
    let of_method = Operation::value_variants().iter().copied().filter(|operation| has_method(*operation));
    let mut matching = of_method.filter_map(|operation| Some((operation, segments(operation.path_template(), path)?)));
    matching.next()
}

/// The decoded values of the placeholders, if the path matches the template.
pub(super) fn segments(template: &'static str, path: &str) -> Option<BTreeMap<&'static str, String>> {
    let mut found = BTreeMap::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => drop(found.insert(name, percent_decode_str(segment).decode_utf8_lossy().into_owned())),
            None if segment == expected => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use http::Request;

    use super::*;

    #[test]
    fn path_matches_by_segment() {
        let (operation, found) = of_path("GET", "/v1.0/48cc/queues/a%2Fb").expect("show queue");
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
            assert!(of_path("GET", path).is_none(), "{path}");
        }
        let request = Request::patch("/v1.0/48cc/queues").body(()).expect("a request");
        let mut request = ApiRequest::new(request.into_parts().0, Bytes::new());
        assert_eq!(find(&mut request).expect_err("no such method").code, "APIGW.0101");
    }
}
