//! Requests, compared with Huawei's SDK signer, and logs, which contain no secrets.

use terraform_provider_dli::emulator::{ACCESS_KEY, SECRET_KEY, Settings};

use super::connection::{CREATE, UPDATE, connection};
use super::harness::{Cloud, PROJECT, Workspace, for_each_terraform, for_one_terraform};
use crate::python;

#[test]
fn reference_signer_accepts_every_request() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let before =
            "queues = [\"q1\", \"pooled1\"]\n  hosts = { \"a\" = \"10.0.0.1\" }\n  tags = { \"größe\" = \"键\" }";
        let after = "queues = [\"q2\"]\n  hosts = { \"b\" = \"10.0.0.1\" }\n  tags = { \"größe\" = \"a b\" }";
        workspace.step(&connection(before), CREATE);
        workspace.step(&connection(after), UPDATE);
        workspace.expect_import("dli_enhanced_connection.test", &[]);
        workspace.destroy();

        let requests = cloud.requests();
        let methods = |method: &str| requests.iter().filter(|request| request.method == method).count();
        assert!(["GET", "POST", "PUT", "DELETE"].map(methods).iter().all(|&count| count > 0), "{requests:#?}");
        let recomputed = python::recompute(&requests, ACCESS_KEY, SECRET_KEY);
        assert_eq!(recomputed.len(), requests.len());
        for (request, expected) in requests.iter().zip(recomputed) {
            let header = |wanted: &str| request.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
            let shown = format!("{} {}?{}", request.method, request.path, request.query);
            assert_eq!(header("authorization"), Some(&expected), "left: {shown}");
            assert_eq!(header("x-project-id").map(String::as_str), Some(PROJECT), "{shown}");
            let signed = expected.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
            let signed: Vec<_> = signed.unwrap_or_default().split(';').collect();
            assert!(
                ["host", "x-project-id", "x-sdk-date"].iter().all(|name| signed.contains(name)),
                "{shown}: {signed:?}"
            );
        }
    });
}

#[test]
fn trace_log_contains_requests_but_no_secrets() {
    const SECRETS: [&str; 2] = ["canary-secret-key", "canary-secret-token"];
    for_each_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings {
            secret_key: SECRETS[0].to_owned(),
            security_token: Some(SECRETS[1].to_owned()),
            ..Settings::default()
        });
        let workspace = Workspace::new(terraform)
            .with_provider(&format!(
                "provider \"dli\" {{\n  project_id = {PROJECT:?}\n  access_key = {ACCESS_KEY:?}\n  \
                 secret_key = {:?}\n  security_token = {:?}\n  endpoints = {{ dli = \"{}\" }}\n}}\n",
                SECRETS[0],
                SECRETS[1],
                cloud.emulator().endpoint()
            ))
            .with_variable("TF_LOG", "TRACE");
        workspace.configure(&connection("hosts = { \"a\" = \"10.0.0.1\" }"));
        for command in ["apply", "destroy"] {
            let finished = workspace.run(&[command, "-auto-approve"]).expect_code(0);
            for secret in SECRETS {
                let shown = finished.stderr.lines().chain(finished.stdout.lines()).find(|line| line.contains(secret));
                assert_eq!(shown, None, "{secret} is in the log of {command}");
            }
            // Terraform shows a log line that it cannot parse as raw JSON.
            let lines: Vec<_> =
                finished.stderr.lines().filter(|line| line.contains("provider.terraform-provider-dli")).collect();
            assert_eq!(lines.iter().find(|line| line.contains("\"@level\"")), None);
            let request = lines.iter().find(|line| line.contains("[DEBUG]") && line.contains("enhanced-connections"));
            assert!(request.is_some(), "each request is logged:\n{}", lines.join("\n"));
        }
        cloud.expect_empty();
    });
}
