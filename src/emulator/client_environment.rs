//! The environment variables that make clients use the emulator.

use std::collections::BTreeMap;

use super::settings::Settings;

/// Credential variables that take precedence over the access key, or change its project or agency. An empty value
/// counts as not set, so the real credentials of a developer are not used.
const CLEARED: [&str; 7] = [
    "HW_ASSUME_ROLE_AGENCY_NAME",
    "HW_AUTH_TOKEN",
    "HW_PROJECT_NAME",
    "HUAWEICLOUD_SDK_IDP_ID",
    "HUAWEICLOUD_SDK_ID_TOKEN_FILE",
    "OS_AGENCY_NAME",
    "OS_AUTH_TOKEN",
];

/// The variables that the provider and Huawei's SDKs read, for the first project in IAM. Variables with `None`
/// must be removed.
pub(super) fn client_environment(settings: &Settings, endpoint: &str) -> BTreeMap<String, Option<String>> {
    let (region, project) = settings.iam_account.projects.first().cloned().unwrap_or_default();
    let region_suffix = region.replace('-', "_").to_ascii_uppercase();
    let token = settings.security_token.clone();
    let cleared = CLEARED.map(|name| (name.to_owned(), Some(String::new())));
    let set = [
        ("DLI_ENDPOINT", endpoint.to_owned()),
        ("HW_ACCESS_KEY", settings.access_key.clone()),
        ("HW_AUTH_URL", format!("{endpoint}/v3")),
        ("HW_PROJECT_ID", project.clone()),
        ("HW_REGION_NAME", region),
        ("HW_SECRET_KEY", settings.secret_key.clone()),
        ("HW_SECURITY_TOKEN", token.clone().unwrap_or_default()),
        ("HUAWEICLOUD_SDK_AK", settings.access_key.clone()),
        ("HUAWEICLOUD_SDK_IAM_ENDPOINT", endpoint.to_owned()),
        ("HUAWEICLOUD_SDK_PROJECT_ID", project),
        ("HUAWEICLOUD_SDK_SK", settings.secret_key.clone()),
    ];
    let set = set.map(|(name, value)| (name.to_owned(), Some(value)));
    let of_services = ["DLI", "DNS", "EPS", "VPC"];
    let of_services = of_services
        .map(|service| (format!("HUAWEICLOUD_SDK_REGION_{service}_{region_suffix}"), Some(endpoint.to_owned())));
    // The SDKs would send an empty token.
    let token = [("HUAWEICLOUD_SDK_SECURITY_TOKEN".to_owned(), token)];
    cleared.into_iter().chain(set).chain(of_services).chain(token).collect()
}
