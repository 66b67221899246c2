//! Network checks of what exists: a connection, or a subnet with queues and pools.

pub(super) mod data_source;
