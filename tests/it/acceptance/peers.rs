//! Defects of other providers for the same resources, each as a test that fails if this provider has it too.
//!
//! | resource of a peer | defect | test |
//! |---|---|---|
//! | connection | plan checks no limits | `peer_plan_checks_nothing` |
//! | | valid names are rejected or undocumented | `peer_rejects_valid_names` |
//! | | no pools, peering status, errors, IPv6 or creation time | `peer_has_no_pools_or_status_attributes` |
//! | | create does not wait for bindings | `peer_create_does_not_wait_for_bindings` |
//! | | FAILED bindings and their reason are ignored | `peer_failed_binding_is_not_reported` |
//! | | a failed route replaces the connection, without its message | `peer_failed_route_replaces_the_connection` |
//! | | "not found" with HTTP 400 is an error | `peer_deleted_connection_is_an_error` |
//! | | any HTTP 404 means "not found" | `peer_unpublished_api_means_gone` |
//! | | `hosts` cannot be cleared | `peer_hosts_cannot_be_cleared` |
//! | | removing an argument plans nothing | `peer_removed_argument_plans_nothing` |
//! | | hosts are compared by position | `peer_compares_hosts_by_position` |
//! | | queues are bound before others are unbound | `peer_binds_before_it_unbinds` |
//! | | a pooled queue always differs | `peer_pooled_queue_never_plans_empty` |
//! | | an upper-case queue always differs | `peer_upper_case_queue_never_plans_empty` |
//! | | a changed route is added before it is deleted | `peer_adds_a_changed_route_before_deleting_it` |
//! | | route names are not escaped in URLs | `peer_route_name_is_not_escaped_in_the_url` |
//! | | the deprecated route operation is used | `peer_uses_the_deprecated_route_operation` |
//! | | a failed update is stored as done | `peer_failed_update_is_stored_as_done` |
//! | | a tag change replaces the connection | `peer_tag_change_replaces_the_connection` |
//! | | tags are copied from the plan, so drift is not detected | `peer_tag_drift_is_not_detected` |
//! | | default tags force replacement after an import | `peer_import_with_default_tags_replaces` |
//! | | import loses route table and tags, which replaces | `peer_import_with_a_route_table_replaces` |
//! | | import accepts IDs only | `peer_import_accepts_no_name` |
//! | | deleting a missing connection is an error | `peer_deleting_a_missing_connection_fails` |
//! | | delete does not wait for DELETED | `peer_delete_does_not_wait` |
//! | | delete does not wait while CREATING | `peer_creating_connection_cannot_be_destroyed` |
//! | | no lock per connection | `peer_writes_to_one_connection_concurrently` |
//! | | no timeouts | `peer_connection_has_no_timeouts` |
//! | | an interrupt does not cancel HTTP requests | `peer_interrupt_does_not_cancel_requests` |
//! | association | owns all pools; one per connection | `peer_binding_resource_owns_every_pool` |
//! | | does not wait | `peer_binding_resource_does_not_wait` |
//! | | a FAILED pool counts as bound | `peer_failed_pool_counts_as_bound` |
//! | | an empty list means "not found" | `peer_empty_pool_list_means_gone` |
//! | | `is_success` is ignored | `peer_is_success_false_is_ignored` |
//! | | status DELETED is ignored | `peer_parts_ignore_deleted_status` |
//! | | deleting or revoking a missing object is an error | `peer_deleting_a_missing_part_fails` |
//! | | a FAILED binding cannot be destroyed | `peer_failed_binding_cannot_be_destroyed` |
//! | | no timeouts | `peer_parts_have_no_timeouts` |
//! | privilege | any `DLI.0001` removes it from the state | `peer_invalid_parameter_drops_the_privilege` |
//! | | only one of two field spellings is read | `peer_finds_one_spelling_of_a_privilege` |
//! | | `is_success` has two defaults | `peer_keeps_a_privilege_that_was_not_granted` |
//! | | IDs and privileges are not validated | `peer_does_not_validate_ids_and_privileges` |
//! | list | only ACTIVE connections | `peer_lists_only_active_connections` |
//! | | filters are not escaped and in random order | `peer_list_filters_are_not_escaped` |
//! | | paged, with one request too many | `peer_list_sends_more_requests_than_needed` |
//! | | a random ID on every read | `peer_list_has_a_random_id` |
//! | | no data source for one connection | `peer_has_no_data_source_for_one_connection` |
//!
//! Two defects are not tested here: create accepts HTTP 201 only (a test of the client), and no test runs without an
//! account.

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
