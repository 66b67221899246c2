//! Code that several resources and data sources share.

pub(super) mod binding_target;
pub(super) mod client_kind;
pub(super) mod connection_part;
pub(super) mod data_source;
pub(super) mod declared_parts;
pub(super) mod error_detail;
pub(super) mod location;
pub(super) mod moved;
pub(super) mod network_checks;
pub(super) mod operation;
pub(super) mod optional;
pub(super) mod overlap;
pub(super) mod ownership;
pub(super) mod part_resource;
pub(super) mod plan_checks;
pub(super) mod pool_of_queue;
pub(super) mod project_lists;
pub(super) mod run_state;
pub(super) mod semantic_equality;
pub(super) mod shared_reads;
pub(super) mod tags;
pub(super) mod validators;
pub(super) mod wait_for_bindings;
pub(super) mod write_locks;
