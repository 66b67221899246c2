//! Texts in the provider block and the environment: their spelling, and when the provider rejects them.

use terraform_provider_dli::emulator::{ACCESS_KEY, SECRET_KEY};

use super::connection::{ADDRESS, CREATE, REPLACE, connection};
use super::harness::{Cloud, PROJECT, Workspace, errors, for_one_terraform};

/// A provider block with a key and these arguments.
fn block(cloud: &Cloud, arguments: &str) -> String {
    format!(
        "provider \"dli\" {{\n  access_key = {ACCESS_KEY:?}\n  secret_key = {SECRET_KEY:?}\n  \
         endpoints = {{ dli = \"{}\", iam = \" \" }}\n{arguments}\n}}\n",
        cloud.emulator().endpoint()
    )
}

/// The only diagnostic of a plan: whether it is an error, and its text.
#[track_caller]
fn planned(workspace: &Workspace, code: i32) -> (bool, String) {
    let finished = workspace.run(&["plan", "-json"]).expect_code(code);
    let diagnostics = finished.diagnostics();
    assert_eq!(diagnostics.len(), 1, "{diagnostics:#?}");
    (diagnostics[0].is_error, diagnostics[0].text.clone())
}

#[test]
fn region_is_trimmed_and_in_lower_case() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform)
            .with_provider(&block(&cloud, ""))
            .with_variable("HW_REGION_NAME", " EU-west-101\n")
            .with_variable("HW_PROJECT_ID", &format!("{PROJECT}\n"));
        workspace.step(&connection(""), CREATE);
        assert_eq!(workspace.state(ADDRESS)["region"], "eu-west-101");
        assert_eq!(workspace.state(ADDRESS)["project_id"], PROJECT);
        // Another spelling is no change.
        workspace.configure(&connection("region = \"EU-WEST-101\""));
        workspace.expect_no_changes();
        workspace.destroy();

        workspace.step(&connection("region = \"EU-WEST-101\""), CREATE);
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn malformed_texts_are_rejected_by_validate() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform);
        workspace.configure(&connection(""));
        for (arguments, expected) in [
            ("  region = \"cn north\"", "region: \"cn north\" contains ' '"),
            ("  project_id = \"a-b\"", "project_id: \"a-b\" contains '-'"),
            ("  cloud = \"nodomain\"", "cloud: \"nodomain\" is not a domain"),
            ("  password = \"canary\\n\"", "password: the password ends with a line break"),
        ] {
            workspace.write("provider.tf", &block(&cloud, arguments));
            let validated = workspace.run(&["validate", "-json"]).expect_code(1);
            let errors = errors(&validated);
            let [(line, text)] = &errors[..] else { panic!("{arguments}: {validated}") };
            assert!(*line > 0 && text.contains(expected) && !text.contains("canary"), "{arguments}: {text}");
        }
        for blank in ["region", "project_id", "cloud", "auth_url", "password", "cacert_file", "profile"] {
            workspace.write("provider.tf", &block(&cloud, &format!("  {blank} = \" \"")));
            workspace.run(&["validate"]).expect_code(0);
        }
        workspace.write("provider.tf", &block(&cloud, ""));
        for region in ["", " ", "cn north"] {
            workspace.configure(&connection(&format!("region = {region:?}")));
            let validated = workspace.run(&["validate", "-json"]).expect_code(1);
            assert!(errors(&validated)[0].1.starts_with("Invalid Region\nregion: "), "{validated}");
        }
    });
}

#[test]
fn malformed_variables_are_rejected_by_name() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        for (name, value) in [
            ("HW_REGION_NAME", "cn/north"),
            ("HW_PROJECT_ID", "a-b"),
            ("HW_CLOUD", "nodomain"),
            ("HW_USER_PASSWORD", "canary-secret\n"),
        ] {
            let workspace = Workspace::new(terraform).with_provider(&block(&cloud, "")).with_variable(name, value);
            workspace.configure(&connection(""));
            let (is_error, text) = planned(&workspace, 1);
            assert!(is_error && text.contains(&format!("{name} in the environment: ")), "{text}");
        }
    });
}

#[test]
fn region_must_match_the_endpoint() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform).with_provider(
            "provider \"dli\" {\n  region = \"cn-north-4\"\n  \
             endpoints = { dli = \"https://dli.eu-west-0.myhuaweicloud.com\" }\n}\n",
        );
        workspace.configure(&connection(""));
        let validated = workspace.run(&["validate", "-json"]).expect_code(1);
        let text = &errors(&validated)[0].1;
        assert!(
            text.contains("the region is \"cn-north-4\", but endpoints.dli is the address of \"eu-west-0\""),
            "{text}"
        );

        // Without the network: an endpoint is not the address of each region.
        let arguments = format!("  region = \"eu-west-101\"\n  project_id = {PROJECT:?}\n  plan_checks = false");
        let workspace = Workspace::new(terraform).with_provider(&block(&cloud, &arguments));
        workspace.configure(&connection("region = \"eu-west-0\""));
        let (is_error, text) = planned(&workspace, 1);
        assert!(is_error && text.contains("serves \"eu-west-101\""), "{text}");
        assert!(cloud.requests().is_empty());
    });
}

/// A module passes the agency as a variable.
#[test]
fn agency_without_a_name_is_no_agency() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        for agency in ["agency_name = null", "agency_name = \"\"", "", "agency_name = null\n    domain_name = \"acme\""]
        {
            let arguments = format!("  project_id = {PROJECT:?}\n  assume_role {{\n    {agency}\n  }}");
            let workspace = Workspace::new(terraform).with_provider(&block(&cloud, &arguments));
            workspace.step(&connection(""), CREATE);
            workspace.destroy();
        }
        let is_iam = |operation: &str| operation == "CreateTemporaryAccessKeyByAgency";
        assert!(cloud.requests().iter().all(|request| !request.operation.is_some_and(is_iam)));
    });
}

#[test]
fn plan_names_the_broken_configuration_file() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform).with_provider(&format!(
            "provider \"dli\" {{\n  project_id = {PROJECT:?}\n  plan_checks = false\n  \
             endpoints = {{ dli = \"{}\" }}\n}}\n",
            cloud.emulator().endpoint()
        ));
        std::fs::create_dir(workspace.path().join(".hcloud")).expect("a new directory");
        workspace.write(".hcloud/config.json", "{\"profiles\": canary-secret");
        workspace.configure(&connection(""));
        let (is_error, text) = planned(&workspace, 0);
        assert!(!is_error && text.contains("/.hcloud/config.json, is not the configuration of KooCLI"), "{text}");
    });
}

/// An apply cannot work.
#[test]
fn plan_without_credentials_warns_once() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let provider = |arguments: &str| {
            let endpoint = cloud.emulator().endpoint();
            format!(
                "provider \"dli\" {{\n  project_id = {PROJECT:?}\n{arguments}  \
                 endpoints = {{ dli = {endpoint:?}, metadata = \"http://127.0.0.1:1\" }}\n}}\n"
            )
        };
        let workspace = Workspace::new(terraform).with_provider(&provider(""));
        let three = connection("count = 3").replace("= \"test\"", "= \"test${count.index}\"");
        workspace.configure(&three);
        let (is_error, text) = planned(&workspace, 0);
        assert!(!is_error && text.starts_with("No Credentials\n"), "{text}");

        workspace.write("provider.tf", &provider("  plan_checks = false\n"));
        workspace.run(&["plan", "-json"]).expect_code(0).expect_no_diagnostics();
    });
}

#[test]
fn object_that_stays_in_its_region_is_reported() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let in_region = |region: &str| {
            block(&cloud, &format!("  region = {region:?}\n  project_id = {PROJECT:?}\n  plan_checks = false"))
        };
        let workspace = Workspace::new(terraform).with_provider(&in_region("eu-west-101"));
        workspace.step(&connection(""), CREATE);
        workspace.run(&["plan", "-json"]).expect_code(0).expect_no_diagnostics();

        // Without an endpoint, which serves one region only, and without a refresh, which needs the network.
        workspace.write(
            "provider.tf",
            &in_region("eu-west-0").lines().filter(|line| !line.contains("endpoints")).collect::<Vec<_>>().join("\n"),
        );
        let plan = ["plan", "-refresh=false", "-json", "-detailed-exitcode"];
        let diagnostics = workspace.run(&plan).expect_code(0).diagnostics();
        let [warning] = &diagnostics[..] else { panic!("{diagnostics:#?}") };
        for expected in ["Object Stays in Its Region", "\"eu-west-0\"", "set region = \"eu-west-101\" on the resource"]
        {
            assert!(!warning.is_error && warning.text.contains(expected), "{expected}: {warning:?}");
        }
        workspace.configure(&connection("region = \"eu-west-101\""));
        workspace.run(&plan).expect_code(0).expect_no_diagnostics();
        workspace.configure(&connection("region = \"eu-west-0\""));
        workspace.plan_with(&["-refresh=false"]).expect(REPLACE).expect_replaced_by(ADDRESS, &["region"]);
    });
}

#[test]
fn data_source_names_the_unknown_arguments() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let arguments = format!(
            "  project_id = terraform_data.later.output\n  region = terraform_data.later.output\n  cloud = {:?}",
            "example.com"
        );
        let workspace = Workspace::new(terraform).with_provider(&block(&cloud, &arguments));
        workspace.configure(&format!(
            "resource \"terraform_data\" \"later\" {{\n  input = {PROJECT:?}\n}}\ndata \"dli_queues\" \"all\" {{}}\n"
        ));
        let (is_error, text) = planned(&workspace, 1);
        let expected = "The provider's region and project_id come from a resource that has not been applied yet, but \
                        the service must be read now.";
        assert!(is_error && text.contains(expected) && !text.contains("exist"), "{text}");
    });
}

#[test]
fn unknown_queue_type_is_rejected() {
    for_one_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.configure("data \"dli_queues\" \"all\" {\n  type = \"foo\"\n}\n");
        let validated = workspace.run(&["validate", "-json"]).expect_code(1);
        assert!(
            errors(&validated)[0].1.contains("\"foo\" is not a valid type.\n\nAllowed: sql, general."),
            "{validated}"
        );
    });
}

#[test]
fn import_id_is_read_in_any_case_and_completely() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let route = "resource \"dli_enhanced_connection_route\" \"r\" {\n  connection_id = \
                     dli_enhanced_connection.test.id\n  name = \"r1\"\n  cidr = \"10.1.0.0/16\"\n}\n";
        workspace.configure(&(connection("") + route));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let id = cloud.connection().id;
        let importing = workspace.fresh();
        importing.configure(&(connection("") + route));
        let upper = id.to_ascii_uppercase();
        importing.run(&["import", ADDRESS, &upper]).expect_code(0);
        importing.run(&["import", "dli_enhanced_connection_route.r", &format!("{upper}/r1")]).expect_code(0);
        assert_eq!(importing.state(ADDRESS)["id"], id);
        assert_eq!(importing.state("dli_enhanced_connection_route.r")["connection_id"], id);

        // The provider finds the connection in any spelling of its ID in a configuration too.
        workspace.configure(
            &(connection("")
                + &route.replace(
                    "dli_enhanced_connection.test.id\n  name = \"r1\"\n  cidr = \"10.1.0.0/16\"",
                    "upper(dli_enhanced_connection.test.id)\n  name = \"r2\"\n  cidr = \"10.2.0.0/16\"",
                )),
        );
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(cloud.connection().routes.len(), 1);

        let refused = workspace.fresh();
        refused.configure(&(connection("") + route));
        for import in ["name:test@bad/", "name:test@", "name:test@a b", "name:test@eu-west-101/a-b"] {
            let finished = refused.run(&["import", ADDRESS, import]).expect_code(1);
            assert!(finished.stderr.contains("Invalid Import ID"), "{import}: {finished}");
        }
    });
}
