//! The routing of requests to operations.

use std::collections::BTreeMap;

use clap::ValueEnum;
use percent_encoding::percent_decode_str;

use super::operation::{AccountOperation, IamOperation, MetadataOperation, Operation, project_operations};
use super::{
    api_error::ApiError,
    bindings, connections, connectivity, network_tags, pool_lifecycle, pools, privileges,
    project_service::ProjectService,
    queue_lifecycle, queues,
    request::ApiRequest,
    response::ApiResponse,
    routes, tags,
    vpc::{self, Version},
};
use crate::dli::operation::Operation as DliOperation;
use crate::dli::wire::{ReplaceHosts, TagChange};

pub(super) fn run(
    operation: DliOperation,
    service: &mut ProjectService<'_>,
    request: &ApiRequest,
) -> Result<ApiResponse, ApiError> {
    let id = request.segment("connection_id");
    let success = |()| ApiResponse::success("");
    let deleted = |()| ApiResponse::success("Deleted");
    let no_content = |()| ApiResponse::no_content();
    match operation {
        DliOperation::CreateConnection => connections::create(service, request),
        DliOperation::ListConnections => connections::list(service, request),
        DliOperation::ShowConnection => connections::show(service, request),
        DliOperation::DeleteConnection => service.delete(id).map(deleted),
        DliOperation::ReplaceHosts => service.replace_hosts(id, request.json::<ReplaceHosts>()?.hosts).map(success),
        DliOperation::Bind => bindings::associate(service, request),
        DliOperation::Unbind => bindings::disassociate(service, request),
        DliOperation::CreateRoute | DliOperation::CreateRouteV2 => routes::create(service, request),
        DliOperation::DeleteRoute | DliOperation::DeleteRouteV2 => {
            service.delete_route(id, request.segment("name")).map(deleted)
        }
        DliOperation::ListPrivileges => privileges::show(service, request),
        DliOperation::Authorize => service.authorize(&request.json()?).map(success),
        DliOperation::ListTags => tags::list(service, request),
        DliOperation::ListTagged => tags::list_tagged(service, request),
        DliOperation::CreateTags => service.put_tags(id, request.json::<TagChange>()?.tags).map(no_content),
        DliOperation::DeleteTags => service.remove_tags(id, &request.json::<TagChange>()?.tags).map(no_content),
        DliOperation::ListQueues => queues::list(service, request),
        DliOperation::ShowQueue => queues::show(service, request),
        DliOperation::CreateConnectivityTask => connectivity::create(service, request),
        DliOperation::ShowConnectivityTask => connectivity::show(service, request),
        DliOperation::ListPools => pools::list(service, request),
        DliOperation::ListPoolQueues => pools::queues(service, request),
        DliOperation::ShowQuota => Ok(queues::quotas(service)),
        DliOperation::CreateQueue => queue_lifecycle::create(service, request),
        DliOperation::DeleteQueue => service.remove_queue(request.segment("queue_name")).map(success),
        DliOperation::RunQueueAction => queue_lifecycle::act(service, request),
        DliOperation::UpdateQueueCidr => queue_lifecycle::update_cidr(service, request),
        DliOperation::ListQueueProperties => queue_lifecycle::list_properties(service, request),
        DliOperation::CreateQueueProperties | DliOperation::UpdateQueueProperties => {
            queue_lifecycle::set_properties(service, request)
        }
        DliOperation::DeleteQueueProperties => queue_lifecycle::delete_properties(service, request),
        DliOperation::CreatePool => pool_lifecycle::create(service, request),
        DliOperation::UpdatePool => pool_lifecycle::update(service, request),
        DliOperation::DeletePool => service.remove_pool(&request.segment("name").to_ascii_lowercase()).map(success),
        DliOperation::AddPoolQueue => pool_lifecycle::add_queue(service, request),
        DliOperation::UpdatePoolQueue => pool_lifecycle::set_policies(service, request),
        DliOperation::CreateVpc => vpc::create_vpc(service, request),
        DliOperation::UpdateVpc => vpc::update_vpc(service, request),
        DliOperation::DeleteVpc => service.networks().remove_vpc(request.segment("vpc_id")).map(no_content),
        DliOperation::ListVpcs => vpc::list_vpcs(service, request, Version::V1),
        DliOperation::ListVpcsV3 => vpc::list_vpcs(service, request, Version::V3),
        DliOperation::ShowVpc => vpc::show_vpc(service, request, Version::V1),
        DliOperation::ShowVpcV3 => vpc::show_vpc(service, request, Version::V3),
        DliOperation::CreateSubnet => vpc::create_subnet(service, request),
        DliOperation::UpdateSubnet => vpc::update_subnet(service, request),
        DliOperation::DeleteSubnet => vpc::delete_subnet(service, request),
        DliOperation::ListSubnets => vpc::list_subnets(service, request),
        DliOperation::ShowSubnet => vpc::show_subnet(service, request),
        DliOperation::ListRouteTables => vpc::list_route_tables(service, request),
        DliOperation::ShowRouteTable => vpc::show_route_table(service, request),
        DliOperation::ListVpcTags => Ok(network_tags::list_of_vpcs(service)),
        DliOperation::ListSubnetTags => Ok(network_tags::list_of_subnets(service)),
        DliOperation::ShowVpcTags | DliOperation::ShowSubnetTags => network_tags::show(service, request),
        DliOperation::CreateVpcTag | DliOperation::CreateSubnetTag => network_tags::create(service, request),
        DliOperation::DeleteVpcTag | DliOperation::DeleteSubnetTag => network_tags::delete(service, request),
        DliOperation::CreateVpcTags
        | DliOperation::DeleteVpcTags
        | DliOperation::CreateSubnetTags
        | DliOperation::DeleteSubnetTags => network_tags::change(service, request),
        DliOperation::CreateToken
        | DliOperation::AssumeAgency
        | DliOperation::ListProjects
        | DliOperation::MetadataSession
        | DliOperation::MetadataKey => Err(ApiError::not_published()),
    }
}

/// Finds the operation of a request and sets the path segments of the request. To the gateway a wrong method is an
/// unknown path.
pub(super) fn find(request: &mut ApiRequest) -> Result<Operation, ApiError> {
    let (method, path) = (request.method(), request.path());
    if let Some(operation) = MetadataOperation::find(method, path) {
        return Ok(Operation::Metadata(operation));
    }
    if let Some(operation) = IamOperation::find(method, path, &request.body) {
        return Ok(Operation::Iam(operation));
    }
    let account = AccountOperation::value_variants().iter().map(|operation| (*operation, operation.served()));
    let mut account = account.filter(|(_, served)| served.method == method);
    if let Some((operation, segments)) = account.find_map(|(found, served)| Some((found, segments(served.path, path)?)))
    {
        request.segments = segments;
        return Ok(Operation::Account(operation));
    }
    let (operation, segments) = find_dli(method, path).ok_or_else(ApiError::not_published)?;
    let is_delete = || network_tags::is_delete_action(&request.body);
    let operation = match operation {
        DliOperation::CreateVpcTags if is_delete() => DliOperation::DeleteVpcTags,
        DliOperation::CreateSubnetTags if is_delete() => DliOperation::DeleteSubnetTags,
        other => other,
    };
    request.segments = segments;
    Ok(Operation::Dli(operation))
}

fn find_dli(method: &str, path: &str) -> Option<(DliOperation, BTreeMap<&'static str, String>)> {
    project_operations()
        .filter(|operation| operation.method() == method)
        .find_map(|operation| Some((operation, segments(operation.path_template(), path)?)))
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
        let (operation, found) = find_dli("GET", "/v1.0/48cc/queues/a%2Fb").expect("show queue");
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
            assert!(find_dli("GET", path).is_none(), "{path}");
        }
        let request = Request::patch("/v1.0/48cc/queues").body(()).expect("a request");
        let mut request = ApiRequest::new(request.into_parts().0, Bytes::new());
        assert_eq!(find(&mut request).expect_err("no such method").code, "APIGW.0101");
    }
}
