//! `dli_enhanced_connections`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::CreateConnection;
use terraform_provider_dli::emulator::Quirk;

use super::connection::{check_times, create_full, expected_without_times, named, tag};
use super::{block, columns, one_error, read};
use crate::acceptance::harness::{Cloud, PROJECT, for_one_terraform};

const KIND: &str = "dli_enhanced_connections";
const ADDRESS: &str = "data.dli_enhanced_connections.it";

#[test]
fn connections_are_returned_in_creation_order() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let mut wanted = Vec::new();
        for name in ["second_by_name", "first_by_name"] {
            wanted.push(expected_without_times(&create_full(&cloud, name), name));
            cloud.emulator().advance(Duration::from_secs(1));
        }
        let deleted = cloud.edit(|account| account.create(named("deleted")));
        cloud.edit(|account| account.delete(&deleted));
        let workspace = cloud.workspace(terraform);
        read(&cloud, &workspace, &block(KIND, ""));

        let state = workspace.state(ADDRESS);
        let shown: Vec<_> =
            state["connections"].as_array().expect("a list").iter().map(|one| check_times(&cloud, one)).collect();
        assert_eq!(shown, wanted);
        let rest: Vec<_> = ["region", "project_id", "status", "name", "tags"].map(|name| state[name].clone()).into();
        assert_eq!(rest, [json!("eu-west-101"), json!(PROJECT), json!("ACTIVE"), Value::Null, Value::Null]);
    });
}

#[test]
fn connections_are_filtered_by_name_and_status() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        for name in ["test_2", "test", "deleted", "TEST"] {
            cloud.edit(|account| account.create(named(name)));
            cloud.emulator().advance(Duration::from_secs(1));
        }
        let deleted = cloud.connections()[2].id.clone();
        cloud.edit(|account| account.grant(&deleted, "aa"));
        cloud.edit(|account| account.delete(&deleted));
        let workspace = cloud.workspace(terraform);
        let cases: [(&str, &[&str]); 6] = [
            ("name = \"test\"", &["test"]),
            ("name = \"tes\"", &[]),
            ("name = \"deleted\"", &[]),
            ("status = \"ACTIVE\"", &["test_2", "test", "TEST"]),
            ("status = \"ANY\"", &["test_2", "test", "deleted", "TEST"]),
            ("status = \"DELETED\"", &["deleted"]),
        ];
        for (arguments, wanted) in cases {
            read(&cloud, &workspace, &block(KIND, arguments));
            let names = columns(&workspace.state(ADDRESS)["connections"], &["name"]).concat();
            assert_eq!(names, wanted, "{arguments}");
        }
        let facts = columns(&workspace.state(ADDRESS)["connections"], &["status", "tags", "shared_with"]).concat();
        assert_eq!(facts, [json!("DELETED"), Value::Null, Value::Null]);
        let about: Vec<_> = cloud.requests().into_iter().filter(|request| request.path.contains(&deleted)).collect();
        assert_eq!(about.len(), 0, "requests for a deleted object: {about:?}");
    });
}

#[test]
fn invalid_connection_filter_is_rejected() {
    for_one_terraform(|terraform| {
        let workspace = Cloud::start().workspace(terraform);
        workspace.configure(&block(KIND, "status = \"GONE\""));
        let error = one_error(&workspace.run(&["validate"]).expect_code(1));
        assert!(error.contains("ACTIVE, DELETED, ANY"), "{error}");
    });
}

/// Values with special meaning in a query are escaped, and all given filters must match.
#[test]
fn connections_are_filtered_by_tags() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let tagged = |name: &str, tags: &[(&str, &str)]| CreateConnection {
            tags: tags.iter().map(|(key, value)| tag(key, value)).collect(),
            ..named(name)
        };
        for connection in [
            tagged("a", &[("team", "R+D lab"), ("at", "10:30"), ("größe", "ä")]),
            tagged("b", &[("team", "R D lab"), ("at", "10:30")]),
            tagged("c", &[("team", "R+D"), ("empty", "")]),
            tagged("d", &[]),
        ] {
            cloud.edit(|account| account.create(connection));
            cloud.emulator().advance(Duration::from_secs(1));
        }
        let workspace = cloud.workspace(terraform);
        let cases: [(&str, &[&str]); 9] = [
            ("{ team = \"R+D lab\" }", &["a"]),
            ("{ team = \"R D lab\" }", &["b"]),
            ("{ team = \"R+D\" }", &["c"]),
            ("{ at = \"10:30\" }", &["a", "b"]),
            ("{ at = \"10:30\", team = \"R+D lab\", \"größe\" = \"ä\" }", &["a"]),
            ("{ empty = \"\" }", &["c"]),
            // None of these is a valid tag, and none may be read as another filter.
            ("{ team = \"R+D,empty=\" }", &[]),
            ("{ \"team=R+D,empty\" = \"\" }", &[]),
            ("{ at = \"10:30&name=a\" }", &[]),
        ];
        for (tags, wanted) in cases {
            workspace.configure(&block(KIND, &format!("tags = {tags}")));
            workspace.save_plan();
            workspace.run(&["apply", "saved.tfplan"]).expect_code(0);
            let names = columns(&workspace.state(ADDRESS)["connections"], &["name"]).concat();
            assert_eq!(names, wanted, "{tags}");
        }
        read(&cloud, &workspace, &block(KIND, "tags = { at = \"10:30\", team = \"R+D lab\" }"));
        let lists = cloud.requests().into_iter().filter(|request| request.path.ends_with("/enhanced-connections"));
        let queries: BTreeSet<_> = lists.map(|request| request.query).collect();
        let wanted = "limit=0&status=ACTIVE&tags=at%3D10%3A30%2Cteam%3DR%2BD%20lab";
        assert!(queries.contains(wanted), "{queries:?}");
        // What the filter syntax cannot express is not sent; the provider filters the tags itself.
        assert!(queries.contains("limit=0&status=ACTIVE"), "{queries:?}");

        // If tags cannot be read, the result of the service's filter is used.
        cloud.emulator().set_quirks([Quirk::NoTagApi]);
        workspace.configure(&block(KIND, "tags = { team = \"R+D\" }"));
        workspace.save_plan();
        workspace.apply();
        let shown = columns(&workspace.state(ADDRESS)["connections"], &["name", "tags"]).concat();
        assert_eq!(shown, [json!("c"), Value::Null]);
    });
}

/// More than one page: one list request, then concurrent reads.
#[test]
fn many_connections_are_read_concurrently() {
    const COUNT: usize = 120;
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        for number in 0..COUNT {
            cloud.edit(|account| account.create(named(&format!("c{number:03}"))));
        }
        cloud.emulator().set_latency(Duration::from_millis(100));
        let workspace = cloud.workspace(terraform);
        workspace.configure(&block(KIND, ""));
        let begun = std::time::Instant::now();
        workspace.save_plan();
        let took = begun.elapsed();
        let requests = cloud.requests();
        let lists = requests.iter().filter(|request| request.path.ends_with("/enhanced-connections")).count();
        assert_eq!((lists, requests.len()), (1, 1 + COUNT));
        // Sequential reads would take 12 s.
        assert!(took < Duration::from_secs(10), "{took:?}");
    });
}
