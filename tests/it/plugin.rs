//! The plugin process, as a client of go-plugin sees it, and the wire contract.

mod client;
mod contract;
mod debug;
mod launch;
mod life;
mod log;
mod trust;
