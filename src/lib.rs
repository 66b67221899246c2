//! A Terraform provider for Huawei Cloud Data Lake Insight (DLI), and an emulator of the service.
//!
//! Two programs stand on this library: `terraform-provider-dli`, the plugin that Terraform and OpenTofu start, and
//! `dli-emulator`, the service in a process. It is a library so that tests and the quickstart can use the same parts;
//! it promises no stable interface to others.
//!
//! The rooms, in reading order. An arrow means "imports", none runs the other way, and a test keeps it so:
//!
//! ```text
//! main ──► plugin ──► protocol ──► framework ◄── provider ──► client ──► dli ◄── emulator ◄── bin/dli-emulator
//!   └───────────────────────────────────────────────►┘
//! ```
//!
//! How one `terraform apply` travels: [`plugin`] accepts the connection and hands its bytes to gRPC; [`protocol`]
//! decodes one call into values; [`framework`] checks them against the schema, plans, and calls the resource's trait
//! method; the resource in [`provider`] turns its typed model into calls of [`client`], which signs and sends them by
//! the pages of [`dli`]. The answer comes back the same way, and [`framework`] holds the resource to its own plan
//! before it leaves.

pub mod client;
pub mod dli;
pub mod emulator;
pub mod framework;
pub mod plugin;
pub mod protocol;
pub mod provider;
