//! The plugin process, as a client of go-plugin sees it, and the wire contract.

#![expect(clippy::unwrap_used, reason = "in a test a panic is a failure, and its place says which")]

mod client;
mod contract;
mod debug;
mod logging;
mod mutual_tls;
mod shutdown;
mod startup;
