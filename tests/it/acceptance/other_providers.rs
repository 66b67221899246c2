//! Defects of other providers for the same resources, each as a test that fails if this provider has it too.
//!
//! | resource | defect | test |
//! |---|---|---|
//! | connection | plan checks no limits | `plan_checks_every_kind_of_limit` |
//! | | valid names are rejected or undocumented | `valid_names_are_accepted` |
//! | | no pools, peering status, errors, IPv6 or creation time | `connection_has_pools_and_binding_status` |
//! | | create does not wait for bindings | `create_waits_for_bindings` |
//! | | FAILED bindings and their reason are ignored | `failed_binding_is_reported` |
//! | | a failed route replaces the connection, without its message | `failed_route_is_reported_and_added_later` |
//! | | "not found" with HTTP 400 is an error | `deleted_connection_is_created_again` |
//! | | any HTTP 404 means "not found" | `unpublished_api_does_not_mean_gone` |
//! | | `hosts` cannot be cleared | `hosts_can_be_cleared` |
//! | | removing an argument plans no change | `removed_argument_is_planned` |
//! | | hosts are compared by position | `order_of_hosts_does_not_matter` |
//! | | queues are bound before others are unbound | `old_queue_is_unbound_first` |
//! | | a pooled queue always differs | `pooled_queue_plans_empty` |
//! | | an upper-case queue always differs | `upper_case_queue_plans_empty` |
//! | | a changed route is added before it is deleted | `changed_route_is_deleted_first` |
//! | | route names are not escaped in URLs | `route_name_is_escaped_in_the_url` |
//! | | the deprecated route operation is used | `deprecated_route_operation_is_not_used` |
//! | | a failed update is stored as done | `failed_update_is_not_stored` |
//! | | a tag change replaces the connection | `tag_change_is_an_update` |
//! | | tags are copied from the plan, so drift is not detected | `tag_drift_is_detected` |
//! | | default tags force replacement after an import | `import_with_default_tags_does_not_replace` |
//! | | import loses route table and tags, which forces replacement | `import_with_a_route_table_does_not_replace` |
//! | | import accepts IDs only | `import_accepts_a_name` |
//! | | deleting a missing connection is an error | `missing_connection_can_be_destroyed` |
//! | | delete does not wait for DELETED | `delete_waits_for_deleted_status` |
//! | | delete does not wait while CREATING | `delete_waits_while_creating` |
//! | | no lock per connection | `writes_to_one_connection_are_serialized` |
//! | | no timeouts | `connection_has_timeouts` |
//! | | an interrupt does not cancel HTTP requests | `interrupt_cancels_requests` |
//! | association | owns all pools; one per connection | `binding_owns_only_its_pool` |
//! | | does not wait | `binding_waits_until_active` |
//! | | a FAILED pool counts as bound | `failed_pool_is_not_bound` |
//! | | an empty list means "not found" | `empty_pool_list_does_not_mean_gone` |
//! | | `is_success` is ignored | `is_success_false_is_an_error` |
//! | | status DELETED is ignored | `parts_of_deleted_connection_are_created_again` |
//! | | deleting or revoking a missing object is an error | `missing_part_can_be_destroyed` |
//! | | a FAILED binding cannot be destroyed | `failed_binding_can_be_destroyed` |
//! | | no timeouts | `parts_have_timeouts` |
//! | privilege | any `DLI.0001` removes it from the state | `invalid_parameter_keeps_the_privilege` |
//! | | only one of two field spellings is read | `both_spellings_of_a_privilege_are_read` |
//! | | `is_success` has two defaults | `privilege_that_was_not_granted_is_an_error` |
//! | | IDs and privileges are not validated | `ids_and_privileges_are_validated` |
//! | list | only ACTIVE connections | `list_includes_deleted_connections` |
//! | | filters are not escaped, and their order is random | `list_filters_are_escaped_and_ordered` |
//! | | paging sends one request too many | `short_list_takes_one_request` |
//! | | a random ID on every read | `list_is_stable` |
//! | | no data source for one connection | `data_source_finds_one_connection` |
//!
//! Two differences are not tested here: create accepts only HTTP 201 (tested in `src/client`), and their test suites need
//! an account.

mod collections;
mod lifecycle;
mod lists;
mod parts;

use super::harness::{Cloud, Workspace, for_one_terraform};

/// Runs a test with an emulator and a workspace with these provider arguments. The requests come from the provider, so
/// one Terraform version is enough.
fn with(arguments: &str, test: impl FnOnce(&Cloud, &Workspace)) {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        test(&cloud, &cloud.workspace_with(terraform, arguments));
    });
}

/// The write requests after the first `before`: the method, and the path after the connection ID.
fn changes_after(cloud: &Cloud, before: usize) -> Vec<String> {
    let requests = cloud.requests().into_iter().filter(|request| request.method != "GET").skip(before);
    let shown = requests.map(|request| {
        let after = request.path.split("/enhanced-connections/").nth(1).and_then(|rest| rest.split_once('/'));
        format!("{} /{}", request.method, after.map_or("", |(_, after)| after))
    });
    shown.collect()
}
