//! The data source for connections.

use serde_json::json;
use terraform_provider_dli::emulator::Quirk;

use super::with;
use crate::acceptance::harness::Cloud;

const ADDRESS: &str = "data.dli_enhanced_connections.it";

fn create(cloud: &Cloud, name: &str, tags: &[(&str, &str)]) -> String {
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let request = json!({
        "name": name,
        "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
        "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281",
        "tags": tags,
    });
    cloud.edit(|account| account.create(serde_json::from_value(request).expect("a request")))
}

/// The data source, with its whole value as an output.
fn list(arguments: &str) -> String {
    format!(
        "data \"dli_enhanced_connections\" \"it\" {{\n  {arguments}\n}}\noutput \"it\" {{\n  \
        value = data.dli_enhanced_connections.it\n}}\n"
    )
}

#[test]
fn list_includes_deleted_connections() {
    with("", |cloud, workspace| {
        let gone = create(cloud, "gone", &[]);
        cloud.edit(|account| account.delete(&gone));
        workspace.configure(&list("status = \"DELETED\""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(workspace.state(ADDRESS)["connections"][0]["id"], gone);
    });
}

#[test]
fn list_filters_are_escaped_and_ordered() {
    with("", |cloud, workspace| {
        create(cloud, "a", &[("team", "R+D @ x"), ("b", "2"), ("c", "3")]);
        create(cloud, "b", &[("team", "R")]);
        let seen = cloud.requests().len();
        workspace.configure(&list("tags = { c = \"3\", team = \"R+D @ x\", b = \"2\" }"));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let connections = workspace.state(ADDRESS)["connections"].clone();
        assert_eq!((connections[0]["name"].as_str(), connections.as_array().map(Vec::len)), (Some("a"), Some(1)));
        workspace.expect_no_changes();
        let lists = cloud.requests().split_off(seen).into_iter().filter(|r| r.path.ends_with("/enhanced-connections"));
        let queries: std::collections::BTreeSet<_> = lists.map(|request| request.query).collect();
        let wanted = "tags=b%3D2%2Cc%3D3%2Cteam%3DR%2BD%20%40%20x";
        assert!(
            queries.len() == 1 && queries.iter().all(|query| query.contains(wanted)),
            "always the same: {queries:?}"
        );
    });
}

#[test]
fn short_list_takes_one_request() {
    with("", |cloud, workspace| {
        for number in 0..30 {
            create(cloud, &format!("c{number}"), &[]);
        }
        workspace.configure(&list(""));
        workspace.run(&["plan"]).expect_code(0);
        let lists = cloud.requests().into_iter().filter(|request| request.path.ends_with("/enhanced-connections"));
        assert_eq!(lists.map(|request| request.query).collect::<Vec<_>>(), ["limit=0&status=ACTIVE"]);
    });
}

/// A random ID on every read changes an output, and everything that depends on it, in every plan.
#[test]
fn list_is_stable() {
    with("", |cloud, workspace| {
        create(cloud, "a", &[("x", "1"), ("y", "2")]);
        create(cloud, "b", &[]);
        workspace.configure(&list(""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        cloud.emulator().set_quirks([Quirk::ReshuffledOrder]);
        workspace.expect_no_changes();
    });
}

/// The other provider can find one connection only by listing all.
#[test]
fn data_source_finds_one_connection() {
    with("", |cloud, workspace| {
        let id = create(cloud, "a", &[]);
        workspace.configure("data \"dli_enhanced_connection\" \"it\" {\n  name = \"a\"\n}\n");
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(workspace.state("data.dli_enhanced_connection.it")["id"], id);
    });
}
