//! What goes before what: the provider block before the environment, the environment before files, files before the
//! machine. All four are there; they are taken away one after the other.

use terraform_provider_dli::emulator::People;

use super::{BY_AGENCY, BY_KEY, BY_MACHINE, BY_PASSWORD, block, creators, key, koocli, login};
use crate::acceptance::connection::EXAMPLE;
use crate::acceptance::harness::{Cloud, PROJECT, Workspace, for_one_terraform};

#[test]
fn what_is_nearer_to_the_configuration_goes_first() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let create = |arguments: &str, has_login: bool, has_file: bool| {
            let mut workspace = Workspace::new(terraform).with_provider(&block(&cloud, arguments));
            if has_login {
                for (name, value) in login() {
                    workspace = workspace.with_variable(name, &value);
                }
            }
            if has_file {
                std::fs::create_dir(workspace.path().join(".hcloud")).expect("the directory is ours");
                workspace.write(".hcloud/config.json", &koocli("emulated", PROJECT));
            }
            cloud.emulator().reset().expect("it is kept in memory only");
            workspace.configure(EXAMPLE);
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            workspace.destroy();
            creators(&cloud)
        };
        assert_eq!(create(&key(), true, true), [BY_KEY]);
        assert_eq!(create("", true, true), [BY_PASSWORD]);
        assert_eq!(create("  profile = \"work\"", true, true), [BY_AGENCY]);
        assert_eq!(create("", false, true), [BY_AGENCY]);
        assert_eq!(create("", false, false), [BY_MACHINE]);
    });
}

/// Neither a token of the environment, nor what belongs to its key, nor its agency is that of a key in the configuration.
#[test]
fn nothing_of_the_environment_is_mixed_into_a_key_that_is_written_down() {
    let People { agency, domain_name, .. } = People::default();
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform)
            .with_provider(&block(&cloud, &key()))
            .with_variable("HW_AUTH_TOKEN", "canary-secret-token")
            .with_variable("HW_SECURITY_TOKEN", "canary-secret-of-another")
            .with_variable("HW_ASSUME_ROLE_AGENCY_NAME", &agency)
            .with_variable("HW_ASSUME_ROLE_DOMAIN_NAME", &domain_name);
        workspace.configure(EXAMPLE);
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(creators(&cloud), [BY_KEY]);
        workspace.destroy();
    });
}
