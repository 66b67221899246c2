//! Finding Terraform, and that the installed one behaves as the command does. The provider has no part in it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::harness::{Workspace, chain, for_each_terraform};
use super::terraform::{Error, Terraform, Wanted};

#[test]
fn a_named_terraform_is_the_only_one() {
    let installed = &Terraform::search(None, OsStr::new(""), Wanted::First).expect("it can be installed")[0];
    let found = Terraform::search(Some(installed.program.clone()), OsStr::new("/nowhere"), Wanted::Every);
    assert_eq!(found.expect("it is there"), [installed.clone()]);
}

#[test]
fn a_named_terraform_that_is_missing_or_is_something_else_is_an_error() {
    let missing = Terraform::search(Some("/nowhere/terraform".into()), OsStr::new(""), Wanted::First);
    let error = missing.expect_err("there is no such file");
    assert_eq!(chain(&error), "could not run /nowhere/terraform: No such file or directory (os error 2)");

    let other = Terraform::search(Some("/bin/echo".into()), OsStr::new(""), Wanted::First);
    let error = other.expect_err("that is not Terraform");
    assert!(matches!(&error, Error::Unrecognized { output, .. } if output == "version\n"), "{error:?}");
}

#[test]
fn one_on_path_is_taken_before_one_is_installed() {
    let installed = &Terraform::search(None, OsStr::new(""), Wanted::First).expect("it can be installed")[0];
    assert_eq!(installed.version, "Terraform v1.15.5");

    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the directory above");
    let tofu = directory.path().join("tofu");
    fs::write(&tofu, "#!/bin/sh\necho OpenTofu v1.9.0\n").expect("the directory is ours");
    fs::set_permissions(&tofu, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    fs::write(directory.path().join("terraform"), "not executable").expect("the directory is ours");

    let first = Terraform::search(None, directory.path().as_os_str(), Wanted::First).expect("it is on the path");
    assert_eq!(first, [Terraform { program: tofu, version: "OpenTofu v1.9.0".to_owned() }]);
    let every = Terraform::search(None, directory.path().as_os_str(), Wanted::Every).expect("both are there");
    assert_eq!(every, [first[0].clone(), installed.clone()]);
}

/// Everything that a launcher could lose on the way: arguments, environment, standard input, output, exit status.
#[test]
fn every_terraform_plans_applies_shows_and_destroys() {
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
        workspace.run_answering("no\n", &["apply"]).expect_code(1);
        workspace.run_answering("yes\n", &["apply"]).expect_code(0);
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
    });
}

/// Ctrl-C is Terraform's to answer: it stops what runs, says so and ends with 1.
#[test]
fn every_terraform_answers_an_interrupt() {
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.write("versions.tf", "");
        workspace.configure(
            "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    \
             command = \"echo started; exec sleep 60\"\n  }\n}\n",
        );
        workspace.run(&["init"]).expect_code(0);
        let applying = workspace.start(&["apply", "-auto-approve"]);
        applying.wait_for_output("(local-exec): started");
        applying.signal_group("INT");
        let applied = applying.wait_at_most(Duration::from_secs(10)).expect_code(1);
        assert!(applied.stdout.contains("Gracefully shutting down..."), "{applied}");
    });
}
