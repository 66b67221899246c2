//! What the acceptance tests share: a working directory with Terraform and the provider in it ([`Workspace`]), the
//! cloud that it talks to ([`Cloud`]), commands that cannot hang ([`Running`]), checks on plans ([`Plan`]), and
//! the search of all that a command leaves for secrets ([`secret_leak`]).
//!
//! `benches/cost.rs` uses it too. A check that fails panics with the command, the directory and the whole of what was printed.

mod cloud;
mod plan;
mod running;
pub(crate) mod secret_leak;
mod workspace;

use std::sync::OnceLock;

pub(crate) use cloud::{Cloud, PROJECT};
pub(crate) use plan::Plan;
pub(crate) use running::{Finished, Running, Told};
pub(crate) use workspace::Workspace;

use serde_json::Value;

use super::terraform::Terraform;

/// Runs a test with each Terraform there is, of each version one, and says which one it was that failed.
pub(crate) fn for_each_terraform(test: impl Fn(&Terraform)) {
    for terraform in found() {
        announce(terraform);
        test(terraform);
    }
}

/// Runs a test with the best Terraform there is, where another one would show nothing more.
pub(crate) fn for_one_terraform(test: impl FnOnce(&Terraform)) {
    let terraform = found().first().expect("a search that finds nothing ends in an error");
    announce(terraform);
    test(terraform);
}

/// The Terraforms there are, of each version one.
fn found() -> &'static [Terraform] {
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

/// The errors of `validate -json`: line, and summary with detail.
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

/// An error and what caused it, one to a line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
