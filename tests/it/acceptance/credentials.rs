//! Credentials from every source, as people have them: arguments, environment, file, machine. What was used is read from
//! what the emulator received; each source here is somebody else to it.

mod missing;
mod order;
mod proxy;
mod secrets;
mod sources;

use terraform_provider_dli::emulator::{ACCESS_KEY, People, SECRET_KEY};
use terraform_provider_dli::provider::DliProvider;

use super::harness::{Cloud, PROJECT};

/// Whom the emulator takes each source for.
const BY_KEY: &str = "access key emulator of user terraform";
const BY_PASSWORD: &str = "token of user terraform";
const BY_TEMPORARY_KEY: &str = "temporary key emulator of user terraform";
const BY_AGENCY: &str = "temporary key of agency dli-agency";
const BY_MACHINE: &str = "temporary key of agency ecs-agency";

/// A provider block for this cloud without any credentials.
fn block(cloud: &Cloud, arguments: &str) -> String {
    let endpoint = cloud.emulator().endpoint();
    format!(
        "provider \"dli\" {{\n  region = \"emulated\"\n  project_id = {PROJECT:?}\n  endpoints = {{ dli = {endpoint:?}, \
         iam = {endpoint:?}, metadata = {endpoint:?} }}\n{arguments}\n}}\n"
    )
}

/// A key as arguments.
fn key() -> String {
    format!("  access_key = {ACCESS_KEY:?}\n  secret_key = {SECRET_KEY:?}")
}

/// A user as variables.
fn login() -> Vec<(&'static str, String)> {
    let People { user_name, password, domain_name, .. } = People::default();
    vec![("HW_USER_NAME", user_name), ("HW_USER_PASSWORD", password), ("HW_DOMAIN_NAME", domain_name)]
}

/// A file of Huawei Cloud's command line, whose profile assumes an agency.
fn koocli(region: &str, project: &str) -> String {
    let profile = serde_json::json!({
        "name": "work", "mode": "AKSK", "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY,
        "region": region, "projectId": project,
        "agencyName": People::default().agency, "agencyDomainName": People::default().domain_name,
    });
    serde_json::json!({"current": "work", "profiles": [profile]}).to_string()
}

/// Who has created connections, in the order of the requests, each once.
fn creators(cloud: &Cloud) -> Vec<String> {
    let creations = cloud.requests().into_iter().filter(|one| one.operation == Some("CreateEnhancedConnection"));
    let callers = creations.map(|request| {
        let caller = request.caller.expect("it was believed").to_string();
        // The name of a temporary key is another one each time.
        caller.split(' ').filter(|word| !word.starts_with("HST")).collect::<Vec<_>>().join(" ")
    });
    let mut callers: Vec<_> = callers.collect();
    callers.dedup();
    callers
}

/// The schema knows every argument that a message names.
#[test]
fn named_arguments_exist_in_the_schema() {
    use terraform_provider_dli::framework::provider::Provider;
    let schema = DliProvider::new(Box::new(|_| None)).schema();
    let names: Vec<_> = schema.body.attributes.iter().map(|attribute| attribute.name).collect();
    for name in missing::ARGUMENTS {
        assert!(names.contains(&name), "{name}");
    }
}
