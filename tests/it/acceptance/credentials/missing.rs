//! No credentials: planning works without warnings; an apply fails and lists the sources that were tried.

use super::{block, koocli};
use crate::acceptance::connection::{ADDRESS, EXAMPLE};
use crate::acceptance::harness::{Cloud, PROJECT, Workspace, for_one_terraform};
use terraform_provider_dli::emulator::{Metadata, Settings};

/// The provider arguments that the message names.
pub(super) const ARGUMENTS: [&str; 10] = [
    "token",
    "access_key",
    "secret_key",
    "user_name",
    "user_id",
    "password",
    "domain_name",
    "domain_id",
    "profile",
    "shared_config_file",
];

const VARIABLES: [&str; 10] = [
    "HW_AUTH_TOKEN",
    "HW_ACCESS_KEY",
    "HW_SECRET_KEY",
    "HW_USER_NAME",
    "HW_USER_ID",
    "HW_USER_PASSWORD",
    "HW_DOMAIN_NAME",
    "HW_DOMAIN_ID",
    "HW_PROFILE",
    "HW_SHARED_CONFIG_FILE",
];

#[test]
fn missing_credentials_error_lists_all_sources() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { metadata: Metadata::Absent, ..Settings::default() });
        let workspace = Workspace::new(terraform).with_provider(&block(&cloud, ""));
        workspace.configure(EXAMPLE);
        let warnings = workspace.run(&["plan", "-json"]).expect_code(0).diagnostics();
        assert!(warnings.len() == 1 && warnings[0].text.starts_with("No Credentials\n"), "{warnings:#?}");

        let applied = workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1);
        let error = applied.error_of(ADDRESS);
        for name in ARGUMENTS.iter().chain(&VARIABLES) {
            assert!(error.contains(name), "missing {name}:\n{error}");
        }
        let file = workspace.path().join(".hcloud/config.json");
        let endpoint = cloud.emulator().endpoint();
        let places =
            [format!("{} does not exist", file.display()), format!("(ECS, {endpoint}): "), "HTTP 404".to_owned()];
        for place in places {
            assert!(error.contains(&place), "missing {place}:\n{error}");
        }
        assert!(!error.contains("may have taken effect"), "{error}");
    });
}

#[test]
fn configured_shared_file_must_exist() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let named = Workspace::new(terraform).with_provider(&block(&cloud, "  shared_config_file = \"nowhere.json\""));
        named.configure(EXAMPLE);
        let planned = named.run(&["plan"]).expect_code(1);
        assert!(planned.stderr.contains("nowhere.json") && planned.stderr.contains("does not exist"), "{planned}");

        // Without its agency domain, such a profile would use its own key in another account, so a configured profile
        // is an error.
        let half = koocli("emulated", PROJECT).replace("agencyDomainName", "xDomainName");
        let assume = |domain: &str| format!("  assume_role {{\n    agency_name = \"dli-agency\"\n{domain}\n  }}");
        for (arguments, code) in [(String::new(), 1), (assume("    domain_name = \"emulator\""), 0)] {
            let arguments = format!("  shared_config_file = \"half.json\"\n{arguments}");
            let workspace = Workspace::new(terraform).with_provider(&block(&cloud, &arguments));
            workspace.write("half.json", &half);
            workspace.configure(EXAMPLE);
            let diagnostics = workspace.run(&["plan", "-json"]).expect_code(code).diagnostics();
            let half = "The key from the profile \"work\" in half.json is to act as the agency \"dli-agency\", but \
            the account";
            assert_eq!(
                diagnostics.iter().any(|diagnostic| diagnostic.text.contains(half)),
                code == 1,
                "{diagnostics:#?}"
            );
        }

        let garbled = Workspace::new(terraform).with_provider(&block(&cloud, ""));
        std::fs::create_dir(garbled.path().join(".hcloud")).expect("a writable directory");
        garbled.write(".hcloud/config.json", "{\"current\": \"canary-secret");
        garbled.configure(EXAMPLE);
        garbled.run(&["plan"]).expect_code(0);
        cloud.emulator().set_metadata(Metadata::NoAgency);
        let applied = garbled.run(&["apply", "-auto-approve", "-json"]).expect_code(1);
        let error = applied.error_of(ADDRESS);
        assert!(error.contains("is not the configuration of KooCLI") && error.contains("Agency first"), "{error}");
        assert!(!error.contains("canary-secret"), "{error}");
    });
}
