//! The API of Huawei Cloud Data Lake Insight as pure data: operations, wire types, limits and name rules, error codes,
//! rate limits and the request signature; and the calls of VPC that tell about the network of a connection.
//!
//! Nothing here does I/O, reads a clock or knows Terraform. The client and the emulator share it.

pub mod error_catalog;
pub mod error_code;
pub mod operation;
pub mod rate_limit;
pub mod rules;
pub mod signature;
pub mod vpc;
pub mod wire;
