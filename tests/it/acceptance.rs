//! Acceptance tests: real Terraform runs the built provider against an emulator in this process.
//!
//! Tests of Terraform's own behavior run with every version that [`terraform::Terraform::find`] returns: the one on
//! `PATH` and the one installed in cargo's target directory. The others run with the first. Each file covers one
//! subject; [`harness`] holds the shared code.

mod actions;
mod attributes;
mod bindings;
mod broken_state;
mod compatibility;
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
mod emulator_block;
mod environment;
mod errors;
mod examples;
mod failed_bindings;
mod functions;
mod generated_imports;
mod guide_scripts;
pub(crate) mod harness;
mod harness_checks;
mod identity;
mod import;
mod inline_and_separate;
mod lifecycle;
mod limits;
mod logs;
mod moved;
mod network_checks;
mod null_elements;
mod other_providers;
mod ownership;
mod packaging;
mod page;
mod partial_failure;
mod plan_checks;
mod query;
mod queues;
mod rate_limit;
mod refresh;
mod regions;
mod rejected_requests;
mod scale;
mod second_server;
mod settings;
pub(crate) mod signals;
mod signing_and_logs;
mod state_upgrade;
mod tags;
mod terraform_lookup;
mod terraform_test;
mod unknown_values;
mod validation;

#[path = "../../examples/quickstart/terraform.rs"]
pub(crate) mod terraform;
