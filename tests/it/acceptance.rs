//! Acceptance tests: real Terraform starts the provider that was just built, against the emulator in this process.
//!
//! Each test runs with every Terraform that [`terraform::Terraform::find`] offers: the one on `PATH` and the one that
//! is installed into cargo's target directory. One file for each subject; [`harness`] holds what they share.

mod attributes;
mod bindings;
mod broken_state;
mod concurrency;
mod configuration;
mod connection;
mod connection_parts;
mod create_once;
mod credentials;
mod data_sources;
mod debug;
mod disappears;
mod drift;
mod environment;
mod errors;
mod examples;
mod failed_bindings;
mod generated_imports;
pub(crate) mod harness;
mod harness_checks;
mod import;
mod lifecycle;
mod limits;
mod ownership;
mod partial_failure;
mod peers;
mod plan_checks;
mod queues;
mod rate_limit;
mod regions;
mod rejected_requests;
mod scale;
mod second_server;
pub(crate) mod signals;
mod signing_and_logs;
mod state_upgrade;
mod tags;
mod terraform_lookup;
mod unknown_values;
mod validation;

#[path = "../../examples/quickstart/terraform.rs"]
pub(crate) mod terraform;
