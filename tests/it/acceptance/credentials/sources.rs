//! Each source alone: a connection is created and destroyed with one source of credentials.

use terraform_provider_dli::emulator::{ACCESS_KEY, IamAccount, Metadata, SECRET_KEY, Settings};

use super::{
    BY_AGENCY, BY_KEY, BY_MACHINE, BY_PASSWORD, BY_TEMPORARY_KEY, block, creators, key_arguments, koocli,
    user_credentials,
};
use crate::acceptance::connection::{CREATE, EXAMPLE};
use crate::acceptance::harness::{Cloud, PROJECT, Workspace, for_one_terraform};

/// One source: arguments, variables, files in the home directory, and the caller that the emulator must see.
struct Source {
    arguments: String,
    variables: Vec<(&'static str, String)>,
    file: Option<(&'static str, String)>,
    caller: &'static str,
}

fn source(arguments: impl Into<String>, caller: &'static str) -> Source {
    Source { arguments: arguments.into(), variables: Vec::new(), file: None, caller }
}

impl Source {
    fn with(mut self, variables: &[(&'static str, &str)]) -> Self {
        self.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    fn with_file(mut self, file: &'static str, text: String) -> Self {
        self.file = Some((file, text));
        self
    }
}

#[test]
fn permanent_credential_sources() {
    let IamAccount { user_name, user_id, password, domain_name, domain_id, agency, .. } = IamAccount::default();
    let file = || koocli("emulated", PROJECT);
    let hw_key = [("HW_ACCESS_KEY", ACCESS_KEY), ("HW_SECRET_KEY", SECRET_KEY)];
    let assume = format!("  assume_role {{\n    agency_name = {agency:?}\n    domain_name = {domain_name:?}\n  }}");
    let sources = [
        source(key_arguments(), BY_KEY),
        source("", BY_KEY).with(&hw_key),
        source("", BY_KEY).with(&[("OS_ACCESS_KEY", ACCESS_KEY), ("OS_SECRET_KEY", SECRET_KEY)]),
        source(format!("  access_key = {ACCESS_KEY:?}"), BY_KEY).with(&[("HW_SECRET_KEY", SECRET_KEY)]),
        source(
            format!("  user_name = {user_name:?}\n  password = {password:?}\n  domain_name = {domain_name:?}"),
            BY_PASSWORD,
        ),
        source(format!("  user_id = {user_id:?}\n  password = {password:?}"), BY_PASSWORD),
        source("", BY_PASSWORD).with(&[
            ("OS_USERNAME", &user_name),
            ("OS_PASSWORD", &password),
            ("OS_USER_DOMAIN_ID", &domain_id),
        ]),
        // The configured account overrides the account from the environment.
        source(format!("  domain_name = {domain_name:?}"), BY_PASSWORD).with(&[
            ("HW_USER_NAME", &user_name),
            ("HW_USER_PASSWORD", &password),
            ("HW_DOMAIN_ID", "another"),
        ]),
        source(assume.clone() + "\n" + &key_arguments(), BY_AGENCY),
        source(&assume, BY_AGENCY).with(&hw_key),
        source(assume, BY_AGENCY).with(&[
            ("HW_USER_NAME", &user_name),
            ("HW_USER_PASSWORD", &password),
            ("HW_DOMAIN_NAME", &domain_name),
        ]),
        source("", BY_AGENCY).with(&hw_key).with(&[
            ("HW_ASSUME_ROLE_AGENCY_NAME", &agency),
            ("HW_ASSUME_ROLE_DOMAIN_NAME", &domain_name),
            ("HW_ASSUME_ROLE_DURATION", "3600"),
        ]),
        source("  shared_config_file = \"a-file.json\"", BY_AGENCY).with_file("a-file.json", file()),
        source("", BY_AGENCY)
            .with(&[("HW_SHARED_CONFIG_FILE", "~/a-file.json"), ("HW_PROFILE", "work")])
            .with_file("a-file.json", file()),
        source("", BY_AGENCY).with_file(".hcloud/config.json", file()),
        source("", BY_MACHINE),
    ];
    check_sources(&Settings::default(), sources);
}

/// A temporary key has three parts. Its token can come from the environment or from the configuration.
#[test]
fn temporary_credential_sources() {
    const TOKEN: &str = "canary-secret-of-the-moment";
    let sso = serde_json::json!({"current": "sso", "profiles": [{
        "name": "sso", "mode": "SSO", "accessKeyId": "", "secretAccessKey": "", "agencyName": "",
        "ssoAuth": {"stsToken": {"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY, "securityToken": TOKEN}},
    }]});
    let temporary = |arguments: String| source(arguments, BY_TEMPORARY_KEY);
    let variables = [("HW_ACCESS_KEY", ACCESS_KEY), ("HW_SECRET_KEY", SECRET_KEY), ("HW_SECURITY_TOKEN", TOKEN)];
    let sources = [
        temporary(String::new()).with(&variables),
        temporary(format!("  access_key = {ACCESS_KEY:?}")).with(&variables[1..]),
        temporary(format!("  secret_key = {SECRET_KEY:?}")).with(&[variables[0], variables[2]]),
        temporary(format!("  security_token = {TOKEN:?}")).with(&variables[..2]),
        temporary(format!("{}\n  security_token = {TOKEN:?}", key_arguments())),
        temporary("  shared_config_file = \"a-file.json\"".to_owned()).with_file("a-file.json", sso.to_string()),
        temporary(String::new()).with(&[("HW_PROFILE", "sso")]).with_file(".hcloud/config.json", sso.to_string()),
        temporary(String::new()).with_file(".hcloud/config.json", sso.to_string()),
    ];
    check_sources(&Settings { security_token: Some(TOKEN.to_owned()), ..Settings::default() }, sources);
}

/// Creates and destroys a connection with each source.
fn check_sources(settings: &Settings, sources: impl IntoIterator<Item = Source>) {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(settings.clone());
        for source in sources {
            let mut workspace = Workspace::new(terraform).with_provider(&block(&cloud, &source.arguments));
            for (name, value) in &source.variables {
                workspace = workspace.with_variable(name, value);
            }
            if let Some((file, text)) = &source.file {
                let path = workspace.path().join(file);
                std::fs::create_dir_all(path.parent().expect("a joined path")).expect("a writable directory");
                workspace.write(file, text);
            }
            cloud.emulator().reset().expect("an in-memory store");
            workspace.configure(EXAMPLE);
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            assert_eq!(creators(&cloud), [source.caller], "{} {:?}", source.arguments, source.variables);
            workspace.destroy();
            cloud.expect_empty();
        }
    });
}

/// A token for the project, and version 1 of the metadata service.
#[test]
fn token_and_imds_v1() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start_with(Settings { metadata: Metadata::V1, ..Settings::default() });
        let token = cloud.token();
        let sources = [
            Workspace::new(terraform).with_provider(&block(&cloud, &format!("  token = {token:?}"))),
            Workspace::new(terraform).with_provider(&block(&cloud, "")).with_variable("HW_AUTH_TOKEN", &token),
            Workspace::new(terraform).with_provider(&block(&cloud, "")),
        ];
        for (workspace, seen) in sources.iter().zip([&[BY_PASSWORD][..], &[BY_PASSWORD], &[BY_PASSWORD, BY_MACHINE]]) {
            workspace.step(EXAMPLE, CREATE);
            assert_eq!(creators(&cloud), seen);
            workspace.destroy();
            cloud.expect_empty();
        }
    });
}

/// Region and project are optional: the file contains both, and IAM returns the project of a region.
#[test]
fn project_id_is_found_from_the_region() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let bare = |region: &str| {
            block(&cloud, "")
                .replace(&format!("  project_id = {PROJECT:?}\n"), "")
                .replace("  region = \"emulated\"\n", region)
        };
        let by_region = Workspace::new(terraform).with_provider(&bare("  region = \"emulated\"\n"));
        let by_region =
            user_credentials().into_iter().fold(by_region, |space, (name, value)| space.with_variable(name, &value));
        by_region.step(EXAMPLE, CREATE);
        assert_eq!(by_region.state("dli_enhanced_connection.test")["project_id"], PROJECT);
        by_region.destroy();

        let other = "ffffffffffffffffffffffffffffffff";
        let by_file = Workspace::new(terraform).with_provider(&bare(""));
        by_file.write("a-file.json", &koocli("emulated", other));
        let by_file = by_file.with_variable("HW_SHARED_CONFIG_FILE", "a-file.json");
        by_file.step(EXAMPLE, CREATE);
        let state = by_file.state("dli_enhanced_connection.test");
        assert_eq!((state["region"].as_str(), state["project_id"].as_str()), (Some("emulated"), Some(other)));
        by_file.destroy();

        // The project in the file belongs to its region. For another region the provider asks IAM.
        by_file.write("a-file.json", &koocli("another-1", other));
        by_file.write("provider.tf", &bare("  region = \"emulated\"\n"));
        by_file.step(EXAMPLE, CREATE);
        assert_eq!(by_file.state("dli_enhanced_connection.test")["project_id"], PROJECT);
        by_file.destroy();
        cloud.expect_empty();
    });
}
