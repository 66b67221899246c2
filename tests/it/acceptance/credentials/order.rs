//! Precedence of sources: provider block, environment, files, metadata service. All four are present and are removed
//! one by one.

use terraform_provider_dli::emulator::IamAccount;

use super::{BY_AGENCY, BY_KEY, BY_MACHINE, BY_PASSWORD, block, creators, key_arguments, koocli, user_credentials};
use crate::acceptance::connection::EXAMPLE;
use crate::acceptance::harness::{Cloud, PROJECT, Workspace, for_one_terraform};

#[test]
fn credential_sources_are_tried_in_order() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let create = |arguments: &str, has_login: bool, has_file: bool| {
            let mut workspace = Workspace::new(terraform).with_provider(&block(&cloud, arguments));
            if has_login {
                for (name, value) in user_credentials() {
                    workspace = workspace.with_variable(name, &value);
                }
            }
            if has_file {
                std::fs::create_dir(workspace.path().join(".hcloud")).expect("a writable directory");
                workspace.write(".hcloud/config.json", &koocli("emulated", PROJECT));
            }
            cloud.emulator().reset().expect("an in-memory store");
            workspace.configure(EXAMPLE);
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            workspace.destroy();
            creators(&cloud)
        };
        assert_eq!(create(&key_arguments(), true, true), [BY_KEY]);
        assert_eq!(create("", true, true), [BY_PASSWORD]);
        assert_eq!(create("  profile = \"work\"", true, true), [BY_AGENCY]);
        assert_eq!(create("", false, true), [BY_AGENCY]);
        assert_eq!(create("", false, false), [BY_MACHINE]);
    });
}

/// A key in the configuration is not combined with a token from the environment. An agency from the environment is
/// assumed with the key, as the `huaweicloud` provider does; a configured profile may name its own agency.
#[test]
fn configured_key_ignores_other_env_credentials() {
    let IamAccount { agency, domain_name, .. } = IamAccount::default();
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let create = |arguments: &str, agency: Option<&str>| {
            let mut workspace = Workspace::new(terraform)
                .with_provider(&block(&cloud, arguments))
                .with_variable("HW_AUTH_TOKEN", "canary-secret-token")
                .with_variable("HW_SECURITY_TOKEN", "canary-secret-of-another");
            if let Some(agency) = agency {
                workspace = workspace
                    .with_variable("HW_ASSUME_ROLE_AGENCY_NAME", agency)
                    .with_variable("HW_ASSUME_ROLE_DOMAIN_NAME", &domain_name);
            }
            workspace.write("a-file.json", &koocli("emulated", PROJECT));
            cloud.emulator().reset().expect("an in-memory store");
            workspace.configure(EXAMPLE);
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            workspace.destroy();
            creators(&cloud)
        };
        let assume = format!("  assume_role {{\n    agency_name = {agency:?}\n    domain_name = {domain_name:?}\n  }}");
        assert_eq!(create(&key_arguments(), None), [BY_KEY]);
        assert_eq!(create(&key_arguments(), Some(&agency)), [BY_AGENCY]);
        assert_eq!(create(&format!("{}\n{assume}", key_arguments()), Some("nobody")), [BY_AGENCY]);
        assert_eq!(create("  shared_config_file = \"a-file.json\"", Some("nobody")), [BY_AGENCY]);
    });
}

/// Warns if the `huaweicloud` provider would use an identity from the environment that this provider ignores.
#[test]
fn ignored_identity_is_a_warning() {
    let oidc = [("HW_ASSUME_ROLE_IDP_ID", "an-idp"), ("HW_ASSUME_ROLE_ID_TOKEN", "canary-secret-token")];
    let agency = [("OS_AGENCY_NAME", "an-agency"), ("OS_AGENCY_DOMAIN_NAME", "somebody")];
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let warnings = |arguments: &str, variables: &[(&str, &str)]| {
            let workspace = Workspace::new(terraform).with_provider(&block(&cloud, arguments));
            let workspace = variables.iter().fold(workspace, |space, (name, value)| space.with_variable(name, value));
            workspace.configure(EXAMPLE);
            let warnings = workspace.run(&["plan", "-json"]).expect_code(0).diagnostics();
            assert!(warnings.iter().all(|diagnostic| !diagnostic.is_error), "{warnings:#?}");
            warnings.into_iter().map(|diagnostic| diagnostic.text).collect::<Vec<_>>().join("\n")
        };
        let text = warnings(&key_arguments(), &oidc);
        for part in [
            "Identity in the Environment Not Used",
            "HW_ASSUME_ROLE_IDP_ID, HW_ASSUME_ROLE_ID_TOKEN in the environment",
            "it uses the credentials of the provider's configuration",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            warnings(&key_arguments(), &agency).contains("OS_AGENCY_NAME, OS_AGENCY_DOMAIN_NAME in the environment")
        );
        // The `huaweicloud` provider would use the same identity, so there is no warning.
        assert_eq!(warnings(&key_arguments(), &oidc[1..]), "");
        assert_eq!(warnings(&key_arguments(), &agency[..1]), "");
        let token = format!("  token = {:?}", cloud.token());
        assert_eq!(warnings(&token, &oidc), "");
    });
}
