//! The provider's `default_tags` and `ignore_tags`: what they add and ignore. Changing them updates `tags_all` in place
//! and nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::Tag;
use terraform_provider_dli::emulator::{ACCESS_KEY, SECRET_KEY};

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, Finished, PROJECT, Workspace, errors, for_each_terraform, for_one_terraform};

const BARE: &str = "dli_enhanced_connection.bare";

/// A connection with these tags, and one without `tags`.
fn two_connections(tags: &str) -> String {
    let bare = connection("").replace("\"test\"", "\"bare\"");
    connection(&format!("tags = {tags}")) + &bare
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

/// The tags that the service has for the connection with this name.
#[track_caller]
fn tags(cloud: &Cloud, name: &str) -> BTreeMap<String, String> {
    cloud.emulator().tags(PROJECT, &id(cloud, name))
}

#[track_caller]
fn id(cloud: &Cloud, name: &str) -> String {
    cloud.connections().into_iter().find(|connection| connection.name == name).expect("it exists").id
}

fn pairs<const N: usize>(tags: [(&str, &str); N]) -> BTreeMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn write_provider(workspace: &Workspace, cloud: &Cloud, arguments: &str) {
    workspace.write("provider.tf", &cloud.provider_block(arguments));
}

/// Returns the only error of `plan`, without line breaks.
#[track_caller]
fn one_error(planned: &Finished) -> String {
    assert_eq!(planned.stderr.matches("Error: ").count(), 1, "{planned}");
    planned.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn default_tags_change_only_tags_all() {
    let updates: &[(&str, &str)] = &[(BARE, "update"), (ADDRESS, "update")];
    let configuration = two_connections("{ team = \"a\" }");
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, "default_tags = { env = \"prod\", team = \"data\" }");
        workspace.step(&configuration, &[(BARE, "create"), (ADDRESS, "create")]);
        let ids = ["test", "bare"].map(|name| id(&cloud, name));
        // The resource's tags override the defaults.
        assert_eq!(tags(&cloud, "test"), pairs([("env", "prod"), ("team", "a")]));
        assert_eq!(tags(&cloud, "bare"), pairs([("env", "prod"), ("team", "data")]));
        assert_eq!(workspace.state(ADDRESS)["tags"], json!({ "team": "a" }));
        assert_eq!(workspace.state(ADDRESS)["tags_all"], json!({ "env": "prod", "team": "a" }));
        assert_eq!(workspace.state(BARE)["tags"], Value::Null);
        assert_eq!(workspace.state(BARE)["tags_all"], json!({ "env": "prod", "team": "data" }));
        let import_workspace = workspace.fresh();
        let block = |address: &str, id: &str| format!("import {{\n  to = {address}\n  id = {id:?}\n}}\n");
        let imports = configuration.clone() + &block(ADDRESS, &ids[0]) + &block(BARE, &ids[1]);
        import_workspace.step(&imports, &[(BARE, "import"), (ADDRESS, "import")]);

        // Without `tags`, an external tag is not managed.
        cloud.edit(|account| account.put_tags(&ids[1], vec![tag("theirs", "1")]));
        workspace.expect_no_changes();

        write_provider(&workspace, &cloud, "default_tags = { env = \"test\", team = \"data\", owner = \"me\" }");
        let changed = workspace.step(&configuration, updates);
        for address in [ADDRESS, BARE] {
            changed.expect_changed(address, &["tags_all[\"env\"]", "tags_all[\"owner\"]"]);
        }
        assert_eq!(tags(&cloud, "test"), pairs([("env", "test"), ("owner", "me"), ("team", "a")]));
        let bare = [("env", "test"), ("owner", "me"), ("team", "data"), ("theirs", "1")];
        assert_eq!(tags(&cloud, "bare"), pairs(bare));

        // An external change of a default tag is drift of `tags_all` only.
        let edited = vec![tag("env", "other")];
        cloud
            .edit(|account| account.put_tags(&ids[0], edited.clone()).and_then(|()| account.put_tags(&ids[1], edited)));
        let drifted = workspace.step(&configuration, updates);
        for address in [ADDRESS, BARE] {
            drifted.expect_changed(address, &["tags_all[\"env\"]"]);
        }
        assert_eq!(tags(&cloud, "bare"), pairs(bare));

        // Override a default tag with the same value, then remove the override.
        let same = workspace.step(&two_connections("{ team = \"a\", env = \"test\" }"), UPDATE);
        same.expect_changed(ADDRESS, &["tags[\"env\"]"]);
        let fallen_back = workspace.step(&two_connections("{}"), UPDATE);
        fallen_back.expect_changed(ADDRESS, &["tags[\"env\"]", "tags[\"team\"]", "tags_all[\"team\"]"]);
        assert_eq!(tags(&cloud, "test"), pairs([("env", "test"), ("owner", "me"), ("team", "data")]));
        workspace.step(&configuration, UPDATE);

        write_provider(&workspace, &cloud, "");
        workspace.configure(&configuration);
        let planned = workspace.run(&["plan", "-json"]).expect_code(0);
        let warnings: Vec<_> = planned.diagnostics().into_iter().map(|warning| warning.text).collect();
        let [warning] = warnings.as_slice() else { panic!("{warnings:#?}") };
        assert!(warning.starts_with("Default Tags Stay at the Service"), "{warning}");
        assert!(warning.contains("set default_tags = {}"), "{warning}");
        let removed = workspace.step(&configuration, updates);
        removed.expect_changed(ADDRESS, &["tags_all[\"env\"]", "tags_all[\"owner\"]"]);
        removed.expect_changed(BARE, &["tags_all[\"env\"]", "tags_all[\"owner\"]", "tags_all[\"team\"]"]);
        assert_eq!(tags(&cloud, "test"), pairs([("team", "a")]));
        // Neither `tags` nor `default_tags` is set, so no tag of this connection is managed any more.
        assert_eq!(tags(&cloud, "bare"), pairs(bare));
        assert_eq!(["test", "bare"].map(|name| id(&cloud, name)), ids);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// Without `tags`, only the default tags are managed; the others stay.
#[test]
fn removing_tags_keeps_default_tags() {
    // Every Terraform version sends the same two maps, so one is enough.
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, "default_tags = { env = \"prod\" }");
        workspace.step(&connection("tags = { env = \"test\", a = \"1\" }"), CREATE);
        let plan = workspace.step(&connection(""), UPDATE);
        plan.expect_changed(ADDRESS, &["tags", "tags_all[\"a\"]", "tags_all[\"env\"]"]);
        assert_eq!(cloud.tags(), pairs([("a", "1"), ("env", "prod")]));
        // An empty map of default tags removes them, and only them.
        write_provider(&workspace, &cloud, "default_tags = {}");
        workspace.step(&connection(""), UPDATE).expect_changed(ADDRESS, &["tags_all[\"env\"]"]);
        assert_eq!(cloud.tags(), pairs([("a", "1")]));
    });
}

#[test]
fn ignored_tags_are_not_changed() {
    let arguments = "ignore_tags = { keys = [\"owner\"], key_prefixes = [\"cost:\"] }";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, arguments);
        workspace.step(&connection("tags = { a = \"1\" }"), CREATE);
        let id = cloud.connection().id;
        let external = vec![tag("owner", "x"), tag("cost:center", "7"), tag("owner2", "y")];
        cloud.edit(|account| account.put_tags(&id, external));
        // `keys` matches whole keys, so `owner2` is still managed.
        let updated = workspace.step(&connection("tags = { a = \"2\" }"), UPDATE);
        let changed = ["tags[\"a\"]", "tags[\"owner2\"]", "tags_all[\"a\"]", "tags_all[\"owner2\"]"];
        updated.expect_changed(ADDRESS, &changed);
        let kept = [("cost:center", "7"), ("owner", "x")];
        assert_eq!(cloud.tags(), pairs([("a", "2"), kept[0], kept[1]]));
        workspace.expect_import(ADDRESS, &[]);
        workspace.step(&connection("tags = {}"), UPDATE);
        assert_eq!(cloud.tags(), pairs(kept));
        workspace.step(&connection(""), UPDATE);
        workspace.step(&connection("tags = { b = \"\" }"), UPDATE);
        assert_eq!(cloud.tags(), pairs([("b", ""), kept[0], kept[1]]));

        // A tag that becomes ignored stays at the service, even if the state has it.
        write_provider(&workspace, &cloud, "ignore_tags = { keys = [\"owner\", \"b\"], key_prefixes = [\"cost:\"] }");
        workspace.configure(&connection("tags = {}"));
        workspace.run(&["apply", "-auto-approve", "-refresh=false"]).expect_code(0);
        workspace.expect_no_changes();
        assert_eq!(cloud.tags(), pairs([("b", ""), kept[0], kept[1]]));
    });
}

/// If this were allowed, every plan would show a change.
#[test]
fn declaring_an_ignored_tag_is_an_error() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, "ignore_tags = { key_prefixes = [\"cost:\"] }");
        workspace.configure(&connection("tags = { a = \"1\", \"cost:center\" = \"7\" }"));
        let error = one_error(&workspace.run(&["plan"]).expect_code(1));
        let expected = ["Tag Both Declared and Ignored", "tags[\"cost:center\"]", "ignore_tags"];
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");

        let both = "default_tags = { \"cost:center\" = \"7\" }\n  ignore_tags = { keys = [\"cost:center\"] }";
        write_provider(&workspace, &cloud, both);
        workspace.configure(&connection(""));
        let error = one_error(&workspace.run(&["plan"]).expect_code(1));
        let expected = ["Tag Both Declared and Ignored", "default_tags[\"cost:center\"]", "ignore_tags"];
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
        cloud.expect_empty();
    });
}

/// The service's documentation allows 20 tags; a key in both maps counts once.
#[test]
fn at_most_twenty_tags_in_total() {
    fn many_tags(name: char, count: usize) -> String {
        let tags = (0..count).map(|number| format!("{name}{number} = \"\""));
        format!("{{ {} }}", tags.collect::<Vec<_>>().join(", "))
    }
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, &format!("default_tags = {}", many_tags('a', 6)));
        workspace.configure(&connection(&format!("tags = {}", many_tags('b', 15))));
        let error = one_error(&workspace.run(&["plan"]).expect_code(1));
        let expected = ["Too Many Tags", "21", "at most 20", "tags"];
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
        workspace.step(&connection(&format!("tags = {}", many_tags('a', 20))), CREATE);
        assert_eq!(cloud.tags().len(), 20);

        write_provider(&workspace, &cloud, &format!("default_tags = {}", many_tags('a', 21)));
        workspace.configure(&connection(""));
        let error = one_error(&workspace.run(&["plan"]).expect_code(1));
        assert!(error.contains("Too Many Tags"), "{error}");
        // Only the plan counts the tags of both maps, so validation passes.
        assert_eq!(errors(&workspace.run(&["validate", "-json"])), []);
    });
}

/// Default tags from another resource: known at the first apply, and unknown again when that resource changes.
#[test]
fn unknown_default_tags_make_tags_all_unknown() {
    let configuration = |env: &str| {
        let data = format!("resource \"terraform_data\" \"env\" {{\n  triggers_replace = [{env:?}]\n}}\n");
        data + &two_connections("{ team = \"a\" }")
    };
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform).with_provider(&format!(
            "provider \"dli\" {{\n  region = \"eu-west-101\"\n  project_id = {PROJECT:?}\n  \
             access_key = {ACCESS_KEY:?}\n  secret_key = {SECRET_KEY:?}\n  endpoints = {{ dli = \"{}\" }}\n  \
             default_tags = {{ env = terraform_data.env.id }}\n}}\n",
            cloud.emulator().endpoint()
        ));
        let data = "terraform_data.env";
        let create = [(data, "create"), (BARE, "create"), (ADDRESS, "create")];
        let plan = workspace.step(&configuration("1"), &create);
        assert_eq!(plan.change(ADDRESS)["after_unknown"]["tags_all"], true);
        let env = |workspace: &Workspace| workspace.state(data)["id"].as_str().expect("a string").to_owned();
        let first = env(&workspace);
        assert_eq!(tags(&cloud, "test"), pairs([("env", &*first), ("team", "a")]));

        // While the default tags are unknown, the existing default tag is not treated as an external addition.
        let updates = [(data, "replace"), (BARE, "update"), (ADDRESS, "update")];
        let plan = workspace.step(&configuration("2"), &updates);
        plan.expect_changed(ADDRESS, &["tags_all"]).expect_changed(BARE, &["tags_all"]);
        let second = env(&workspace);
        assert_ne!(first, second);
        assert_eq!(tags(&cloud, "test"), pairs([("env", &*second), ("team", "a")]));
        assert_eq!(tags(&cloud, "bare"), pairs([("env", &*second)]));
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// Credentials without the right to list tags: plans, imports and data sources work and keep the tags of the state.
#[test]
fn unreadable_tags_are_a_warning() {
    const REFUSED: &str = "ShowResourceTags:refuse=403,IAM.0003,Policy doesn't allow dli:tag:list to be performed.";
    let data = "data \"dli_enhanced_connections\" \"all\" {\n}\ndata \"dli_enhanced_connection\" \"one\" {\n  \
                name = \"test\"\n}\n";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let tagged = connection("tags = { a = \"1\" }");
        workspace.step(&two_connections("{ a = \"1\" }"), &[(BARE, "create"), (ADDRESS, "create")]);
        cloud.fault(REFUSED);
        workspace.configure(&(two_connections("{ a = \"1\" }") + data));
        let planned = workspace.run(&["plan", "-json", "-detailed-exitcode"]).expect_code(0);
        let diagnostics = planned.diagnostics();
        // One warning for the resource with tags and one for each data source, although the list has two connections.
        assert_eq!(diagnostics.len(), 3, "{diagnostics:#?}");
        for diagnostic in diagnostics {
            // The documents list no IAM action for this operation, so there is no `Needed` line.
            let expected = ["Tags Cannot Be Read", "Call: ShowResourceTags", "Policy doesn't allow"];
            assert!(
                !diagnostic.is_error && expected.iter().all(|part| diagnostic.text.contains(part)),
                "{diagnostic:?}"
            );
        }
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(workspace.state("data.dli_enhanced_connection.one")["tags"], Value::Null);
        assert_eq!(workspace.state(ADDRESS)["tags"], json!({ "a": "1" }));

        let importing = workspace.fresh();
        importing.configure(&tagged);
        importing.run(&["import", ADDRESS, &id(&cloud, "test")]).expect_code(0);
        assert_eq!(importing.state(ADDRESS)["tags"], Value::Null);
    });
}
