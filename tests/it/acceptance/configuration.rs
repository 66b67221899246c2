//! The provider block and the environment: missing, conflicting, unsafe and unknown settings, and their precedence.

use std::time::Duration;

use terraform_provider_dli::dli::wire::Connection;
use terraform_provider_dli::emulator::{ACCESS_KEY, SECRET_KEY};

use super::connection::{ADDRESS, CREATE, EXAMPLE, connection};
use super::harness::{Cloud, Finished, PROJECT, Workspace, for_each_terraform, for_one_terraform};

/// A provider block with these arguments.
fn block(arguments: &str) -> String {
    format!("provider \"dli\" {{\n{arguments}\n}}\n")
}

/// Returns the only error, without line breaks: Terraform wraps lines at the width of the terminal.
#[track_caller]
fn one_error(finished: &Finished) -> String {
    assert_eq!(finished.stderr.matches("Error: ").count(), 1, "{finished}");
    finished.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn missing_settings_are_reported_together() {
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform).with_provider(&block(""));
        workspace.configure(EXAMPLE);
        workspace.run(&["validate"]).expect_code(0);
        workspace.configure("output \"nothing\" {\n  value = 1\n}\n");
        workspace.run(&["plan"]).expect_code(0);

        let cloud = Cloud::start();
        let applied = cloud.workspace(terraform);
        applied.step(EXAMPLE, CREATE);
        applied.write("provider.tf", &block(""));
        // The state holds the location of the connection, but no credentials.
        let planned = applied.run(&["plan"]).expect_code(1);
        let error = one_error(&planned);
        assert!(error.contains("access_key") && !error.contains("HW_REGION_NAME"), "{planned}");

        let importing = applied.fresh();
        importing.configure(EXAMPLE);
        let planned = importing.run(&["import", ADDRESS, &cloud.connection().id]).expect_code(1);
        let error = one_error(&planned);
        for setting in [
            "access_key",
            "HW_ACCESS_KEY",
            "secret_key",
            "HW_SECRET_KEY",
            "region",
            "HW_REGION_NAME",
            "project_id",
            "HW_PROJECT_ID",
        ] {
            assert!(error.contains(setting), "missing {setting}:\n{planned}");
        }
    });
}

#[test]
fn half_key_pair_and_http_endpoint_are_rejected() {
    for_one_terraform(|terraform| {
        let workspace = Workspace::new(terraform).with_provider(&block("  access_key = \"only-half\""));
        workspace.configure(EXAMPLE);
        let planned = workspace.run(&["plan"]).expect_code(1);
        let error = one_error(&planned);
        assert!(error.contains("secret_key") && error.contains("HW_SECRET_KEY"), "{planned}");

        workspace.write("provider.tf", &block("  endpoints = { dli = \"http://example.com\" }"));
        let validated = workspace.run(&["validate"]).expect_code(1);
        let error = one_error(&validated);
        assert!(error.contains("endpoints[\"dli\"]") && error.contains("https://"), "{validated}");
        workspace.write("provider.tf", &block("  endpoints = { dly = \"http://127.0.0.1:1\" }"));
        let validated = workspace.run(&["validate"]).expect_code(1);
        assert!(one_error(&validated).contains("endpoints[\"dly\"]"), "{validated}");
        for allowed in ["https://example.com", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
            workspace.write("provider.tf", &block(&format!("  endpoints = {{ dli = \"{allowed}\" }}")));
            workspace.run(&["validate"]).expect_code(0);
        }
    });
}

/// Each request shows which access key signed it. The emulator rejects a wrong key and a token that does not belong to
/// the key.
#[test]
fn arguments_override_the_environment() {
    let other = "ffffffffffffffffffffffffffffffff";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let endpoint = format!("  endpoints = {{ dli = \"{}\" }}", cloud.emulator().endpoint());
        let arguments = format!(
            "{endpoint}\n  project_id = {PROJECT:?}\n  access_key = {ACCESS_KEY:?}\n  secret_key = {SECRET_KEY:?}"
        );
        let from_arguments = Workspace::new(terraform)
            .with_provider(&block(&arguments))
            .with_variable("HW_ACCESS_KEY", "another")
            .with_variable("HW_SECRET_KEY", "canary-secret")
            .with_variable("HW_SECURITY_TOKEN", "canary-secret-token")
            .with_variable("HW_PROJECT_ID", other);
        from_arguments.step(EXAMPLE, CREATE);
        assert_eq!(cloud.connections().len(), 1);
        from_arguments.destroy();

        let from_environment = Workspace::new(terraform)
            .with_provider(&block(&endpoint))
            .with_variable("HW_ACCESS_KEY", ACCESS_KEY)
            .with_variable("HW_SECRET_KEY", SECRET_KEY)
            .with_variable("HW_PROJECT_ID", other);
        from_environment.step(EXAMPLE, CREATE);
        assert_eq!(cloud.connections().len(), 0);
        from_environment.destroy();

        for request in cloud.requests() {
            let authorization = request.headers.iter().find(|(name, _)| name == "authorization");
            let authorization = &authorization.expect("every request is signed").1;
            assert!(authorization.contains(&format!("Access={ACCESS_KEY},")), "{authorization}");
        }
    });
}

#[test]
fn wrong_secret_key_is_reported_but_not_shown() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform).with_provider(&block(&format!(
            "  endpoints = {{ dli = \"{}\" }}\n  project_id = {PROJECT:?}\n  access_key = {ACCESS_KEY:?}\n  \
             secret_key = \"canary-secret\"",
            cloud.emulator().endpoint()
        )));
        workspace.configure(EXAMPLE);
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        let error = one_error(&applied);
        let request_id = cloud.requests().pop().expect("a sent request").request_id;
        for expected in ["APIGW.0301", "Incorrect IAM authentication information", &request_id] {
            assert!(error.contains(expected), "missing {expected}:\n{applied}");
        }
        assert!(!format!("{applied}").contains("canary-secret"), "{applied}");
        assert!(cloud.connections().is_empty());
    });
}

/// The region comes from a resource that does not exist yet. With an endpoint, a plan does not need it.
#[test]
fn unknown_provider_arguments_allow_a_plan() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform).with_provider(&block(&format!(
            "  region = terraform_data.region.output\n  project_id = terraform_data.project.output\n  \
             access_key = {ACCESS_KEY:?}\n  secret_key = {SECRET_KEY:?}\n  endpoints = {{ dli = \"{}\" }}",
            cloud.emulator().endpoint()
        )));
        let configuration = format!(
            "resource \"terraform_data\" \"region\" {{\n  input = \"eu-west-101\"\n}}\n\
             resource \"terraform_data\" \"project\" {{\n  input = {PROJECT:?}\n}}\n{EXAMPLE}"
        );
        let all = [(ADDRESS, "create"), ("terraform_data.project", "create"), ("terraform_data.region", "create")];
        workspace.step(&configuration, &all);
        assert_eq!(cloud.connection().name, "test");
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn two_projects_in_one_configuration() {
    let other = "ffffffffffffffffffffffffffffffff";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let provider = |project: &str, more: &str| {
            block(&format!(
                "  project_id = {project:?}\n  access_key = {ACCESS_KEY:?}\n  secret_key = {SECRET_KEY:?}\n  \
                 endpoints = {{ dli = \"{}\" }}\n{more}",
                cloud.emulator().endpoint()
            ))
        };
        let both = provider(PROJECT, "") + &provider(other, "  alias = \"other\"");
        let workspace = Workspace::new(terraform).with_provider(&both);
        let second = connection("provider = dli.other").replace("\"test\" {", "\"second\" {");
        let second_address = "dli_enhanced_connection.second";
        workspace.step(&(EXAMPLE.to_owned() + &second), &[(second_address, "create"), (ADDRESS, "create")]);
        let theirs = cloud.emulator().connections(other);
        assert_eq!((theirs.len(), cloud.connections().len()), (1, 1));
        assert_eq!(workspace.state(second_address)["id"], theirs[0].id);
        assert_eq!(workspace.state(ADDRESS)["id"], cloud.connection().id);
        workspace.destroy();
        cloud.expect_empty();
        assert!(cloud.emulator().connections(other).iter().all(Connection::is_deleted));
    });
}

/// No server listens at the endpoint: the error names the address and comes quickly.
#[test]
fn unreachable_service_is_named_in_the_error() {
    for_one_terraform(|terraform| {
        let workspace = Workspace::new(terraform).with_provider(&block(&format!(
            "  endpoints = {{ dli = \"http://127.0.0.1:1\" }}\n  project_id = {PROJECT:?}\n  access_key = \"a\"\n  \
             secret_key = \"canary-secret\""
        )));
        workspace.configure(EXAMPLE);
        let applied = workspace.start(&["apply", "-auto-approve"]).wait_at_most(Duration::from_mins(1)).expect_code(1);
        let error = one_error(&applied);
        assert!(error.contains("127.0.0.1:1") && error.contains("Nothing was created"), "{applied}");
    });
}
