//! The queues of a project.

pub(super) mod data_source;
