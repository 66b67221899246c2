//! Every attribute and block of every resource: changed, seen in the plan as exactly that change, applied, and done.
//!
//! A row of a [`table`] is one change of one attribute. Each row is a resource of its own, and all rows of a kind stand in
//! one configuration: one apply makes them as they are before, one plan shows all the changes, one more apply makes them.
//! After each apply every attribute in the state is compared with what the emulator holds, which is how those that only
//! the service knows are covered. What is covered how is printed as a table; that nothing is left out is checked against
//! `terraform providers schema -json` of the provider itself.
//!
//! One Terraform: what differs between the two is how a plan is shown, not what the provider is asked.

mod binding;
mod connection;
mod privilege;
mod provider;
mod route;
mod table;

use std::collections::BTreeSet;

use super::harness::{Cloud, for_one_terraform};

/// The kinds that have a table in one of the files here.
const COVERED: [&str; 4] = [connection::KIND, binding::KIND, privilege::KIND, route::KIND];

#[test]
fn every_resource_has_an_attribute_table() {
    for_one_terraform(|terraform| {
        let workspace = Cloud::start().workspace(terraform);
        let schemas = table::schemas(&workspace);
        let kinds: BTreeSet<_> = schemas["resource_schemas"].as_object().expect("an object").keys().collect();
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), BTreeSet::from(COVERED).into_iter().collect::<Vec<_>>());
    });
}
