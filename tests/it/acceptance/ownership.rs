//! Ownership of hosts, tags, routes, queues and pools: never set, set, empty, removed and changed externally.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::{Host, QueueNames, Tag};

use super::connection::{ADDRESS, CREATE, EXAMPLE, UPDATE, connection};
use super::harness::{Cloud, Workspace, for_one_terraform};

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
fn externally_changed_hosts_are_restored() {
    for_one_terraform(|terraform| {
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

/// A collection that is not set is not managed, even if it was set before.
#[test]
fn unset_hosts_are_not_managed() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(""), CREATE);
        let id = cloud.connection().id;
        let add_external_entries = || {
            cloud.edit(|account| account.replace_hosts(&id, vec![host("theirs", "10.0.0.1")]));
            cloud.edit(|account| account.put_tags(&id, vec![tag("theirs", "1")]));
        };
        add_external_entries();
        workspace.expect_no_changes();
        assert_eq!(workspace.state(ADDRESS)["hosts"], Value::Null);

        workspace.step(&connection("hosts = { \"ours\" = \"10.0.0.2\" }\n  tags = { \"ours\" = \"2\" }"), UPDATE);
        assert_eq!((cloud.connection().hosts, cloud.tags()), (vec![host("ours", "10.0.0.2")], tags([("ours", "2")])));
        workspace.step(&connection(""), UPDATE);
        assert_eq!((cloud.connection().hosts, cloud.tags()), (vec![host("ours", "10.0.0.2")], tags([("ours", "2")])));
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["hosts"], &state["tags"]), (&Value::Null, &Value::Null));

        // An empty collection is managed: external additions are removed.
        add_external_entries();
        workspace.step(&connection("hosts = {}\n  tags = {}"), UPDATE);
        assert_eq!((cloud.connection().hosts, cloud.tags()), (vec![], tags([])));
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["hosts"], &state["tags"]), (&json!({}), &json!({})));
        add_external_entries();
        let emptied = workspace.step(&connection("hosts = {}\n  tags = {}"), UPDATE);
        emptied.expect_changed(ADDRESS, &["hosts[\"theirs\"]", "tags[\"theirs\"]", "tags_all[\"theirs\"]"]);
        assert_eq!((cloud.connection().hosts, cloud.tags()), (vec![], tags([])));
        assert_eq!(cloud.connection().id, id);
    });
}

/// The changed paths of these tags, in `tags` and `tags_all`.
/// Of a collection that was not managed before.
#[test]
fn plan_names_the_entries_that_it_removes() {
    const ALL: &str = "hosts = { ours = \"10.0.0.2\" }\n  routes = { ours = \"10.2.0.0/16\" }\n  tags = { ours = \
                       \"2\" }\n  queues = [\"q1\"]\n  elastic_resource_pools = []";
    let warnings = |workspace: &Workspace| -> Vec<String> {
        workspace.configure(&connection(ALL));
        let planned = workspace.run(&["plan", "-json"]).expect_code(0);
        planned.diagnostics().into_iter().map(|warning| warning.text).collect()
    };
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(""), CREATE);
        assert_eq!(warnings(&workspace), Vec::<String>::new(), "the service has no entries");

        let id = cloud.connection().id;
        cloud.edit(|account| {
            account.replace_hosts(&id, vec![host("OURS", "10.0.0.1"), host("prod-db", "10.0.0.3")])?;
            account.add_route(&id, "prod", "10.3.0.0/16")?;
            account.put_tags(&id, vec![tag("ours", "1"), tag("prod", "1")])?;
            account.bind(&id, &queues(&["q1", "q2"]))?;
            account.bind(&id, &pools(&["pool1"]))
        });
        let found = warnings(&workspace);
        for (title, entries) in [
            ("Hosts", "prod-db."),
            ("Routes", "prod."),
            ("Tags", "prod."),
            ("Queues", "q2."),
            ("Elastic Resource Pools", "pool1. A pool stays if a declared queue is in it."),
        ] {
            let summary = format!("Undeclared {title} Will Be Removed");
            let end = format!("removes these entries, which are not declared: {entries}");
            let count = found.iter().filter(|text| text.starts_with(&summary) && text.contains(&end)).count();
            assert_eq!(count, 1, "{summary}: {found:#?}");
        }
        assert_eq!(found.len(), 5, "{found:#?}");

        workspace.write("provider.tf", &cloud.provider_block("plan_checks = false"));
        let found = warnings(&workspace);
        let is_general = |text: &String| text.contains("removes every entry that is not declared");
        assert_eq!((found.len(), found.iter().all(is_general)), (5, true), "{found:#?}");
    });
}

fn tags_changed(keys: &[&str]) -> Vec<String> {
    let of = |attribute: &'static str| keys.iter().map(move |key| format!("{attribute}[{key:?}]"));
    of("tags").chain(of("tags_all")).collect()
}

#[test]
fn tags_are_updated_in_place_and_restored() {
    let after = connection("tags = { \"team\" = \"größe\", \"cost\" = \"2\", \"new\" = \"\" }");
    for_one_terraform(|terraform| {
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

fn queues(names: &[&str]) -> QueueNames {
    QueueNames { queues: names.iter().map(|&name| name.to_owned()).collect(), ..QueueNames::default() }
}

fn pools(names: &[&str]) -> QueueNames {
    QueueNames { elastic_resource_pools: names.iter().map(|&name| name.to_owned()).collect(), ..QueueNames::default() }
}

/// The queues and the pools that the service has bound.
fn bound(cloud: &Cloud) -> [Vec<String>; 2] {
    let connection = cloud.connection();
    [connection.available_queue_info, connection.elastic_resource_pools].map(|bindings| {
        let mut names: Vec<_> = bindings.into_iter().map(|binding| binding.name).collect();
        names.sort();
        names
    })
}

/// The routes at the service.
fn routes(cloud: &Cloud) -> BTreeMap<String, String> {
    cloud.connection().routes.into_iter().map(|route| (route.name, route.cidr)).collect()
}

/// As for hosts and tags: never set, set, removed, empty and changed externally.
#[test]
fn unset_routes_and_bindings_are_not_managed() {
    // The provider decides what it manages, so one Terraform version is enough.
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(""), CREATE);
        let id = cloud.connection().id;
        let add_external_entries = || {
            cloud.edit(|account| account.add_route(&id, "theirs", "10.1.0.0/16"));
            cloud.edit(|account| {
                account.bind(&id, &queues(&["q3"])).and_then(|()| account.bind(&id, &pools(&["pool3"])))
            });
        };
        add_external_entries();
        workspace.expect_no_changes();
        let owned = ["routes", "queues", "elastic_resource_pools"];
        let held = || owned.map(|name| workspace.state(ADDRESS)[name].clone());
        assert_eq!(held(), [Value::Null, Value::Null, Value::Null]);

        // Managing one collection leaves the others alone.
        workspace.step(&connection("routes = { ours = \"10.2.0.0/16\" }"), UPDATE);
        assert_eq!(routes(&cloud), tags([("ours", "10.2.0.0/16")]));
        assert_eq!(bound(&cloud), [vec!["q3"], vec!["pool3"]].map(owned_texts));
        workspace.step(&connection("queues = [\"q1\"]"), UPDATE);
        let ours = || tags([("ours", "10.2.0.0/16")]);
        assert_eq!((routes(&cloud), bound(&cloud)), (ours(), [vec!["q1"], vec!["pool3"]].map(owned_texts)));
        workspace.step(&connection("elastic_resource_pools = [\"pool2\"]"), UPDATE);
        assert_eq!(bound(&cloud), [vec!["q1"], vec!["pool2"]].map(owned_texts));
        workspace.step(&connection(""), UPDATE);
        assert_eq!((routes(&cloud), bound(&cloud)), (ours(), [vec!["q1"], vec!["pool2"]].map(owned_texts)));
        assert_eq!(held(), [Value::Null, Value::Null, Value::Null]);

        // Empty collections are managed.
        let none = connection("routes = {}\n  queues = []\n  elastic_resource_pools = []");
        add_external_entries();
        workspace.step(&none, UPDATE);
        assert_eq!((routes(&cloud), bound(&cloud)), (tags([]), [vec![], vec![]].map(owned_texts)));
        add_external_entries();
        let emptied = workspace.step(&none, UPDATE);
        let changed =
            ["bindings[\"pool3\"]", "bindings[\"q3\"]", "elastic_resource_pools", "queues", "routes[\"theirs\"]"];
        emptied.expect_changed(ADDRESS, &changed);
        assert_eq!((routes(&cloud), bound(&cloud)), (tags([]), [vec![], vec![]].map(owned_texts)));
        assert_eq!(held(), [json!({}), json!([]), json!([])]);
        assert_eq!(cloud.connection().id, id);
    });
}

fn owned_texts(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// A pooled queue stands for its pool, which may be declared instead or as well.
#[test]
fn pool_stays_bound_while_it_or_a_queue_is_set() {
    let declared =
        |queues: &str, pools: &str| connection(&format!("queues = {queues}\n  elastic_resource_pools = {pools}"));
    // The provider decides what it manages, so one Terraform version is enough.
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&declared("[\"pooled1\"]", "[\"pool1\"]"), CREATE);
        let id = cloud.connection().id;
        let peer = || cloud.connection().elastic_resource_pools.first().map(|binding| binding.peer_id.clone());
        let peering = peer();
        assert!(peering.is_some());
        // None of these changes the peering: the pool is still needed.
        for (queues, pools) in [
            ("[]", "[\"pool1\"]"),
            ("[\"Pooled2\"]", "[]"),
            ("[\"pooled1\", \"Pooled2\"]", "[]"),
            ("[\"pooled1\"]", "[\"pool1\"]"),
        ] {
            workspace.step(&declared(queues, pools), UPDATE);
            assert_eq!(
                (peer(), bound(&cloud)),
                (peering.clone(), [vec![], vec!["pool1"]].map(owned_texts)),
                "{queues} {pools}"
            );
        }
        assert_eq!(cloud.changes(), ["POST"], "nothing had to be bound or unbound");

        // An external unbind removes the pool from both attributes. An external binding adds a pool to one.
        cloud.edit(|account| account.unbind(&id, &pools(&["pool1"])));
        let gone = workspace.plan();
        assert_eq!(gone.change(ADDRESS)["before"]["queues"], json!([]));
        assert_eq!(gone.change(ADDRESS)["before"]["elastic_resource_pools"], json!([]));
        cloud.edit(|account| account.bind(&id, &pools(&["pool3"])));
        let both = workspace.step(&declared("[\"pooled1\"]", "[\"pool1\"]"), UPDATE);
        assert_eq!(both.change(ADDRESS)["before"]["elastic_resource_pools"], json!(["pool3"]));
        assert_eq!(bound(&cloud), [vec![], vec!["pool1"]].map(owned_texts));

        // From the pool to its queue, while another queue is added and another pool is removed.
        workspace.step(&declared("[\"q1\"]", "[\"pool1\", \"pool3\"]"), UPDATE);
        let peering = peer();
        workspace.step(&declared("[\"pooled1\", \"pooled3\"]", "[\"pool2\"]"), UPDATE);
        assert_eq!((peer(), bound(&cloud)), (peering, [vec![], vec!["pool1", "pool2", "pool3"]].map(owned_texts)));
        workspace.step(&declared("[]", "[]"), UPDATE);
        assert_eq!(bound(&cloud), [vec![], vec![]].map(owned_texts));
        assert_eq!(cloud.connection().id, id);
        workspace.destroy();
        cloud.expect_empty();
    });
}
