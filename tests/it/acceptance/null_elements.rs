//! A null element of a map counts as absent, as with `tags = { a = var.x }` where `x` is null.

use std::collections::BTreeMap;

use super::connection::{CREATE, UPDATE, connection};
use super::harness::{Cloud, for_each_terraform};

#[test]
fn null_elements_count_as_absent() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, "default_tags = { team = \"data\", none = null }");
        let variable = "variable \"x\" {\n  type    = string\n  default = null\n}\n";
        let with = |value: &str| {
            let attributes = format!(
                "hosts = {{ a = \"10.0.0.1\", b = {value} }}\n  routes = {{ b = {value} }}\n  tags = {{ b = {value} }}"
            );
            variable.to_owned() + &connection(&attributes)
        };
        workspace.step(&with("var.x"), CREATE);
        let count = |tags: usize| {
            let connection = cloud.connection();
            assert_eq!((connection.hosts.len(), connection.routes.len(), cloud.tags().len()), (1, 0, tags));
        };
        count(1);
        assert_eq!(cloud.tags(), BTreeMap::from([("team".to_owned(), "data".to_owned())]));
        // The change of another element does not add the null one.
        workspace.step(&with("var.x").replace("10.0.0.1", "10.0.0.2"), UPDATE);
        count(1);
        // Leaving the element out, or setting it to null again, changes nothing.
        let out = variable.to_owned() + &connection("hosts = { a = \"10.0.0.2\" }\n  routes = {}\n  tags = {}");
        workspace.step(&out, &[]);
        let sent = cloud.changes();
        workspace.step(&with("null").replace("10.0.0.1", "10.0.0.2"), &[]);
        assert_eq!(cloud.changes(), sent);
        // An element that becomes null is removed.
        workspace.step(&out.replace("hosts = {", "hosts = { b = \"10.0.0.9\","), UPDATE);
        workspace.step(&out.replace("hosts = {", "hosts = { b = null,"), UPDATE);
        count(1);
        workspace.destroy();
    });
}
