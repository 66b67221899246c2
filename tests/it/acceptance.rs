//! Acceptance tests: real Terraform starts the provider that was just built, against the emulator in this process.
//!
//! Each test runs with every Terraform that [`terraform::Terraform::find`] offers: the one on `PATH` and the one that
//! is installed into cargo's target directory. One file for each subject; [`harness`] holds what they share.

mod attributes;
mod bindings;
mod broken_state;
mod checks;
mod configuration;
mod connection;
mod credentials;
mod data;
mod debug;
mod discipline;
mod drift;
mod environment;
mod errors;
mod examples;
mod failed_bindings;
mod failures;
mod finding;
mod generated;
mod gone;
pub(crate) mod harness;
mod import;
mod lifecycle;
mod limits;
mod once;
mod ownership;
mod pace;
mod parallel;
mod partial;
mod peers;
mod queues;
mod regions;
mod scale;
mod second_server;
pub(crate) mod signals;
mod small;
mod tagging;
mod unknown;
mod upgrade;
mod validation;
mod wire;

#[path = "../../examples/quickstart/terraform.rs"]
pub(crate) mod terraform;
