//! Finding and installing Terraform, and how the installed one behaves. The provider is not involved.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::harness::{Workspace, chain, for_each_terraform};
use super::terraform::{Error, Terraform};

fn search(named: Option<&str>, path: &Path) -> Vec<Result<Terraform, Error>> {
    Terraform::search(named.map(PathBuf::from), path.as_os_str()).collect()
}

fn installed() -> Terraform {
    let found = search(None, Path::new("")).pop().expect("an installed Terraform");
    found.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

#[test]
fn terraform_is_installed_if_missing() {
    let installed = installed();
    assert_eq!(installed.version, "Terraform v1.15.5");
    assert!(installed.program.ends_with("terraform-1.15.5/terraform"), "{installed:?}");
}

#[test]
fn configured_terraform_is_the_only_one() {
    let installed = installed();
    let found = search(installed.program.to_str(), Path::new("/usr/local/bin"));
    assert!(matches!(&found[..], [Ok(only)] if *only == installed), "{found:?}");
}

#[test]
fn invalid_configured_terraform_is_an_error() {
    let missing = search(Some("/nowhere/terraform"), Path::new("")).remove(0).expect_err("there is no such file");
    assert_eq!(chain(&missing), "could not run /nowhere/terraform: No such file or directory (os error 2)");

    let other = search(Some("/bin/echo"), Path::new("")).remove(0).expect_err("that is not Terraform");
    assert!(matches!(&other, Error::Unrecognized { output, .. } if output == "version\n"), "{other:?}");
}

#[test]
fn terraform_on_path_precedes_installed_one() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory created by cargo");
    let tofu = directory.path().join("tofu");
    fs::write(&tofu, "#!/bin/sh\necho OpenTofu v1.9.0\n").expect("a writable directory");
    fs::set_permissions(&tofu, fs::Permissions::from_mode(0o755)).expect("a writable file");
    fs::write(directory.path().join("terraform"), "not executable").expect("a writable directory");

    let on_path = Terraform { program: tofu, version: "OpenTofu v1.9.0".to_owned() };
    let found = search(None, directory.path());
    assert!(matches!(&found[..], [Ok(first), Ok(second)] if *first == on_path && *second == installed()), "{found:?}");
}

/// Everything that a launcher could lose: arguments, environment, standard input and output, exit status.
#[test]
fn every_terraform_runs_a_full_lifecycle() {
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform)
            .with_variable("TF_VAR_text", "größer than \"ASCII\"")
            .with_variable("TF_INPUT", "1");
        workspace.write("versions.tf", "");
        workspace.configure(
            "variable \"text\" {}\n\
             resource \"terraform_data\" \"a\" {\n  input = var.text\n}\n\
             output \"text\" {\n  value = terraform_data.a.output\n}\n",
        );
        workspace.run(&["init"]).expect_code(0);
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(2);
        workspace.run_with_input("no\n", &["apply"]).expect_code(1);
        workspace.run_with_input("yes\n", &["apply"]).expect_code(0);
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(0);
        let state = workspace.run(&["show", "-json"]).expect_code(0).json();
        assert_eq!(state["values"]["outputs"]["text"]["value"], "größer than \"ASCII\"");
        let destroyed = workspace.run(&["destroy", "-auto-approve"]).expect_code(0);
        assert!(destroyed.stdout.contains("Destroy complete! Resources: 1 destroyed."), "{destroyed}");

        workspace.configure("resource \"terraform_data\" \"a\" {\n  inputs = 1\n}\n");
        let invalid = workspace.run(&["validate"]).expect_code(1);
        assert!(invalid.stderr.contains("Unsupported argument"), "{invalid}");
        assert!(!invalid.stdout.contains("Unsupported argument"), "{invalid}");
        workspace.run(&["no-such-command"]).expect_code(1);
        let elsewhere = workspace.run(&["-chdir=größe", "version"]).expect_code(1);
        assert!(elsewhere.stderr.contains("größe"), "{elsewhere}");
    });
}

/// Terraform handles Ctrl-C: it stops running operations, reports the interrupt and exits with 1.
#[test]
fn every_terraform_handles_an_interrupt() {
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.write("versions.tf", "");
        // The launcher also receives the interrupt and leaves it to Terraform.
        workspace.configure(
            "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    \
             command = \"trap '' INT; echo started; exec sleep 60\"\n  }\n}\n",
        );
        workspace.run(&["init"]).expect_code(0);
        let applying = workspace.start(&["apply", "-auto-approve"]);
        applying.wait_for_output("(local-exec): started");
        applying.signal_group("INT");
        let applied = applying.wait_at_most(Duration::from_secs(10)).expect_code(1);
        assert!(applied.stdout.contains("Gracefully shutting down..."), "{applied}");
    });
}
