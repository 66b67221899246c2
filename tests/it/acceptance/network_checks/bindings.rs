//! Queues and pools that are bound to the same VPC, and bindings that are resources of their own.

use terraform_provider_dli::dli::wire::CreateConnection;

use super::{
    ERROR, OTHER_SUBNET, OTHER_VPC, SUBNET, VPC, WARNING, connection, expect, plan, put_pool, put_subnet, start,
    workspace,
};
use crate::acceptance::harness::{Cloud, Diagnostic, for_one_terraform};

const SECOND_SUBNET: &str = "0b1c1f0e-6f6e-4f57-8b3a-0d9a4f0f0002";

/// An emulator with the pools a, b and c: b overlaps a, c is next to it.
fn with_pools() -> Cloud {
    let cloud = start();
    put_subnet(&cloud, SECOND_SUBNET, VPC, "192.168.1.0/24");
    for (name, cidr) in [("pool_a", "10.1.0.0/17"), ("pool_b", "10.1.64.0/18"), ("pool_c", "10.1.128.0/17")] {
        put_pool(&cloud, name, cidr);
    }
    cloud
}

fn pools(names: &str) -> String {
    format!("elastic_resource_pools = [{names}]")
}

#[test]
fn declared_pools_of_one_vpc_must_not_overlap() {
    for_one_terraform(|terraform| {
        let cloud = with_pools();
        let workspace = workspace(&cloud, terraform);
        let words: &[&str] =
            &["Networks Overlap Each Other", "10.1.0.0/17", "10.1.64.0/18", "pool_a", "pool_b", VPC, "is declared for"];
        let together = connection("one", (VPC, SUBNET), &pools("\"pool_a\", \"pool_b\""));
        expect(&plan(&workspace, &together), &[(ERROR, words)]);
        let two = |first: &str, second: &str, ends: (&str, &str)| {
            connection("one", (VPC, SUBNET), &pools(first)) + &connection("two", ends, &pools(second))
        };
        // The error names the connection that was planned first.
        let apart = plan(&workspace, &two("\"pool_a\"", "\"pool_b\"", (VPC, SECOND_SUBNET)));
        expect(&apart, &[(ERROR, words)]);
        let other = if apart[0].address.ends_with("one") { "two" } else { "one" };
        assert!(apart[0].text.contains(&format!("the connection \"{other}\"")), "{apart:#?}");

        for (first, second, ends) in [
            ("\"pool_a\"", "\"pool_c\"", (VPC, SECOND_SUBNET)),
            ("\"pool_a\"", "\"pool_b\"", (OTHER_VPC, OTHER_SUBNET)),
            ("\"pool_a\"", "\"pool_a\"", (VPC, SECOND_SUBNET)),
        ] {
            expect(&plan(&workspace, &two(first, second, ends)), &[]);
        }
    });
}

/// A pool that an unchanged connection binds, and one that another configuration has bound.
#[test]
fn bound_pools_of_the_vpc_should_not_overlap() {
    for_one_terraform(|terraform| {
        let cloud = with_pools();
        let workspace = workspace(&cloud, terraform);
        let request = CreateConnection {
            name: "foreign".into(),
            dest_vpc_id: VPC.into(),
            dest_network_id: SECOND_SUBNET.into(),
            elastic_resource_pools: vec!["pool_a".into()],
            ..CreateConnection::default()
        };
        let id = cloud.edit(|project| project.create(request));
        let own = |names: &str| connection("one", (VPC, SUBNET), &pools(names));
        let words: &[&str] = &["Networks Overlap Each Other", "pool_b", "pool_a", "\"foreign\"", &id, "is bound to"];
        expect(&plan(&workspace, &own("\"pool_b\"")), &[(WARNING, words)]);
        expect(&plan(&workspace, &own("\"pool_c\"")), &[]);
        cloud.edit(|project| project.delete(&id));
        expect(&plan(&workspace, &own("\"pool_b\"")), &[]);

        workspace.configure(&own("\"pool_b\""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let added = own("\"pool_b\"") + &connection("two", (VPC, SECOND_SUBNET), &pools("\"pool_a\""));
        let found = plan(&workspace, &added);
        let is_it = |one: &&Diagnostic| one.is_error && one.text.contains("Networks Overlap Each Other");
        assert_eq!(found.iter().filter(is_it).count(), 1, "{found:#?}");
        // The plan takes pool_b away.
        let exchanged = own("\"pool_c\"") + &connection("two", (VPC, SECOND_SUBNET), &pools("\"pool_a\""));
        let found = plan(&workspace, &exchanged);
        assert!(found.iter().all(|one| !one.is_error), "{found:#?}");
    });
}

#[test]
fn binding_resource_is_checked() {
    for_one_terraform(|terraform| {
        let cloud = with_pools();
        let workspace = workspace(&cloud, terraform);
        let base = connection("one", (VPC, SUBNET), &pools("\"pool_a\""));
        let unmanaged = connection("two", (VPC, SECOND_SUBNET), "");
        workspace.configure(&(base.clone() + &unmanaged));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let bind = |pool: &str| {
            let binding = format!(
                "resource \"dli_enhanced_connection_binding\" \"test\" {{\n  connection_id = \
                 dli_enhanced_connection.two.id\n  elastic_resource_pool = {pool:?}\n}}\n"
            );
            plan(&workspace, &(base.clone() + &unmanaged + &binding))
        };
        expect(&bind("pool_c"), &[]);
        // The error is at the object that is planned last.
        let is_it = |one: &Diagnostic| one.is_error && one.text.contains("Networks Overlap Each Other");
        let overlapping = bind("pool_b");
        assert_eq!(overlapping.iter().filter(|one| is_it(one)).count(), 1, "{overlapping:#?}");
        put_pool(&cloud, "pool_d", "192.168.1.128/25");
        let words = ["Network Overlaps the Subnet", "elastic_resource_pool:", "192.168.1.128/25", "192.168.1.0/24"];
        expect(&bind("pool_d"), &[(ERROR, &words)]);
        put_pool(&cloud, "pool_d", "192.168.2.0/25");
        expect(&bind("pool_d"), &[(WARNING, &["Network Overlaps the VPC", "192.168.2.0/25"])]);
    });
}

/// A list of all connections with their hosts has no bound, so it is read in pages.
#[test]
fn connections_are_listed_in_pages() {
    for_one_terraform(|terraform| {
        let cloud = with_pools();
        let workspace = workspace(&cloud, terraform);
        let base = connection("one", (VPC, SUBNET), "") + &connection("two", (VPC, SECOND_SUBNET), "");
        workspace.configure(&base);
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let binding = "resource \"dli_enhanced_connection_binding\" \"test\" {\n  connection_id = \
                       dli_enhanced_connection.two.id\n  elastic_resource_pool = \"pool_c\"\n}\n";
        let before = cloud.requests().len();
        expect(&plan(&workspace, &(base.clone() + binding)), &[]);
        let lists = cloud.requests().split_off(before).into_iter();
        let lists = lists.filter(|request| request.operation == Some("ListEnhancedConnections"));
        let queries: Vec<_> = lists.map(|request| request.query).collect();
        assert!(queries.iter().all(|query| query.contains("limit=1000&")), "{queries:?}");
        for offset in ["offset=0", "offset=2"] {
            assert!(queries.iter().any(|query| query.contains(offset)), "{queries:?}");
        }
        // A binding has no name of a connection to check.
        cloud.fault("ListEnhancedConnections:refuse=403,DLI.0015,no permission");
        let words = ["Networks of Other Connections Were Not Checked", "dli:edsconnection:list"];
        expect(&plan(&workspace, &(base.clone() + binding)), &[(WARNING, &words)]);
    });
}

/// The connection does not exist yet when the plan is made.
#[test]
fn binding_to_a_new_connection_is_checked_at_apply() {
    for_one_terraform(|terraform| {
        let cloud = with_pools();
        put_pool(&cloud, "pool_d", "192.168.0.0/25");
        let workspace = workspace(&cloud, terraform);
        let binding = "resource \"dli_enhanced_connection_binding\" \"test\" {\n  connection_id = \
                       dli_enhanced_connection.one.id\n  elastic_resource_pool = \"pool_d\"\n}\n";
        let configuration = connection("one", (VPC, SUBNET), "") + binding;
        expect(&plan(&workspace, &configuration), &[]);
        let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1);
        let error = applied.error_of("dli_enhanced_connection_binding.test");
        assert!(error.contains("Network Overlaps the Subnet"), "{error}");
        assert!(cloud.connection().elastic_resource_pools.is_empty(), "nothing was bound");
    });
}

/// A binding of the configuration that does not change, planned before and after the new one.
#[test]
fn unchanged_binding_belongs_to_the_configuration() {
    for_one_terraform(|terraform| {
        let cloud = with_pools();
        let workspace = workspace(&cloud, terraform);
        let base = |more: &str| {
            let binding = format!(
                "resource \"dli_enhanced_connection_binding\" \"test\" {{\n  connection_id = \
                 dli_enhanced_connection.two.id\n  elastic_resource_pool = \"pool_a\"\n  {more}\n}}\n"
            );
            connection("two", (VPC, SECOND_SUBNET), "") + &binding
        };
        workspace.configure(&base(""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let new = |names: &str, more: &str| connection("one", (VPC, SUBNET), &format!("{}\n  {more}", pools(names)));
        let after = base("") + &new("\"pool_b\"", "depends_on = [dli_enhanced_connection_binding.test]");
        let words = ["Networks Overlap Each Other", "10.1.64.0/18", "10.1.0.0/17", "\"two\""];
        expect(&plan(&workspace, &after), &[(ERROR, &words)]);
        // The new connection is planned first, and does not know yet that the binding is in the configuration.
        let before = base("depends_on = [dli_enhanced_connection.one]") + &new("\"pool_b\"", "");
        let found = plan(&workspace, &before);
        let words = ["Networks Overlap Each Other", "10.1.64.0/18", "10.1.0.0/17"];
        expect(&found, &[(WARNING, &words), (ERROR, &words)]);
        let of_binding = found.iter().find(|one| one.is_error).expect("checked above");
        assert!(of_binding.address.ends_with("binding.test") && of_binding.text.contains("\"one\""), "{of_binding:?}");
        expect(&plan(&workspace, &(base("") + &new("\"pool_c\"", ""))), &[]);
    });
}
