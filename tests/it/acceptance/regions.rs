//! Regions that do not publish every operation.

use serde_json::{Value, json};
use terraform_provider_dli::emulator::{LoggedRequest, Quirk, Settings};

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, PROJECT, Workspace, for_one_terraform};

/// Terraform does not affect which operations are used, so one version is enough.
fn cloud_with_quirk(quirk: Quirk) -> Cloud {
    Cloud::start_with(Settings { quirks: [quirk].into(), ..Settings::default() })
}

/// The routes at the service.
fn routes(cloud: &Cloud) -> Vec<(String, String)> {
    let mut routes: Vec<_> = cloud.connection().routes.into_iter().map(|route| (route.name, route.cidr)).collect();
    routes.sort();
    routes
}

#[track_caller]
fn apply_without_diagnostics(workspace: &Workspace, configuration: &str) {
    workspace.configure(configuration);
    workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0).expect_no_diagnostics();
    workspace.expect_no_changes();
}

#[test]
fn routes_fall_back_to_the_older_operations() {
    let with = |a: &str, b: &str| {
        let own = connection(&format!("routes = {{ {a}, {b} }}"));
        own.replace(", }", " }")
    };
    for_one_terraform(|terraform| {
        let cloud = cloud_with_quirk(Quirk::NoV3Routes);
        let workspace = cloud.workspace(terraform);
        apply_without_diagnostics(&workspace, &with("a = \"10.1.0.0/16\"", "b = \"10.2.0.0/16\""));
        apply_without_diagnostics(&workspace, &with("a = \"10.3.0.0/16\"", ""));
        assert_eq!(routes(&cloud), [("a".to_owned(), "10.3.0.0/16".to_owned())]);
        let on_routes = |request: &LoggedRequest| request.method != "GET" && request.path.contains("/routes");
        let (newer, older): (Vec<_>, Vec<_>) =
            cloud.requests().into_iter().filter(on_routes).partition(|request| request.path.starts_with("/v3/"));
        assert_eq!(newer.len(), 2, "one request in each of two applies");
        assert!(newer.iter().all(|request| request.code.as_deref() == Some("APIGW.0101")));
        assert_eq!(older.len(), 5, "three added, two removed");
        assert!(older.iter().all(|request| request.status == 200));
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn missing_tag_api_is_named_in_the_error() {
    let with = |value: &str| connection(&format!("tags = {{ team = {value:?} }}"));
    for_one_terraform(|terraform| {
        let cloud = cloud_with_quirk(Quirk::NoTagApi);
        let workspace = cloud.workspace(terraform);
        // The create request carries the tags.
        workspace.step(&with("a"), CREATE);
        assert_eq!(json!(cloud.tags()), json!({ "team": "a" }));
        let planned = workspace.run(&["plan", "-json", "-detailed-exitcode"]).expect_code(0);
        let diagnostics = planned.diagnostics();
        assert!(diagnostics.len() == 1 && !diagnostics[0].is_error, "{diagnostics:#?}");
        assert!(diagnostics[0].text.contains("The tag API is not published in this region"), "{diagnostics:#?}");

        workspace.configure(&with("b"));
        let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1);
        let error = applied.error_of(ADDRESS);
        for expected in ["Tags Cannot Be Changed in This Region", "not published in this region", "APIGW.0101"] {
            assert!(error.contains(expected), "missing {expected:?}: {error}");
        }
        assert_eq!(workspace.state(ADDRESS)["tags"], json!({ "team": "a" }), "the state matches the service");

        // A connection without tags is not affected.
        let bare = workspace.fresh();
        let hosts = connection("hosts = { a = \"10.0.0.1\" }").replace("= \"test\"", "= \"bare\"");
        apply_without_diagnostics(&bare, &hosts);
        let more = hosts.replace("10.0.0.1", "10.0.0.2");
        bare.step(&more, UPDATE);
        bare.run(&["plan", "-json"]).expect_code(0).expect_no_diagnostics();
    });
}

/// The provider's project belongs to the provider's region. For another region, the provider looks up the project by
/// region name when it needs it. This test sends no requests: no server here serves two regions.
#[test]
fn provider_project_stays_in_its_region() {
    let planned = |attributes: &str, region: &str| {
        let mut planned = Value::Null;
        for_one_terraform(|terraform| {
            let block = format!(
                "provider \"dli\" {{\n  {region}\n  project_id = {PROJECT:?}\n  plan_checks = false\n  \
                access_key = \"AK\"\n  \
                 secret_key = \"canary-secret\"\n}}\n"
            );
            let workspace = Workspace::new(terraform).with_provider(&block);
            workspace.configure(&connection(attributes));
            planned = workspace.plan().0["resource_changes"][0]["change"].clone();
        });
        let text = |name: &str| planned["after"][name].as_str().map(str::to_owned);
        (text("region"), text("project_id"))
    };
    let own = "region = \"cn-north-4\"";
    let expected = |region: &str, project: Option<&str>| (Some(region.to_owned()), project.map(str::to_owned));
    assert_eq!(planned("", own), expected("cn-north-4", Some(PROJECT)));
    assert_eq!(planned(own, own), expected("cn-north-4", Some(PROJECT)));
    assert_eq!(planned("region = \"cn-east-3\"", own), expected("cn-east-3", None));
    let other = "ffffffffffffffffffffffffffffffff";
    let both = format!("region = \"cn-east-3\"\n  project_id = {other:?}");
    assert_eq!(planned(&both, own), expected("cn-east-3", Some(other)));
    assert_eq!(planned(own, ""), expected("cn-north-4", Some(PROJECT)));
}
