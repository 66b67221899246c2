//! Credentials from every source: arguments, environment, shared configuration file and metadata service.
//!
//! The emulator sees a different caller for each source, and its request log shows which one was used.

mod missing;
mod order;
mod proxy;
mod secrets;
mod sources;

use terraform_provider_dli::emulator::{ACCESS_KEY, IamAccount, SECRET_KEY};
use terraform_provider_dli::provider::{CreationJournal, DliProvider};

use super::harness::{Cloud, PROJECT};

/// The caller that the emulator reports for each source.
const BY_KEY: &str = "access key emulator of user terraform";
const BY_PASSWORD: &str = "token of user terraform";
const BY_TEMPORARY_KEY: &str = "temporary key emulator of user terraform";
const BY_AGENCY: &str = "temporary key of agency dli-agency";
const BY_MACHINE: &str = "temporary key of agency ecs-agency";

/// A provider block for this emulator, without credentials.
fn block(cloud: &Cloud, arguments: &str) -> String {
    let endpoint = cloud.emulator().endpoint();
    format!(
        "provider \"dli\" {{\n  region = \"emulated\"\n  project_id = {PROJECT:?}\n  \
        endpoints = {{ dli = {endpoint:?}, \
         iam = {endpoint:?}, metadata = {endpoint:?} }}\n{arguments}\n}}\n"
    )
}

/// An access key as arguments.
fn key_arguments() -> String {
    format!("  access_key = {ACCESS_KEY:?}\n  secret_key = {SECRET_KEY:?}")
}

/// A user name and password as environment variables.
fn user_credentials() -> Vec<(&'static str, String)> {
    let IamAccount { user_name, password, domain_name, .. } = IamAccount::default();
    vec![("HW_USER_NAME", user_name), ("HW_USER_PASSWORD", password), ("HW_DOMAIN_NAME", domain_name)]
}

/// A KooCLI configuration file with a profile that assumes an agency.
fn koocli(region: &str, project: &str) -> String {
    let profile = serde_json::json!({
        "name": "work", "mode": "AKSK", "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY,
        "region": region, "projectId": project,
        "agencyName": IamAccount::default().agency, "agencyDomainName": IamAccount::default().domain_name,
    });
    serde_json::json!({"current": "work", "profiles": [profile]}).to_string()
}

/// The callers that created connections, in request order, each once.
fn creators(cloud: &Cloud) -> Vec<String> {
    let creations = cloud.requests().into_iter().filter(|one| one.operation == Some("CreateEnhancedConnection"));
    let callers = creations.map(|request| {
        let caller = request.caller.expect("an accepted caller").to_string();
        // A temporary key has a different name each time.
        caller.split(' ').filter(|word| !word.starts_with("HST")).collect::<Vec<_>>().join(" ")
    });
    let mut callers: Vec<_> = callers.collect();
    callers.dedup();
    callers
}

/// Every argument that an error message names exists in the schema.
#[test]
fn named_arguments_exist_in_the_schema() {
    use terraform_provider_dli::framework::provider::Provider;
    let schema = DliProvider::new(Box::new(|_| None), CreationJournal::default()).schema();
    let names: Vec<_> = schema.body.attributes.iter().map(|attribute| attribute.name).collect();
    for name in missing::ARGUMENTS {
        assert!(names.contains(&name), "{name}");
    }
}
