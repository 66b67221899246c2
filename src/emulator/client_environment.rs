//! The environment variables that make clients use the emulator.

use std::collections::BTreeMap;

use http::Uri;

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

/// The variables that the provider and Huawei's SDKs read, for the first project in IAM. Variables with `None` must be
/// removed. `no_proxy` is the list of hosts that clients reach without a proxy so far.
pub(super) fn client_environment(
    settings: &Settings,
    endpoint: &str,
    no_proxy: Option<String>,
) -> BTreeMap<String, Option<String>> {
    let (region, project) = settings.iam_account.projects.first().cloned().unwrap_or_default();
    let region_suffix = region.replace('-', "_").to_ascii_uppercase();
    let token = settings.security_token.clone();
    let cleared = CLEARED.map(|name| (name.to_owned(), Some(String::new())));
    let no_proxy = with_local_hosts(no_proxy.unwrap_or_default(), endpoint);
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
        // Clients read one or the other.
        ("NO_PROXY", no_proxy.clone()),
        ("no_proxy", no_proxy),
    ];
    let set = set.map(|(name, value)| (name.to_owned(), Some(value)));
    let of_services = ["DLI", "DNS", "EPS", "VPC"];
    let of_services = of_services
        .map(|service| (format!("HUAWEICLOUD_SDK_REGION_{service}_{region_suffix}"), Some(endpoint.to_owned())));
    // The SDKs would send an empty token.
    let token = [("HUAWEICLOUD_SDK_SECURITY_TOKEN".to_owned(), token)];
    cleared.into_iter().chain(set).chain(of_services).chain(token).collect()
}

/// The list of hosts without a proxy, and the emulator and this machine in addition.
fn with_local_hosts(no_proxy: String, endpoint: &str) -> String {
    // Some clients understand the asterisk, which means all hosts, only if it is alone.
    if no_proxy.trim() == "*" {
        return no_proxy;
    }
    let uri = endpoint.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).map(|host| host.trim_matches(['[', ']']));
    let mut hosts: Vec<_> = no_proxy.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    for host in host.into_iter().chain(["localhost", "127.0.0.1", "::1"]) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts.join(",")
}

#[cfg(test)]
mod tests {
    use super::with_local_hosts;

    #[test]
    fn emulator_is_reached_without_a_proxy() {
        for (given, endpoint, all) in [
            ("", "http://127.0.0.1:7080", "127.0.0.1,localhost,::1"),
            ("example.com, localhost", "http://10.0.0.5:7080", "example.com,localhost,10.0.0.5,127.0.0.1,::1"),
            ("", "http://[::1]:7080", "::1,localhost,127.0.0.1"),
            ("*", "http://127.0.0.1:7080", "*"),
        ] {
            assert_eq!(with_local_hosts(given.to_owned(), endpoint), all);
        }
    }
}
