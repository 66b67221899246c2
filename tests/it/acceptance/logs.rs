//! The log of a run: its fields, its levels, and the bodies of API calls.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use terraform_provider_dli::dli::wire::QueueNames;
use terraform_provider_dli::emulator::Settings;

use super::connection::connection;
use super::harness::{Cloud, Finished, for_one_terraform};

const PARTS: &str = "queues = [\"q1\"]\n  hosts = { \"a.example\" = \"10.0.0.1\" }\n  tags = { team = \"data\" }";

/// Two routes, which Terraform creates at the same time.
const ROUTES: &str = r#"
resource "dli_enhanced_connection_route" "all" {
  for_each      = { r1 = "10.1.0.0/16", r2 = "10.2.0.0/16" }
  connection_id = dli_enhanced_connection.test.id
  name          = each.key
  cidr          = each.value
}

data "dli_queues" "all" {
  depends_on = [dli_enhanced_connection_route.all]
}
"#;

/// The lines of the provider's processes. The command ran with `TF_LOG=JSON`, which means TRACE.
fn lines(finished: &Finished) -> Vec<Value> {
    let lines = finished.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // Terraform names its own lines about the process `provider.` and the program; lines of the process have the
    // module that the process writes.
    let is_own = |line: &Value| !text(line, "@module").starts_with("provider") && line.get("@timestamp").is_some();
    let lines: Vec<_> = lines.filter(|line| is_own(line) && line.get("timestamp").is_some()).collect();
    assert!(!lines.is_empty(), "{finished}");
    lines
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_default()
}

fn of_message<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["@message"] == message).collect()
}

#[test]
fn every_line_names_its_operation() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform).with_variable("TF_LOG", "JSON");
        workspace.configure(&format!("{}{ROUTES}", connection(PARTS)));
        let lines = lines(&workspace.run(&["apply", "-auto-approve"]).expect_code(0));
        let mut types = BTreeSet::new();
        for line in &lines {
            assert_eq!(text(line, "tf_provider_addr"), "opendli/dli", "{line}");
            let module = text(line, "@module");
            assert!(module.starts_with("terraform_provider_dli"), "no HTTP or TLS library writes: {line}");
            assert_eq!(text(line, "tf_req_id").len(), 36, "{line}");
            let rpc = text(line, "tf_rpc");
            let field = match rpc {
                "GetProviderSchema"
                | "GetResourceIdentitySchemas"
                | "ValidateProviderConfig"
                | "ConfigureProvider"
                | "Shutdown" => continue,
                "ValidateDataResourceConfig" | "ReadDataSource" => "tf_data_source_type",
                _ => "tf_resource_type",
            };
            types.insert((rpc, text(line, field)));
        }
        for expected in [
            ("ValidateResourceConfig", "dli_enhanced_connection"),
            ("PlanResourceChange", "dli_enhanced_connection"),
            ("ApplyResourceChange", "dli_enhanced_connection"),
            ("ApplyResourceChange", "dli_enhanced_connection_route"),
            ("ReadDataSource", "dli_queues"),
        ] {
            assert!(types.contains(&expected), "{expected:?}: {types:#?}");
        }
        assert!(types.iter().all(|(_, name)| name.starts_with("dli_")), "{types:#?}");
        // Each operation has an ID of its own.
        let created = of_message(&lines, "created");
        let ids: BTreeSet<_> = created.iter().map(|line| text(line, "tf_req_id")).collect();
        assert_eq!((created.len(), ids.len()), (3, 3), "{created:#?}");
    });
}

#[test]
fn trace_shows_the_body_of_each_call() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform).with_variable("TF_LOG", "JSON");
        workspace.configure(&format!("{}{ROUTES}", connection(PARTS)));
        let lines = lines(&workspace.run(&["apply", "-auto-approve"]).expect_code(0));
        let logged: Vec<_> = of_message(&lines, "request body").iter().map(|line| text(line, "body")).collect();
        let sent = cloud.requests();
        let sent: Vec<_> = sent.iter().map(|request| String::from_utf8_lossy(&request.body)).collect();
        let sent: Vec<_> = sent.iter().map(AsRef::as_ref).filter(|body: &&str| !body.is_empty()).collect();
        assert!(sent.len() >= 3, "{sent:#?}");
        assert_eq!(BTreeSet::from_iter(&logged), BTreeSet::from_iter(&sent));
        assert_eq!(logged.len(), sent.len());
        let received = of_message(&lines, "response body");
        assert_eq!(received.len(), cloud.requests().len());
        let id = cloud.connection().id;
        assert!(received.iter().any(|line| text(line, "body").contains(&id)), "{received:#?}");
    });
}

/// The documentation of the provider states 16,384 characters.
#[test]
fn long_body_is_cut() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform).with_variable("TF_LOG", "JSON");
        workspace.configure(&connection("hosts = { for i in range(1000) : \"host-${i}.example\" => \"10.0.0.1\" }"));
        let lines = lines(&workspace.run(&["apply", "-auto-approve"]).expect_code(0));
        let bodies = of_message(&lines, "request body");
        let [create] = bodies[..] else { panic!("{bodies:#?}") };
        assert_eq!(text(create, "body").chars().count(), 16_384 + 1);
        assert!(text(create, "body").ends_with('…'));
        let sent = cloud.requests().into_iter().find(|request| request.method == "POST").expect("it was created");
        assert_eq!(create["body_bytes"], sent.body.len());
    });
}

#[test]
fn each_attempt_is_numbered() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        cloud.fault("ListQueues:refuse=500,DLI.0999,Internal error*1");
        let workspace = cloud.workspace(terraform).with_variable("TF_LOG", "JSON");
        workspace.configure("data \"dli_queues\" \"all\" {}\n");
        let lines = lines(&workspace.run(&["plan"]).expect_code(0));
        let calls = of_message(&lines, "called the service");
        let calls = calls.iter().map(|line| (line["attempt"].as_u64(), line["status"].as_u64()));
        assert_eq!(calls.collect::<Vec<_>>(), [(Some(1), Some(500)), (Some(2), Some(200))]);
    });
}

#[test]
fn info_reports_changes_and_waits() {
    for_one_terraform(|terraform| {
        let binding_delay = Duration::from_millis(300);
        let cloud = Cloud::start_with(Settings { binding_delay, ..Settings::default() });
        let workspace = cloud.workspace(terraform).with_variable("TF_LOG", "JSON");
        let workspace = workspace.with_variable("TF_LOG_PROVIDER_DLI", "INFO");
        let binding = |queue: &str| {
            format!(
                "resource \"dli_enhanced_connection_binding\" {queue:?} {{\n  \
                 connection_id = dli_enhanced_connection.test.id\n  queue = {queue:?}\n}}\n"
            )
        };
        let events = |arguments: &[&str]| {
            let lines = lines(&workspace.run(arguments).expect_code(0));
            assert!(lines.iter().all(|line| ["info", "warn"].contains(&text(line, "@level"))), "{lines:#?}");
            let event = |line: &Value| (text(line, "@message").to_owned(), text(line, "waiting_for").to_owned());
            lines.iter().map(event).collect::<Vec<_>>()
        };
        let event = |name: &str| (name.to_owned(), String::new());
        workspace.configure(&(connection("") + &binding("q1")));
        let created = events(&["apply", "-auto-approve"]);
        let waiting = ("waiting".to_owned(), "The binding of q1 (CREATING)".to_owned());
        assert_eq!(created, [event("created"), waiting, event("created")]);

        let id = cloud.connection().id;
        let queues = QueueNames { queues: vec!["q2".to_owned()], ..QueueNames::default() };
        cloud.edit(|project| project.bind(&id, &queues));
        workspace.configure(&(connection("") + &binding("q1") + &binding("q2")));
        let adopted = events(&["apply", "-auto-approve"]);
        assert!(adopted.contains(&event("adopted")) && adopted.contains(&event("created")), "{adopted:?}");
        workspace.configure(&(connection("hosts = { a = \"10.0.0.1\" }") + &binding("q1") + &binding("q2")));
        assert_eq!(events(&["apply", "-auto-approve"]), [event("updated")]);
        let destroyed = events(&["destroy", "-auto-approve"]);
        assert_eq!(destroyed.iter().filter(|done| **done == event("deleted")).count(), 3, "{destroyed:?}");
    });
}
