//! The plugin process as go-plugin's client uses it, and the wire contract.

#![expect(clippy::unwrap_used, reason = "a panic fails the test and shows the line")]

mod client;
mod contract;
mod debug;
mod logging;
mod mutual_tls;
mod shutdown;
mod startup;
