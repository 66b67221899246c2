//! Tests whether a queue reaches an address.

pub(super) mod data_source;
