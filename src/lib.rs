//! Terraform provider for DLI.

pub mod client;
pub mod dli;
pub mod emulator;
pub mod framework;
pub mod plugin;
pub mod protocol;
pub mod provider;
