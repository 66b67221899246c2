//! Changes every attribute and block of every resource and checks the plan, the result and the state.
//!
//! A row of a [`table`] is one change of one attribute. Each row is a resource of its own, and all rows of a resource
//! type share one configuration: the first apply creates them, one plan shows all changes, the second apply makes them.
//! After each apply, every attribute in the state is compared with the emulator, which also covers computed attributes.
//! The coverage is printed as a table and checked against the output of `terraform providers schema -json`.
//!
//! One Terraform version is enough: versions differ in how they render a plan, not in what they send to the provider.

mod binding;
mod connection;
mod privilege;
mod provider;
mod route;
mod table;

use std::collections::BTreeSet;

use super::harness::{Cloud, for_one_terraform};

/// The resource types that have a table here.
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
