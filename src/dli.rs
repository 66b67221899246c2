//! What the documents of Huawei Cloud's Data Lake Insight say, as pure data: paths, wire types, limits and name rules,
//! error codes, and what the API gateway demands: the request signature, and patience.
//!
//! Nothing here does I/O, reads a clock or knows Terraform. The client and the emulator stand on the same page, so
//! that a limit or a field name is written down once.

pub mod error_catalog;
pub mod error_code;
pub mod path;
pub mod rate_limit;
pub mod rules;
pub mod signature;
pub mod wire;
