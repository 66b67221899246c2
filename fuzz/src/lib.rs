//! What the fuzz targets do, one module for each: bytes in, a panic where a promise is broken.
//!
//! The same modules are included by the package's integration tests, which run them over random bytes and over every input
//! that was ever a finding. So they use only what the library makes public, and the crates that both have.

pub mod answers;
pub mod emulator;
pub mod handshake;
pub mod json;
pub mod msgpack;
pub mod rpc;
pub mod rules;
mod source;
