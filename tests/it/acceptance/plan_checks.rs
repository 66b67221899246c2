//! Plan checks: whether queues and pools exist and can be bound, and whether a name is free.

use terraform_provider_dli::dli::wire::{CreateConnection, Host, Queue};

use super::connection::{ADDRESS, CREATE, connection};
use terraform_provider_dli::emulator::SECRET_KEY;

use super::harness::{Cloud, Finished, PROJECT, REGION, Workspace, for_each_terraform, for_one_terraform};

/// Fifty connections with these queues. Separate resources, because some Terraform versions show only one error for all
/// instances of one resource.
fn fifty_connections(queues: &str) -> String {
    let one = connection(&format!("queues = {queues}"));
    (0..50).map(|index| one.replace("\"test\"", &format!("\"test_{index}\""))).collect()
}

/// The number of requests for an operation.
fn request_count(cloud: &Cloud, operation: &str) -> usize {
    cloud.requests().iter().filter(|request| request.operation == Some(operation)).count()
}

#[track_caller]
fn plan(workspace: &Workspace, configuration: &str) -> Finished {
    workspace.configure(configuration);
    workspace.run(&["plan", "-json"])
}

/// The queue types are from the API documents; the emulator's default data has one of each.
#[test]
fn plan_rejects_unbindable_queues() {
    let configuration = fifty_connections(r#"["shared1", "default_like", "missing1", "q1", "yearly1", "pooled1"]"#);
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let shared = Queue { charging_mode: 1, ..cloud.emulator().queues(PROJECT)[1].clone() };
        assert_eq!((shared.queue_name.as_str(), shared.resource_mode), ("shared1", 0));
        cloud.edit(|account| account.put_queue(Queue { queue_name: "default_like".to_owned(), ..shared }));
        let workspace = cloud.workspace(terraform);
        let planned = plan(&workspace, &configuration).expect_code(1);
        let diagnostics = planned.diagnostics();
        assert_eq!(diagnostics.len(), 150, "three queues for each of fifty connections:\n{planned}");
        for (queue, words) in [
            (
                "shared1",
                ["Queue Cannot Be Bound", "a shared queue", "Allowed: dedicated queues, yearly/monthly queues"],
            ),
            ("default_like", ["Queue Cannot Be Bound", "pay-per-use", "queues in an elastic resource pool"]),
            ("missing1", ["Queue Not Found", "no queue named \"missing1\"", "it has pooled1, pooled2"]),
        ] {
            for index in 0..50 {
                let address = format!("{ADDRESS}_{index}");
                let path = format!("queues[{queue:?}]");
                let is_expected = |diagnostic: &&super::harness::Diagnostic| {
                    diagnostic.address == address && diagnostic.text.contains(&path)
                };
                let found: Vec<_> = diagnostics.iter().filter(is_expected).collect();
                // Another resource may create a missing queue.
                let is_error = queue != "missing1";
                assert!(found.len() == 1 && found[0].is_error == is_error, "{address} {path}: {found:#?}");
                for expected in words {
                    assert!(found[0].text.contains(expected), "missing {expected:?}: {found:#?}");
                }
            }
        }
        assert_eq!((request_count(&cloud, "ListQueues"), request_count(&cloud, "ListEnhancedConnections")), (1, 1));
        assert_eq!(cloud.requests().len(), 2, "no other request");
    });
}

/// A pipeline that plans without keys, and a provider with `plan_checks = false`.
#[test]
fn plan_checks_can_be_off() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let all = cloud.provider_block("");
        let keyless: Vec<_> =
            all.lines().filter(|line| !line.contains("access_key") && !line.contains("secret_key")).collect();
        let cases = [(format!("{}\n", keyless.join("\n")), 1), (cloud.provider_block("plan_checks = false"), 0)];
        for (block, count) in cases {
            let workspace = Workspace::new(terraform).with_provider(&block);
            let planned = plan(&workspace, &fifty_connections(r#"["shared1", "missing1"]"#)).expect_code(0);
            let diagnostics = planned.diagnostics();
            assert_eq!(diagnostics.len(), count, "{diagnostics:#?}");
            assert!(diagnostics.iter().all(|diagnostic| diagnostic.text.starts_with("No Credentials\n")));
        }
        assert_eq!(cloud.requests().len(), 0);
    });
}

/// Without `project_id`, the provider asks IAM for the project before it can check anything.
#[test]
fn plan_without_a_project_is_reported_once() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let block = cloud.provider_block("").replace(&format!("  project_id = \"{PROJECT}\"\n"), "");
        let block = block.replace("dli = \"http", &format!("iam = \"{}\", dli = \"http", cloud.emulator().endpoint()));
        let wrong_secret = block.replace(&format!("\"{SECRET_KEY}\""), "\"wrong\"");
        let wrong_region = block.replace(&format!("\"{REGION}\""), "\"nowhere\"");
        for (block, code, title, part) in [
            (wrong_secret, 1, "The Credentials Are Rejected\n", "secret key"),
            (wrong_region, 0, "The Plan Was Not Checked\n", "IAM has no project named \"nowhere\""),
        ] {
            let workspace = Workspace::new(terraform).with_provider(&block);
            let planned = plan(&workspace, &fifty_connections(r#"["missing1"]"#)).expect_code(code);
            let [only] = &planned.diagnostics()[..] else { panic!("{:#?}", planned.diagnostics()) };
            assert!(only.text.starts_with(title) && only.text.contains(part), "{}", only.text);
        }
    });
}

/// A queue created in the same run does not exist yet when the plan is made.
#[test]
fn unknown_queue_names_are_checked_at_apply() {
    let configuration = |queue: &str| {
        let source = format!("resource \"terraform_data\" \"source\" {{\n  input = {queue:?}\n}}\n");
        format!("{source}{}", connection("queues = [terraform_data.source.output]"))
    };
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        plan(&workspace, &configuration("shared1")).expect_code(0).expect_no_diagnostics();
        assert_eq!(request_count(&cloud, "ListQueues"), 0);
        let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1);
        let error = applied.error_of(ADDRESS);
        assert!(error.contains("Queue Cannot Be Bound") && error.contains("queues[\"shared1\"]"), "{error}");
        assert!(cloud.connections().is_empty() && cloud.changes().is_empty(), "nothing was sent");

        workspace.step(&configuration("q1"), &[("terraform_data.source", "update"), (ADDRESS, "create")]);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// The name of the queue is known although the queue does not exist yet.
#[test]
fn queue_created_by_the_same_run_is_bound() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let dedicated = cloud.emulator().queues(PROJECT).into_iter().find(|queue| queue.queue_name == "q1");
        let queue = Queue { queue_name: "later".to_owned(), ..dedicated.expect("a queue of the default data") };
        let edit = serde_json::json!({ "project": PROJECT, "put_queue": queue });
        let workspace = cloud.workspace(terraform);
        workspace.write("edit.json", &edit.to_string());
        let address = format!("{}/_emulator/edit", cloud.emulator().endpoint());
        let script = format!(
            "import urllib.request; urllib.request.urlopen('{address}', open('edit.json', 'rb').read()).read()"
        );
        let creator = format!(
            "resource \"terraform_data\" \"queue\" {{\n  provisioner \"local-exec\" {{\n    command = \"python3 -c \
             \\\"{script}\\\"\"\n  }}\n}}\n"
        );
        let configuration = creator + &connection("queues = [\"later\"]\n  depends_on = [terraform_data.queue]");
        let planned = plan(&workspace, &configuration).expect_code(0);
        let diagnostics = planned.diagnostics();
        assert!(diagnostics.len() == 1 && diagnostics[0].text.contains("Queue Not Found"), "{diagnostics:#?}");
        workspace.step(&configuration, &[("terraform_data.queue", "create"), (ADDRESS, "create")]);
        assert_eq!(cloud.connection().available_queue_info[0].name, "later");
    });
}

#[test]
fn plan_warns_about_a_missing_pool() {
    let binding = "resource \"dli_enhanced_connection_binding\" \"test\" {\n  \
                   connection_id = \"2a620c33-5609-40c9-affd-2b6453071b0f\"\n  elastic_resource_pool = \"pool9\"\n}\n";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let both = format!("{}{binding}", connection("elastic_resource_pools = [\"pool1\", \"pool9\"]"));
        let planned = plan(&workspace, &both).expect_code(0);
        let diagnostics = planned.diagnostics();
        assert_eq!(diagnostics.len(), 2, "{planned}");
        let binding = "dli_enhanced_connection_binding.test";
        for (address, path) in [(ADDRESS, "elastic_resource_pools[\"pool9\"]"), (binding, "elastic_resource_pool:")] {
            let warning = diagnostics.iter().find(|diagnostic| diagnostic.address == address).expect("a warning");
            assert!(!warning.is_error, "{warning:?}");
            for expected in ["Elastic Resource Pool Not Found", path, "\"pool9\"", "it has pool1, pool2, pool3"] {
                assert!(warning.text.contains(expected), "missing {expected:?}: {warning:?}");
            }
        }
        assert_eq!((request_count(&cloud, "ListElasticResourcePools"), request_count(&cloud, "ListQueues")), (1, 0));
    });
}

/// The documents do not say whether a name can be used twice, so the plan must not fail.
#[test]
fn name_in_use_is_a_warning() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let other = |name: &str| {
            let request = CreateConnection {
                name: name.to_owned(),
                dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
                dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
                ..CreateConnection::default()
            };
            cloud.edit(|account| account.create(request))
        };
        let (deleted, taken) = (other("test"), other("TEST"));
        cloud.edit(|account| account.delete(&deleted));
        plan(&workspace, &connection("")).expect_code(0).expect_no_diagnostics();
        let id = other("test");
        let planned = plan(&workspace, &connection("")).expect_code(0);
        let diagnostics = planned.diagnostics();
        assert!(diagnostics.len() == 1 && !diagnostics[0].is_error, "{diagnostics:#?}");
        for expected in ["Connection Name Is Taken", &id, "\"test\"", "terraform import"] {
            assert!(diagnostics[0].text.contains(expected), "missing {expected:?}: {diagnostics:#?}");
        }
        assert!(!diagnostics[0].text.contains(&taken) && !diagnostics[0].text.contains(&deleted), "{diagnostics:#?}");
    });
}

/// The replaced connection releases its name to the new one.
#[test]
fn replacement_does_not_warn_about_its_own_name() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(""), CREATE);
        let elsewhere = connection("").replace("78f2562a", "88f2562a");
        let planned = plan(&workspace, &elsewhere).expect_code(0).expect_no_diagnostics();
        assert!(planned.stdout.contains("\"action\":\"replace\""), "{planned}");
    });
}

/// A page of connections with many hosts exceeds the 16 MiB that the provider reads at once.
#[test]
fn names_are_checked_among_large_connections() {
    const COUNT: usize = 8;
    let host = |number: usize| Host {
        name: format!("host-{number:05}.{}", "a-long-department-name.".repeat(4)) + "com",
        ip: format!("10.0.{}.{}", number / 250, number % 250),
    };
    let hosts: Vec<_> = (0..20_000).map(host).collect();
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let create = |name: &str, hosts: &[Host]| {
            let request = CreateConnection {
                name: name.to_owned(),
                dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
                dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
                hosts: hosts.to_vec(),
                ..CreateConnection::default()
            };
            cloud.edit(|account| account.create(request))
        };
        for number in 0..COUNT {
            create(&format!("large_{number}"), &hosts);
        }
        let id = create("test", &[]);
        let workspace = cloud.workspace(terraform);
        let planned = plan(&workspace, &connection("")).expect_code(0);
        let diagnostics = planned.diagnostics();
        let [warning] = &diagnostics[..] else { panic!("{diagnostics:#?}") };
        assert!(warning.text.contains("Connection Name Is Taken") && warning.text.contains(&id), "{warning:#?}");
        let requests = request_count(&cloud, "ListEnhancedConnections");
        assert!(requests <= 2 * COUNT + 5, "{requests} requests");
    });
}
