//! Host records and tags, of which a configuration owns what it declares: never set, set, empty, taken out, and changed
//! by someone else.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::{Host, Tag};

use super::connection::{ADDRESS, CREATE, EXAMPLE, UPDATE, connection};
use super::harness::{Cloud, for_each_terraform};

fn host(name: &str, ip: &str) -> Host {
    Host { name: name.to_owned(), ip: ip.to_owned() }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

fn tags<const N: usize>(tags: [(&str, &str); N]) -> BTreeMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn hosts_changed_by_someone_else_are_shown_and_put_back() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(EXAMPLE, CREATE);
        let id = cloud.connection().id;
        let edited = vec![host("ecs-97f8-0001", "10.0.0.1"), host("stranger", "10.0.0.2")];
        cloud.edit(|account| account.replace_hosts(&id, edited));
        let plan = workspace.step(EXAMPLE, UPDATE);
        plan.expect_changed(ADDRESS, &["hosts[\"ecs-97f8-0001\"]", "hosts[\"ecs-97f8-0002\"]", "hosts[\"stranger\"]"]);
        assert_eq!(
            cloud.connection().hosts,
            [host("ecs-97f8-0001", "192.168.0.1"), host("ecs-97f8-0002", "192.168.0.2")]
        );
    });
}

/// A collection that was never set belongs to someone else; one that is taken out takes what it held along.
#[test]
fn what_is_declared_is_what_is_owned() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(""), CREATE);
        let id = cloud.connection().id;
        let add_theirs = || {
            cloud.edit(|account| account.replace_hosts(&id, vec![host("theirs", "10.0.0.1")]));
            cloud.edit(|account| account.put_tags(&id, vec![tag("theirs", "1")]));
        };
        add_theirs();
        workspace.expect_no_changes();
        assert_eq!(workspace.state(ADDRESS)["hosts"], Value::Null);

        workspace.step(&connection("hosts = { \"ours\" = \"10.0.0.2\" }\n  tags = { \"ours\" = \"2\" }"), UPDATE);
        assert_eq!((cloud.connection().hosts, cloud.tags()), (vec![host("ours", "10.0.0.2")], tags([("ours", "2")])));
        workspace.step(&connection(""), UPDATE);
        assert_eq!((cloud.connection().hosts, cloud.tags()), (vec![], tags([])));
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["hosts"], &state["tags"]), (&Value::Null, &Value::Null));

        // Empty is declared: what someone has added, before or after, is theirs no more.
        add_theirs();
        workspace.step(&connection("hosts = {}\n  tags = {}"), UPDATE);
        assert_eq!((cloud.connection().hosts, cloud.tags()), (vec![], tags([])));
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["hosts"], &state["tags"]), (&json!({}), &json!({})));
        add_theirs();
        let emptied = workspace.step(&connection("hosts = {}\n  tags = {}"), UPDATE);
        emptied.expect_changed(ADDRESS, &["hosts[\"theirs\"]", "tags[\"theirs\"]", "tags_all[\"theirs\"]"]);
        assert_eq!((cloud.connection().hosts, cloud.tags()), (vec![], tags([])));
        assert_eq!(cloud.connection().id, id);
    });
}

/// The paths of these tags, declared and all.
fn tags_changed(keys: &[&str]) -> Vec<String> {
    let of = |attribute: &'static str| keys.iter().map(move |key| format!("{attribute}[{key:?}]"));
    of("tags").chain(of("tags_all")).collect()
}

#[test]
fn tags_are_sent_at_create_changed_in_place_and_their_drift_is_put_back() {
    let after = connection("tags = { \"team\" = \"größe\", \"cost\" = \"2\", \"new\" = \"\" }");
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("tags = { \"team\" = \"größe\", \"cost\" = \"1\", \"old\" = \"\" }"), CREATE);
        assert_eq!(cloud.tags(), tags([("team", "größe"), ("cost", "1"), ("old", "")]));
        let id = cloud.connection().id;
        let changed = workspace.step(&after, UPDATE);
        changed.expect_changed(ADDRESS, &tags_changed(&["cost", "new", "old"]));
        assert_eq!(cloud.tags(), tags([("team", "größe"), ("cost", "2"), ("new", "")]));

        cloud.edit(|account| account.put_tags(&id, vec![tag("team", "other"), tag("stranger", "1")]));
        cloud.edit(|account| account.remove_tags(&id, &[tag("cost", "2")]));
        let drifted = workspace.step(&after, UPDATE);
        drifted.expect_changed(ADDRESS, &tags_changed(&["cost", "stranger", "team"]));
        assert_eq!(cloud.tags(), tags([("team", "größe"), ("cost", "2"), ("new", "")]));

        let all = [tag("team", ""), tag("cost", ""), tag("new", "")];
        cloud.edit(|account| account.remove_tags(&id, &all));
        workspace.step(&after, UPDATE).expect_changed(ADDRESS, &tags_changed(&["cost", "new", "team"]));
        assert_eq!(cloud.tags(), tags([("team", "größe"), ("cost", "2"), ("new", "")]));
        assert_eq!(cloud.connection().id, id);
        workspace.expect_import(ADDRESS, &[]);
        workspace.destroy();
        cloud.expect_empty();
    });
}
