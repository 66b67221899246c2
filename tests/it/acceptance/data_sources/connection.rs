//! `dli_enhanced_connection`, the data source.

use std::time::Duration;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::{CreateConnection, Host, Tag};
use terraform_provider_dli::emulator::{Fault, FaultKind, Quirk};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{block, one_error, read};
use crate::acceptance::harness::{Cloud, PROJECT, errors, for_each_terraform, for_one_terraform};

const KIND: &str = "dli_enhanced_connection";
const ADDRESS: &str = "data.dli_enhanced_connection.it";

fn host(name: &str, ip: &str) -> Host {
    Host { name: name.to_owned(), ip: ip.to_owned() }
}

pub(super) fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

/// A connection with only a name.
pub(super) fn named(name: &str) -> CreateConnection {
    CreateConnection {
        name: name.to_owned(),
        dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
        ..CreateConnection::default()
    }
}

/// Creates a connection that has everything, where binding `q2` fails, and returns its ID.
pub(super) fn create_full(cloud: &Cloud, name: &str) -> String {
    cloud.emulator().set_binding_outcome("q2", Some("Failed to get subnet"));
    let everything = CreateConnection {
        queues: vec!["q2".to_owned(), "Q1".to_owned()],
        elastic_resource_pools: vec!["pool1".to_owned()],
        hosts: vec![host("node-2", "192.168.0.2"), host("node-1", "192.168.0.1")],
        tags: vec![tag("team", "R+D"), tag("empty", ""), tag("_owner", "x")],
        ..named(name)
    };
    cloud.edit(|account| {
        let id = account.create(everything)?;
        account.add_route(&id, "r6", "2407:C080:802:be7::/64")?;
        account.add_route(&id, "r4", "192.168.2.0/24")?;
        account.grant(&id, "bb")?;
        account.grant(&id, "aa")?;
        account.set_ipv6(&id, true)?;
        Ok(id)
    })
}

/// The expected value of that connection in the data sources, without times and peering IDs.
pub(super) fn expected_without_times(id: &str, name: &str) -> Value {
    let binding = |status: &str, error: Option<&str>| json!({ "status": status, "error": error });
    json!({
        "id": id,
        "name": name,
        "status": "ACTIVE",
        "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
        "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281",
        "ipv6_enable": true,
        "queues": ["q1", "q2"],
        "elastic_resource_pools": ["pool1"],
        "bindings": {
            "pool1": binding("ACTIVE", None),
            "q1": binding("ACTIVE", None),
            "q2": binding("FAILED", Some("Failed to get subnet")),
        },
        "hosts": { "node-1": "192.168.0.1", "node-2": "192.168.0.2" },
        "routes": { "r4": "192.168.2.0/24", "r6": "2407:c080:802:be7::/64" },
        "tags": { "team": "R+D", "empty": "", "_owner": "x" },
        "shared": true,
        "shared_with": ["aa", "bb"],
    })
}

fn milliseconds(text: &Value) -> i64 {
    let time = OffsetDateTime::parse(text.as_str().expect("a string"), &Rfc3339).expect("a time");
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("a valid time")
}

/// Checks times and peering IDs, and returns the rest.
pub(super) fn check_times(cloud: &Cloud, shown: &Value) -> Value {
    let mut rest = shown.clone();
    let connections = cloud.emulator().connections(PROJECT);
    let held = connections.iter().find(|held| shown["id"] == held.id.as_str()).expect("it exists");
    assert_eq!(milliseconds(&shown["created_at"]), held.create_time);
    for binding in held.available_queue_info.iter().chain(&held.elastic_resource_pools) {
        let peering = &shown["bindings"][&binding.name];
        assert_eq!(peering["peer_id"], binding.peer_id.as_str());
        assert_eq!(milliseconds(&peering["updated_at"]), binding.update_time);
        let peering = rest["bindings"][&binding.name].as_object_mut().expect("an object");
        peering.retain(|name, _| !["peer_id", "updated_at"].contains(&name.as_str()));
    }
    rest.as_object_mut().expect("an object").retain(|name, _| name != "created_at");
    rest
}

#[test]
fn connection_is_read_by_id_and_by_name() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let id = create_full(&cloud, "test");
        // A name with the same prefix, and one in another case.
        cloud.edit(|account| account.create(named("test_2")));
        cloud.edit(|account| account.create(named("TEST")));
        let mut wanted = expected_without_times(&id, "test");
        wanted["region"] = json!("eu-west-101");
        wanted["project_id"] = json!(PROJECT);
        for argument in [format!("id = \"{id}\""), "name = \"test\"".to_owned()] {
            let workspace = cloud.workspace(terraform);
            read(&cloud, &workspace, &block(KIND, &argument));
            assert_eq!(check_times(&cloud, &workspace.state(ADDRESS)), wanted, "{argument}");
        }
    });
}

/// A connection with only a name has empty collections and is not shared.
#[test]
fn bare_connection_has_empty_collections() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        cloud.edit(|account| account.create(named("bare")));
        let workspace = cloud.workspace(terraform);
        read(&cloud, &workspace, &block(KIND, "name = \"bare\""));
        let state = workspace.state(ADDRESS);
        for list in ["queues", "elastic_resource_pools", "shared_with"] {
            assert_eq!(state[list], json!([]), "{list}");
        }
        for map in ["hosts", "routes", "tags", "bindings"] {
            assert_eq!(state[map], json!({}), "{map}");
        }
        assert_eq!((&state["shared"], &state["ipv6_enable"]), (&json!(false), &json!(false)));
        let asked: Vec<_> =
            cloud.requests().into_iter().filter(|request| request.path.ends_with("/privileges")).collect();
        assert_eq!(asked.len(), 0, "unexpected requests: {asked:?}");
    });
}

#[test]
fn missing_or_ambiguous_connection_is_an_error() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        cloud.emulator().set_quirks([Quirk::NamesNotUnique]);
        let deleted = cloud.edit(|account| account.create(named("deleted")));
        cloud.edit(|account| account.delete(&deleted));
        let twins = [0, 1].map(|_| cloud.edit(|account| account.create(named("twin"))));
        let missing = "2a620c33-5609-40c9-affd-2b6453071b0f";
        let not_found = |attribute: &str, value: &str| {
            format!(
                "Enhanced Connection Not Found {attribute}: there is no enhanced connection with the {attribute} \
                {value:?}"
            )
        };
        let mut cases = vec![
            (format!("id = \"{missing}\""), not_found("id", missing)),
            (format!("id = \"{deleted}\""), not_found("id", &deleted)),
            ("name = \"deleted\"".to_owned(), not_found("name", "deleted")),
            ("name = \"twi\"".to_owned(), not_found("name", "twi")),
            ("name = \"Twin\"".to_owned(), not_found("name", "Twin")),
        ];
        let mut ids = twins.clone();
        ids.sort();
        let both = format!("Name Is Not Unique There are 2 enhanced connections named \"twin\": {}", ids.join(", "));
        cases.push(("name = \"twin\"".to_owned(), both));
        let workspace = cloud.workspace(terraform);
        for (argument, wanted) in cases {
            workspace.configure(&block(KIND, &argument));
            let error = one_error(&workspace.run(&["plan"]).expect_code(1));
            let place = format!("on main.tf line 2, in data \"{KIND}\" \"it\":");
            let text = error.replace(&format!(" with {ADDRESS}, {place} 2: {argument}"), "");
            assert!(text.contains(&wanted) && text != error, "expected {wanted} at the attribute:\n{error}");
        }
    });
}

#[test]
fn exactly_one_of_id_and_name_is_required() {
    let id = "2a620c33-5609-40c9-affd-2b6453071b0f";
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let cases = [
            (String::new(), 1, "Set id or name."),
            (format!("id = \"{id}\"\nname = \"test\""), 3, "name is set, and so is id."),
            ("id = \"no/uuid\"".to_owned(), 2, "id: \"no/uuid\""),
            ("name = \"not-allowed\"".to_owned(), 2, "name: \"not-allowed\""),
        ];
        for (arguments, line, wanted) in cases {
            workspace.configure(&block(KIND, &arguments));
            let found = errors(&workspace.run(&["validate", "-json"]));
            assert!(matches!(&found[..], [(at, text)] if *at == line && text.contains(wanted)), "{wanted}: {found:?}");
        }
        // An unknown value may turn out to be either one.
        let open = "resource \"terraform_data\" \"a\" {}\n";
        for arguments in ["id = terraform_data.a.output", "id = terraform_data.a.output\nname = \"test\""] {
            workspace.configure(&format!("{open}{}", block(KIND, arguments)));
            workspace.run(&["validate"]).expect_code(0);
        }
        assert_eq!(cloud.requests().len(), 0);
    });
}

#[test]
fn connection_created_in_the_same_run_is_read() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let resource = crate::acceptance::connection::connection("queues = [\"q1\"]");
        let source = block(KIND, "id = dli_enhanced_connection.test.id");
        let actions = [("dli_enhanced_connection.test", "create"), (ADDRESS, "read")];
        workspace.step(&format!("{resource}{source}"), &actions);
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["name"], &state["queues"]), (&json!("test"), &json!(["q1"])));
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// Attributes that cannot be read are null: tags in a region without the tag API, and privileges without permission. A
/// transient failure is retried.
#[test]
fn unreadable_attributes_are_null() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        create_full(&cloud, "test");
        let refused = FaultKind::Refuse { status: 403, code: "DLI.0003".into(), text: "Permission denied".into() };
        let stumbles = FaultKind::Refuse { status: 503, code: "DLI.0999".into(), text: "busy".into() };
        let fault =
            |operation: &str, times, trouble: &FaultKind| Fault { times, ..Fault::new(operation, trouble.clone()) };
        let workspace = cloud.workspace(terraform);
        workspace.configure(&block(KIND, "name = \"test\""));

        cloud.emulator().set_quirks([Quirk::NoTagApi]);
        cloud.emulator().inject(fault("ShowEnhancedConnectionPrivilege", None, &refused)).expect("a known operation");
        workspace.save_plan();
        workspace.apply();
        let state = workspace.state(ADDRESS);
        assert_eq!(
            (&state["tags"], &state["shared"], &state["shared_with"]),
            (&Value::Null, &json!(true), &Value::Null)
        );

        cloud.emulator().set_quirks([]);
        cloud.emulator().clear_faults();
        cloud
            .emulator()
            .inject(fault("ShowEnhancedConnectionPrivilege", Some(1), &stumbles))
            .expect("a known operation");
        workspace.save_plan();
        workspace.apply();
        assert_eq!(workspace.state(ADDRESS)["shared_with"], json!(["aa", "bb"]));

        // A failed list is an error that names the operation.
        cloud.emulator().inject(fault("ListEnhancedConnections", None, &refused)).expect("a known operation");
        let planned = workspace.start(&["plan"]).wait_at_most(Duration::from_secs(30)).expect_code(1);
        let error = one_error(&planned);
        assert!(
            error.contains("Could Not Read the Enhanced Connection") && error.contains("Permission denied"),
            "{error}"
        );
    });
}

/// A map holds one address per name: the same one in any order of the response.
#[test]
fn duplicate_host_is_a_warning_and_no_drift() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let hosts = vec![host("twice", "192.168.0.2"), host("once", "192.168.0.9"), host("twice", "192.168.0.1")];
        cloud.edit(|account| account.create(CreateConnection { hosts, ..named("test") }));
        let workspace = cloud.workspace(terraform);
        read(&cloud, &workspace, &block(KIND, "name = \"test\""));
        assert_eq!(workspace.state(ADDRESS)["hosts"], json!({ "once": "192.168.0.9", "twice": "192.168.0.1" }));
        let planned = workspace.run(&["plan"]).expect_code(0);
        let output = planned.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(output.contains("Several Addresses for One Host Name"), "{planned}");
        assert!(output.contains("1 host name(s): twice (192.168.0.1, 192.168.0.2)."), "{planned}");
    });
}

#[test]
fn ignored_tags_are_not_returned() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        create_full(&cloud, "test");
        let workspace = cloud.workspace(terraform);
        let provider = std::fs::read_to_string(workspace.path().join("provider.tf")).expect("a written file");
        let ignoring = "\n  ignore_tags = { keys = [\"team\"], key_prefixes = [\"_o\"] }\n}\n";
        workspace.write("provider.tf", &provider.replace("\n}\n", ignoring));
        read(&cloud, &workspace, &block(KIND, "name = \"test\""));
        assert_eq!(workspace.state(ADDRESS)["tags"], json!({ "empty": "" }));
    });
}
