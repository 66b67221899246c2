//! The fuzz targets, one module each. A target takes bytes and panics if a property does not hold.
//!
//! The integration tests of the package include these modules and run them with random bytes and with all earlier
//! findings. The modules therefore use only the public API of the library and dependencies of both packages.

pub mod emulator;
pub mod handshake;
pub mod json;
pub mod moved;
pub mod msgpack;
pub mod responses;
pub mod rpc;
pub mod rules;
mod source;
