//! A Terraform provider for Huawei Cloud Data Lake Insight (DLI), and an emulator of the service.
//!
//! Two programs use this library: `terraform-provider-dli`, the plugin that Terraform and OpenTofu start, and
//! `dli-emulator`, an emulator of the service. Tests and the quickstart use the library too; its API is not stable.
//!
//! The modules. An arrow means "imports"; a test enforces the direction:
//!
//! ```text
//! main ──► plugin ──► protocol ──► framework ◄── provider ──► client ──► dli ◄── emulator ◄── bin/dli-emulator
//!   └───────────────────────────────────────────────►┘
//! ```
//!
//! [`install`] stands alone: `main` runs it for the command `terraform-provider-dli install`.
//!
//! A `terraform apply` passes through all of them: [`plugin`] accepts the connection, [`protocol`] decodes an RPC,
//! [`framework`] validates and plans and calls the resource, the resource in [`provider`] calls [`client`], and
//! [`client`] signs and sends the requests that [`dli`] describes. On the way back [`framework`] checks the result
//! against the plan.

pub mod client;
pub mod dli;
pub mod emulator;
pub mod framework;
pub mod install;
pub mod plugin;
pub mod protocol;
pub mod provider;
