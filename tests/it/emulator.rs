//! Tests of the emulator over plain HTTP.

mod access;
mod account;
mod binding_state;
mod concurrency;
mod connectivity;
mod control;
mod faults;
mod harness;
mod iam;
mod limits;
mod memory;
mod openapi;
mod operations;
mod pools;
mod privileges;
mod program;
mod queue_lifecycle;
mod queues;
mod quirks;
mod random_requests;
mod routes;
#[cfg(unix)]
mod run_command;
mod signature;
mod state_file;
mod stress;
mod tags;
mod vpc;
