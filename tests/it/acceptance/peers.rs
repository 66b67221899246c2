//! What other providers for the same connections get wrong, each as a test that fails where this one does it, too.
//!
//! | a peer's … | defect | test |
//! |---|---|---|
//! | connection | no limit is checked before apply | `peer_nothing_is_checked_at_plan` |
//! | | names that the document allows are refused or not documented | `peer_names_that_are_allowed_are_refused` |
//! | | no pools, peering status, error, IPv6, time of creation | `peer_pools_peerings_and_facts_are_missing` |
//! | | create does not wait for bindings | `peer_create_does_not_wait_for_bindings` |
//! | | FAILED and its reason are not looked at | `peer_a_binding_that_failed_is_not_told` |
//! | | a route that fails replaces the connection, and its words are dropped | `peer_a_route_that_fails_at_create_costs_the_connection` |
//! | | not found as HTTP 400 is an error | `peer_a_connection_that_is_gone_is_an_error` |
//! | | any HTTP 404 is "gone" | `peer_a_call_that_is_not_published_means_gone` |
//! | | `hosts` cannot be cleared | `peer_hosts_cannot_be_cleared` |
//! | | an argument that is taken out plans nothing | `peer_taking_an_argument_out_plans_nothing` |
//! | | hosts are compared by position | `peer_hosts_are_compared_by_position` |
//! | | queues are bound before others are unbound | `peer_binds_before_it_unbinds` |
//! | | a queue in a pool differs for ever | `peer_a_queue_in_a_pool_differs_for_ever` |
//! | | a queue in upper case differs for ever | `peer_an_upper_case_queue_differs_for_ever` |
//! | | a route with another CIDR is added before it is deleted | `peer_a_route_with_another_cidr_is_added_before_it_is_deleted` |
//! | | a route's name is pasted into the URL | `peer_a_route_name_is_pasted_into_the_url` |
//! | | the deprecated route call is used | `peer_uses_the_deprecated_route_call` |
//! | | a failed update is kept as done | `peer_a_failed_update_is_kept_as_done` |
//! | | a change of tags replaces the connection | `peer_a_change_of_tags_replaces_the_connection` |
//! | | tags are echoed, their drift is never seen | `peer_drift_of_tags_is_never_seen` |
//! | | default tags force a replacement after import | `peer_an_import_with_default_tags_replaces_the_connection` |
//! | | the route table and tags are lost at import, which replaces | `peer_an_import_with_a_route_table_replaces_the_connection` |
//! | | import by id alone | `peer_an_import_takes_no_name` |
//! | | deleting what is gone is an error | `peer_deleting_what_is_gone_fails` |
//! | | delete does not wait for DELETED | `peer_delete_does_not_wait_until_it_is_done` |
//! | | delete does not wait for CREATING | `peer_a_connection_that_is_being_created_cannot_be_destroyed` |
//! | | no lock for each connection | `peer_writes_to_one_connection_run_at_the_same_time` |
//! | | no timeouts | `peer_timeouts_cannot_be_set` |
//! | | an interruption does not reach HTTP | `peer_an_interruption_does_not_reach_the_request` |
//! | association | owns all pools; one for each connection | `peer_a_binding_owns_every_pool` |
//! | | does not wait | `peer_a_binding_is_not_waited_for` |
//! | | what FAILED counts as bound | `peer_a_pool_whose_binding_failed_counts_as_bound` |
//! | | an empty list is taken for gone | `peer_an_empty_list_of_pools_is_gone` |
//! | | `is_success` is not looked at | `peer_a_soft_failure_is_taken_for_success` |
//! | | DELETED is not looked at | `peer_a_part_of_a_deleted_connection_is_still_there` |
//! | | ending what is gone is an error; so is revoking | `peer_ending_what_is_gone_fails` |
//! | | what FAILED cannot be destroyed | `peer_a_binding_that_failed_cannot_be_destroyed` |
//! | | no timeouts | `peer_bindings_and_privileges_have_no_timeouts` |
//! | privilege | any `DLI.0001` drops it from the state | `peer_a_wrong_parameter_drops_the_privilege` |
//! | | found under one of two spellings | `peer_a_privilege_is_found_in_one_spelling_only` |
//! | | `is_success` has two defaults | `peer_a_privilege_that_was_not_granted_is_kept` |
//! | | neither ids nor privileges are checked | `peer_ids_and_privileges_are_not_checked` |
//! | list | only ACTIVE ones | `peer_only_active_connections_can_be_listed` |
//! | | filters are not escaped, and in random order | `peer_filters_are_pasted_into_the_query` |
//! | | fetched in pieces, with a request too many | `peer_a_list_is_fetched_in_pieces` |
//! | | a random id at every read | `peer_a_list_differs_at_every_read` |
//! | | none for one connection | `peer_there_is_no_data_source_for_one_connection` |
//!
//! Not here: that create takes HTTP 201 alone, which is the client's to test, and that nothing can be tested without an account.

mod collections;
mod life;
mod lists;
mod parts;

use super::harness::{Cloud, Workspace, for_one_terraform};

/// Runs a test with a cloud and a workspace, whose provider has these arguments. One Terraform: what is asked is what the
/// provider does, and the other one asks the same of it.
fn with(arguments: &str, test: impl FnOnce(&Cloud, &Workspace)) {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        test(&cloud, &cloud.workspace_with(terraform, arguments));
    });
}

/// The changes after these many: the method, and what of the path follows the id.
fn changes_after(cloud: &Cloud, before: usize) -> Vec<String> {
    let requests = cloud.requests().into_iter().filter(|request| request.method != "GET").skip(before);
    let shown = requests.map(|request| {
        let after = request.path.split("/enhanced-connections/").nth(1).and_then(|rest| rest.split_once('/'));
        format!("{} /{}", request.method, after.map_or("", |(_, after)| after))
    });
    shown.collect()
}
