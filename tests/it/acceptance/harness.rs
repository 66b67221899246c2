//! Shared code of the acceptance tests: a working directory with Terraform and the provider ([`Workspace`]), the
//! emulator ([`Cloud`]), commands with a time limit ([`Running`]), checks of plans ([`Plan`]), and a search for secrets
//! in everything that a command prints or writes ([`secret_leak`]).
//!
//! `benches/cost.rs` uses it too. A failed check panics with the command, the directory and the complete output.

mod cloud;
mod plan;
mod running;
pub(crate) mod secret_leak;
mod workspace;

use std::sync::OnceLock;

pub(crate) use cloud::{Cloud, PROJECT, REGION};
pub(crate) use plan::Plan;
pub(crate) use running::{Diagnostic, Finished, Running};
pub(crate) use workspace::Workspace;

use serde_json::Value;

use super::terraform::Terraform;

/// Runs a test with every Terraform version on this machine.
///
/// Use it when Terraform's own behavior can change the result: resource lifecycles, import, state upgrades,
/// diagnostics, timeouts, unknown and sensitive values, and signals. Otherwise use [`for_one_terraform`].
pub(crate) fn for_each_terraform(test: impl Fn(&Terraform)) {
    for terraform in terraforms() {
        announce(terraform);
        test(terraform);
    }
}

/// Runs a test with the preferred Terraform.
///
/// Use it when the result depends only on the provider and the service.
pub(crate) fn for_one_terraform(test: impl FnOnce(&Terraform)) {
    let terraform = terraforms().first().expect("the search returns at least one Terraform or an error");
    announce(terraform);
    test(terraform);
}

/// Runs a test with the first Terraform that has actions and list resources, 1.14 or newer. OpenTofu has neither.
///
/// The installed Terraform is new enough; only `TF_ACC_TERRAFORM_PATH` can leave an older one or OpenTofu.
pub(crate) fn for_one_terraform_since_1_14(test: impl FnOnce(&Terraform)) {
    match terraforms().iter().find(|terraform| is_since_1_14(terraform)) {
        Some(terraform) => {
            announce(terraform);
            test(terraform);
        }
        None => assert!(std::env::var_os("TF_ACC_TERRAFORM_PATH").is_some(), "no Terraform 1.14 or newer"),
    }
}

fn is_since_1_14(terraform: &Terraform) -> bool {
    let minor = terraform.version.strip_prefix("Terraform v1.").and_then(|rest| rest.split('.').next());
    minor.is_some_and(|minor| minor.parse().is_ok_and(|minor: u32| minor >= 14))
}

/// One Terraform of each version on this machine. Searches once per process.
fn terraforms() -> &'static [Terraform] {
    static FOUND: OnceLock<Vec<Terraform>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut found: Vec<Terraform> = Vec::new();
        for terraform in Terraform::find() {
            let terraform = terraform.unwrap_or_else(|error| panic!("{}", chain(&error)));
            if found.iter().all(|other| other.version != terraform.version) {
                found.push(terraform);
            }
        }
        found
    })
}

#[expect(clippy::print_stdout, reason = "names the example above a failure message")]
fn announce(terraform: &Terraform) {
    println!("with {} ({})", terraform.version, terraform.program.display());
}

/// The errors of `validate -json`: the line, and the summary with the detail.
pub(crate) fn errors(validated: &Finished) -> Vec<(u64, String)> {
    let json = validated.json();
    let diagnostics = json["diagnostics"].as_array().unwrap_or_else(|| panic!("{validated}"));
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic["severity"] == "error");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    errors
        .map(|error| {
            let line = error["range"]["start"]["line"].as_u64().unwrap_or(0);
            (line, format!("{}\n{}", text(&error["summary"]), text(&error["detail"])))
        })
        .collect()
}

/// An error and its sources, separated by colons.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
