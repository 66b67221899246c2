//! The guide on acceptance tests of other projects: its scripts run unchanged, with the emulator on a free port.
//!
//! The Go example is not run, because the tests do not require Go.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use terraform_provider_dli::install::VERSION_REQUIREMENT;

use super::harness::{Finished, Running, Workspace, for_one_terraform};
use super::packaging::install;
use super::terraform::{Terraform, isolated};
use crate::python;

const EMULATOR: &str = env!("CARGO_BIN_EXE_dli-emulator");

/// A proxy that does not exist.
const NO_SERVER: &str = "http://127.0.0.1:9";

/// A program with Huawei's SDK that prints the number of connections.
const SDK_PROGRAM: &str = "from huaweicloudsdkdli.v1 import DliClient, ListEnhancedConnectionsRequest
from huaweicloudsdkdli.v1.region.dli_region import DliRegion
client = DliClient.new_builder().with_region(DliRegion.value_of('emulated')).build()
print(client.list_enhanced_connections(ListEnhancedConnectionsRequest()).count)
";

/// A directory with the files of this guide and the installed provider, which `terraform init` finds.
fn workspace(terraform: &Terraform, guide: &str, files: &[&str]) -> Workspace {
    let workspace = Workspace::new(terraform);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guides").join(guide);
    for file in files {
        fs::copy(folder.join(file), workspace.path().join(file)).expect("a file of the guide");
    }
    workspace.write("cli.tfrc", "");
    install(env!("CARGO_BIN_EXE_terraform-provider-dli"), workspace.path());
    workspace
}

/// Runs a program in the directory, with `terraform` and `dli-emulator` on `PATH`, and with foreign credentials, which
/// tests must not use.
fn run(workspace: &Workspace, terraform: &Terraform, program: &Path, arguments: &[&str]) -> Finished {
    let bin = workspace.path().join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).expect("writable");
        for (name, program) in [("terraform", terraform.program.as_path()), ("dli-emulator", Path::new(EMULATOR))] {
            let script = bin.join(name);
            fs::write(&script, format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display())).expect("writable");
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a written file");
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&path))).expect("no separators");
    let mut command = isolated(program);
    command.args(arguments).current_dir(workspace.path()).env("PATH", path).env("HOME", workspace.path());
    command.env("TF_CLI_CONFIG_FILE", workspace.path().join("cli.tfrc")).env("TF_CLI_ARGS", "-no-color");
    command.env("DLI_ENDPOINT", "https://dli.example.com").env("HW_AUTH_URL", "https://iam.example.com/v3");
    command.env("HTTP_PROXY", NO_SERVER).env("http_proxy", NO_SERVER);
    command.env("HUAWEICLOUD_SDK_SECURITY_TOKEN", "foreign-token");
    command.env("HW_AUTH_TOKEN", "foreign-token").env("HW_ASSUME_ROLE_AGENCY_NAME", "foreign-agency");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Running::start(&mut command, Stdio::null()).wait()
}

/// The `required_providers` block, which the modules of the guides omit.
fn versions() -> String {
    format!(
        "terraform {{\n  required_providers {{\n    dli = {{\n      source  = \"opendli/dli\"\n      version = \
         \"{VERSION_REQUIREMENT}\"\n    }}\n  }}\n}}\n"
    )
}

/// `dli-emulator -- terraform test`. Mocked providers need Terraform 1.7.
#[test]
fn module_is_tested_with_one_command() {
    for_one_terraform(|terraform| {
        let files = ["main.tf", "mocked.tftest.hcl", "emulator.tftest.hcl"];
        let workspace = workspace(terraform, "testing", &files);
        workspace.write("versions.tf", &versions());
        run(&workspace, terraform, &terraform.program, &["init"]).expect_code(0);
        let arguments = ["--binding-delay", "0s", "--", "terraform", "test"];
        let tested = run(&workspace, terraform, Path::new(EMULATOR), &arguments).expect_code(0);
        assert!(tested.stdout.contains("3 passed, 0 failed"), "{tested}");

        // A failed test fails the command.
        let test = fs::read_to_string(workspace.path().join("emulator.tftest.hcl")).expect("a copied file");
        workspace.write("emulator.tftest.hcl", &test.replace("!= null", "== null"));
        let failed = run(&workspace, terraform, Path::new(EMULATOR), &arguments).expect_code(1);
        assert!(failed.stderr.contains("The queue q1 has no peering."), "{failed}");
    });
}

/// A provider block for production reaches the emulator, with its own region and project.
#[test]
fn production_block_reaches_the_emulator() {
    for_one_terraform(|terraform| {
        let workspace = workspace(terraform, "acceptance-tests", &["main.tf"]);
        let block = "provider \"dli\" {\n  region     = \"cn-north-4\"\n  project_id = \
                     \"fedcba9876543210fedcba9876543210\"\n}\n";
        workspace.write("versions.tf", &format!("{}{block}", versions()));
        run(&workspace, terraform, &terraform.program, &["init"]).expect_code(0);
        let apply = ["--binding-delay", "0s", "--", "terraform", "apply", "-auto-approve"];
        let applied = run(&workspace, terraform, Path::new(EMULATOR), &apply).expect_code(0);
        assert!(applied.stdout.contains("Resources: 1 added") && applied.stdout.contains("ACTIVE"), "{applied}");
    });
}

/// Projects that the emulator does not have by itself: one that the block names, and one of a resource's own region.
#[test]
fn production_block_finds_declared_projects() {
    for_one_terraform(|terraform| {
        let workspace = workspace(terraform, "acceptance-tests", &["main.tf"]);
        workspace.write("versions.tf", &versions());
        run(&workspace, terraform, &terraform.program, &["init"]).expect_code(0);
        let module = fs::read_to_string(workspace.path().join("main.tf")).expect("a copied file");
        let resource = "resource \"dli_enhanced_connection\" \"reporting\" {\n";
        assert!(module.contains(resource), "{module}");
        for (arguments, of_resource, project) in [
            ("  region = \"cn-north-4\"\n  project_name = \"cn-north-4_team\"\n", "", "cn-north-4_team"),
            ("", "  region = \"cn-north-4\"\n", "cn-north-4"),
        ] {
            workspace.write("versions.tf", &format!("{}provider \"dli\" {{\n{arguments}}}\n", versions()));
            workspace.write("main.tf", &module.replace(resource, &format!("{resource}{of_resource}")));
            let project = format!("{project}=fedcba9876543210fedcba9876543210");
            let script = "terraform apply -auto-approve && terraform plan -detailed-exitcode && terraform destroy \
                          -auto-approve";
            let apply = ["--binding-delay", "0s", "--project", &project, "--", "sh", "-c", script];
            let applied = run(&workspace, terraform, Path::new(EMULATOR), &apply).expect_code(0);
            assert!(applied.stdout.contains("Resources: 1 destroyed"), "{applied}");
        }
    });
}

/// The keys of the emulator are not sent to a real service that the block names.
#[test]
fn real_service_with_the_emulator_is_rejected() {
    for_one_terraform(|terraform| {
        let workspace = workspace(terraform, "acceptance-tests", &["main.tf"]);
        workspace.write("versions.tf", &versions());
        run(&workspace, terraform, &terraform.program, &["init"]).expect_code(0);
        let plan = ["--", "terraform", "plan"];
        for (argument, name) in [
            ("auth_url = \"https://iam.example.com/v3\"", "auth_url"),
            ("endpoints = { iam = \"https://iam.example.com\" }", "endpoints.iam"),
            ("endpoints = { vpc = \"https://vpc.example.com\" }", "endpoints.vpc"),
        ] {
            workspace.write("versions.tf", &format!("{}provider \"dli\" {{\n  {argument}\n}}\n", versions()));
            let planned = run(&workspace, terraform, Path::new(EMULATOR), &plan).expect_code(1);
            let text = planned.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
            assert_eq!(text.matches("Error: ").count(), 1, "{planned}");
            let expected = format!("{name} is an address on another machine, but DLI_ENDPOINT");
            assert!(text.contains(&expected), "{planned}");
        }
        // An address on this machine is allowed, and so is one on another machine if DLI_ENDPOINT is there too.
        let block = "provider \"dli\" {\n  auth_url = \"http://localhost:9/v3\"\n}\n";
        workspace.write("versions.tf", &format!("{}{block}", versions()));
        run(&workspace, terraform, Path::new(EMULATOR), &plan).expect_code(0);
        let block = "provider \"dli\" {\n  auth_url = \"https://iam.example.com/v3\"\n  plan_checks = false\n}\n";
        workspace.write("versions.tf", &format!("{}{block}", versions()));
        let plan = ["--", "env", "DLI_ENDPOINT=https://dli.example.com", "terraform", "plan"];
        run(&workspace, terraform, Path::new(EMULATOR), &plan).expect_code(0);
    });
}

#[test]
fn shell_script_of_the_guide_passes() {
    for_one_terraform(|terraform| {
        let workspace = workspace(terraform, "acceptance-tests", &["main.tf", "test.sh"]);
        workspace.write("versions.tf", &versions());
        let arguments = ["--binding-delay", "0s", "--", "./test.sh"];
        let tested = run(&workspace, terraform, Path::new(EMULATOR), &arguments).expect_code(0);
        for said in ["1 added", "No changes.", "1 destroyed"] {
            assert!(tested.stdout.contains(said), "{tested}");
        }
        let failing = ["--fail-binding", "q1=no subnet", "--", "./test.sh"];
        let failed = run(&workspace, terraform, Path::new(EMULATOR), &failing).expect_code(1);
        assert!(failed.stderr.contains("Binding Failed") && failed.stderr.contains("no subnet"), "{failed}");
    });
}

/// pytest passes with the guide's fixture, and as the command of the emulator.
#[test]
fn pytest_fixture_of_the_guide_passes() {
    for_one_terraform(|terraform| {
        let python = python::interpreter();
        let pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider"];
        let workspace = workspace(terraform, "acceptance-tests", &["main.tf", "conftest.py", "test_connection.py"]);
        workspace.write("versions.tf", &versions());
        // No token of the caller reaches Huawei's SDK.
        let call = SDK_PROGRAM.replace('\n', "\n    ");
        workspace.write("test_sdk.py", &format!("def test_sdk():\n    {call}\n"));
        let tested = run(&workspace, terraform, &python, &pytest).expect_code(0);
        assert!(tested.stdout.contains("2 passed"), "{tested}");

        fs::remove_file(workspace.path().join("conftest.py")).expect("a copied file");
        let program = python.to_string_lossy().into_owned();
        let arguments = [&["--binding-delay", "0s", "--", &program][..], &pytest].concat();
        let tested = run(&workspace, terraform, Path::new(EMULATOR), &arguments).expect_code(0);
        assert!(tested.stdout.contains("2 passed"), "{tested}");
    });
}

/// A program with Huawei's SDK finds the emulator by the variables alone.
#[test]
fn sdk_needs_only_the_region() {
    let python = python::interpreter();
    let mut command = isolated(Path::new(EMULATOR));
    command.arg("--").arg(python).args(["-c", SDK_PROGRAM]);
    command.env("HTTP_PROXY", NO_SERVER).env("http_proxy", NO_SERVER).env("NO_PROXY", "example.com");
    for name in ["IDP_ID", "ID_TOKEN_FILE", "SECURITY_TOKEN"] {
        command.env(format!("HUAWEICLOUD_SDK_{name}"), "foreign");
    }
    let printed = Running::start(&mut command, Stdio::null()).wait().expect_code(0);
    assert_eq!(printed.stdout, "0\n", "{printed}");
}
