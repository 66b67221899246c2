//! The plugin process, as a client of go-plugin sees it, and the wire contract.

mod contract;
