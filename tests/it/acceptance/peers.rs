//! What other providers for the same connections get wrong, each as a test that fails where this one does it, too.
//!
//! | a peer's … | defect | test |
//! |---|---|---|
//! | connection | no limit is checked before apply | `peer_plan_checks_nothing` |
//! | | names that the document allows are refused or not documented | `peer_rejects_valid_names` |
//! | | no pools, peering status, error, IPv6, time of creation | `peer_has_no_pools_or_status_attributes` |
//! | | create does not wait for bindings | `peer_create_does_not_wait_for_bindings` |
//! | | FAILED and its reason are not looked at | `peer_failed_binding_is_not_reported` |
//! | | a route that fails replaces the connection, and its words are dropped | `peer_failed_route_replaces_the_connection` |
//! | | not found as HTTP 400 is an error | `peer_deleted_connection_is_an_error` |
//! | | any HTTP 404 is "gone" | `peer_unpublished_api_means_gone` |
//! | | `hosts` cannot be cleared | `peer_hosts_cannot_be_cleared` |
//! | | an argument that is taken out plans nothing | `peer_removed_argument_plans_nothing` |
//! | | hosts are compared by position | `peer_compares_hosts_by_position` |
//! | | queues are bound before others are unbound | `peer_binds_before_it_unbinds` |
//! | | a queue in a pool differs for ever | `peer_pooled_queue_never_plans_empty` |
//! | | a queue in upper case differs for ever | `peer_upper_case_queue_never_plans_empty` |
//! | | a route with another CIDR is added before it is deleted | `peer_adds_a_changed_route_before_deleting_it` |
//! | | a route's name is pasted into the URL | `peer_route_name_is_not_escaped_in_the_url` |
//! | | the deprecated route call is used | `peer_uses_the_deprecated_route_operation` |
//! | | a failed update is kept as done | `peer_failed_update_is_stored_as_done` |
//! | | a change of tags replaces the connection | `peer_tag_change_replaces_the_connection` |
//! | | tags are echoed, their drift is never seen | `peer_tag_drift_is_not_detected` |
//! | | default tags force a replacement after import | `peer_import_with_default_tags_replaces` |
//! | | the route table and tags are lost at import, which replaces | `peer_import_with_a_route_table_replaces` |
//! | | import by id alone | `peer_import_accepts_no_name` |
//! | | deleting what is gone is an error | `peer_deleting_a_missing_connection_fails` |
//! | | delete does not wait for DELETED | `peer_delete_does_not_wait` |
//! | | delete does not wait for CREATING | `peer_creating_connection_cannot_be_destroyed` |
//! | | no lock for each connection | `peer_writes_to_one_connection_concurrently` |
//! | | no timeouts | `peer_connection_has_no_timeouts` |
//! | | an interruption does not reach HTTP | `peer_interrupt_does_not_cancel_requests` |
//! | association | owns all pools; one for each connection | `peer_binding_resource_owns_every_pool` |
//! | | does not wait | `peer_binding_resource_does_not_wait` |
//! | | what FAILED counts as bound | `peer_failed_pool_counts_as_bound` |
//! | | an empty list is taken for gone | `peer_empty_pool_list_means_gone` |
//! | | `is_success` is not looked at | `peer_is_success_false_is_ignored` |
//! | | DELETED is not looked at | `peer_parts_ignore_deleted_status` |
//! | | ending what is gone is an error; so is revoking | `peer_deleting_a_missing_part_fails` |
//! | | what FAILED cannot be destroyed | `peer_failed_binding_cannot_be_destroyed` |
//! | | no timeouts | `peer_parts_have_no_timeouts` |
//! | privilege | any `DLI.0001` drops it from the state | `peer_invalid_parameter_drops_the_privilege` |
//! | | found under one of two spellings | `peer_finds_one_spelling_of_a_privilege` |
//! | | `is_success` has two defaults | `peer_keeps_a_privilege_that_was_not_granted` |
//! | | neither ids nor privileges are checked | `peer_does_not_validate_ids_and_privileges` |
//! | list | only ACTIVE ones | `peer_lists_only_active_connections` |
//! | | filters are not escaped, and in random order | `peer_list_filters_are_not_escaped` |
//! | | fetched in pieces, with a request too many | `peer_list_sends_more_requests_than_needed` |
//! | | a random id at every read | `peer_list_has_a_random_id` |
//! | | none for one connection | `peer_has_no_data_source_for_one_connection` |
//!
//! Not here: that create takes HTTP 201 alone, which is the client's to test, and that nothing can be tested without an account.

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
