//! Terraform's concepts: values, types, paths, schemas, diagnostics, validation and planning, and the traits that a
//! provider, its resources, its data sources and its actions implement.
//!
//! There is no gRPC, no protobuf, no HTTP and no DLI. The `protocol` module converts messages to calls of
//! [`server::Server`], which calls a [`provider::Provider`]. The result depends only on the arguments.

pub mod action;
pub mod data_source;
pub mod diagnostic;
pub mod function;
mod identity;
pub mod list_resource;
pub mod model;
pub mod number;
pub mod path;
pub mod plan;
pub mod plan_modifier;
pub mod provider;
pub mod resource;
pub mod schema;
pub mod server;
pub mod timeouts;
pub mod types;
pub mod validate;
pub mod validator;
pub mod value;
