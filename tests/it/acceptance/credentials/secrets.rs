//! No credential, and no token or key obtained with one, appears in a log, state, plan or error at any log level.

use std::fs;

use terraform_provider_dli::emulator::{ACCESS_KEY, IamAccount, Settings};

use super::{block, key_arguments};
use crate::acceptance::connection::{ADDRESS, EXAMPLE};
use crate::acceptance::harness::{Cloud, PROJECT, Workspace, for_one_terraform};

/// Contains a quotation mark and a backslash, which JSON escapes.
const PASSWORD: &str = "canary\"pass\\word";
const SECRET_KEY: &str = "canary-secret-key";

/// Headers that authenticate a request.
const AUTH_HEADERS: [&str; 5] =
    ["authorization", "x-auth-token", "x-security-token", "x-metadata-token", "proxy-authorization"];

/// The secret part of a header value. For a signature header this is the signature: the access key before it is public.
fn secret(value: &str) -> String {
    value.rsplit_once("Signature=").map_or(value, |(_, signature)| signature).to_owned()
}

#[test]
fn no_credentials_appear_in_output() {
    let IamAccount { user_name, domain_name, agency, .. } = IamAccount::default();
    let password = [("HW_USER_NAME", user_name.as_str()), ("HW_USER_PASSWORD", PASSWORD)];
    let account = [("HW_DOMAIN_NAME", domain_name.as_str())];
    let assume = [("HW_ASSUME_ROLE_AGENCY_NAME", agency.as_str()), ("HW_ASSUME_ROLE_DOMAIN_NAME", &domain_name)];
    let file = serde_json::json!({"current": "work", "profiles": [{
        "name": "work", "mode": "AKSK", "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY,
    }]});
    for_one_terraform(|terraform| {
        let iam_account = IamAccount { password: PASSWORD.to_owned(), ..IamAccount::default() };
        let cloud =
            Cloud::start_with(Settings { secret_key: SECRET_KEY.to_owned(), iam_account, ..Settings::default() });
        let key_variables = [("HW_ACCESS_KEY", ACCESS_KEY), ("HW_SECRET_KEY", SECRET_KEY)];
        let forms: [&[(&str, &str)]; 6] = [
            &key_variables,
            &[&key_variables[..], &assume].concat(),
            &[&password[..], &account].concat(),
            &[&password[..], &account, &assume].concat(),
            &[("HW_SHARED_CONFIG_FILE", "a-file.json")],
            // The metadata service of this machine.
            &[],
        ];
        for form in forms {
            let bare = block(&cloud, "").replace(&format!("  project_id = {PROJECT:?}\n"), "");
            let workspace = Workspace::new(terraform).with_provider(&bare).with_variable("TF_LOG", "TRACE");
            // The libraries see all headers.
            let workspace = workspace.with_variable("TF_LOG_PROVIDER_DLI_HTTP", "TRACE");
            let workspace = form.iter().fold(workspace, |space, (name, value)| space.with_variable(name, value));
            workspace.write("a-file.json", &file.to_string());
            workspace.configure(EXAMPLE);
            let run = |arguments: &[&str]| {
                let finished = workspace.run(arguments).expect_code(0);
                finished.stdout + &finished.stderr
            };
            let mut output =
                run(&["plan", "-out=a-plan"]) + &run(&["show", "-json", "a-plan"]) + &run(&["apply", "a-plan"]);
            output += &fs::read_to_string(workspace.path().join("terraform.tfstate")).expect("a written file");
            // The provider obtains new credentials, and logs a failure.
            cloud.emulator().revoke_credentials();
            cloud.fault("ShowEnhancedConnection:refuse=500,DLI.0999,Internal error*1");
            output += &run(&["destroy", "-auto-approve"]);

            let auth_headers = cloud.requests().into_iter().flat_map(|request| request.headers);
            let auth_headers =
                auth_headers.filter(|(name, _)| AUTH_HEADERS.contains(&name.as_str())).map(|(_, value)| secret(&value));
            let given = [PASSWORD, SECRET_KEY, "canary", "canary\\\"pass"].map(str::to_owned);
            let secrets: Vec<_> = auth_headers.chain(given).collect();
            assert!(secrets.len() > 10, "{form:?}: each request is authenticated");
            for body in ["request body", "response body"] {
                assert!(output.contains(body), "{form:?}: the log has each {body}");
            }
            for secret in secrets {
                let line = output.lines().find(|line| line.contains(&secret));
                assert_eq!(line, None, "{form:?}: {secret}");
            }
        }
    });
}

/// The gateway's error names an unknown access key, and here the secret was configured as the access key.
#[test]
fn secret_used_as_access_key_is_redacted() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { secret_key: SECRET_KEY.to_owned(), ..Settings::default() });
        let swapped = format!("  access_key = {SECRET_KEY:?}\n  secret_key = {ACCESS_KEY:?}");
        let workspace =
            Workspace::new(terraform).with_provider(&block(&cloud, &swapped)).with_variable("TF_LOG", "TRACE");
        workspace.configure(EXAMPLE);
        let applied = workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1);
        let error = applied.error_of(ADDRESS);
        for part in
            ["the access key [REDACTED] does not exist", "the access key cana… from the provider's configuration"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
        let is_echo = |line: &&str| line.contains("response body") && line.contains("[REDACTED] does not exist");
        assert!(applied.stderr.lines().any(|line| is_echo(&line)), "the log has the redacted body: {applied}");
        let line = applied.stderr.lines().chain(applied.stdout.lines()).find(|line| line.contains(SECRET_KEY));
        assert_eq!(line, None);
    });
}

/// The proxy address contains the proxy password.
#[test]
fn proxy_password_is_redacted() {
    for_one_terraform(|terraform| {
        let workspace = Workspace::new(terraform)
            .with_provider(&format!(
                "provider \"dli\" {{\n  region = \"nowhere-1\"\n  cloud = \"cloud.invalid\"\n  \
                project_id = {PROJECT:?}\n  \
                 plan_checks = false\n{}\n}}\n",
                key_arguments()
            ))
            .with_variable("HTTPS_PROXY", "http://me:canary@127.0.0.1:1")
            .with_variable("TF_LOG_PROVIDER_DLI_HTTP", "TRACE")
            .with_variable("TF_LOG", "TRACE");
        workspace.configure(EXAMPLE);
        let applied = workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1);
        let error = applied.error_of(ADDRESS);
        assert!(error.contains("through the proxy"), "{error}");
        // In clear text, and as in the `Proxy-Authorization` header.
        for secret in ["canary", "bWU6Y2FuYXJ5"] {
            let line = applied.stderr.lines().chain(applied.stdout.lines()).find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
    });
}
