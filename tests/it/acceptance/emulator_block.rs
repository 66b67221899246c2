//! The provider block that the emulator prints.

use terraform_provider_dli::emulator::Settings;

use super::harness::{Cloud, Workspace, for_one_terraform};

/// `terraform fmt` changes nothing, and the values arrive as they were given.
#[test]
fn printed_provider_block_is_formatted() {
    for_one_terraform(|terraform| {
        for (secret_key, security_token) in [("emulator-secret", None), ("a\"${b}\\%{c}", Some("token"))] {
            let cloud = Cloud::start_with(Settings {
                secret_key: secret_key.to_owned(),
                security_token: security_token.map(str::to_owned),
                ..Settings::default()
            });
            let block = cloud.emulator().provider_block();
            let workspace = Workspace::new(terraform);
            workspace.write("provider.tf", &block);
            let formatted = workspace.run(&["fmt", "-check", "-diff", "provider.tf"]);
            assert_eq!(formatted.stdout, "", "{formatted}");
            formatted.expect_code(0);
            let read = cloud.workspace(terraform).with_provider(&block);
            read.configure("data \"dli_queues\" \"all\" {}\n");
            read.run(&["plan"]).expect_code(0);
        }
    });
}
