//! The elastic resource pools of a project.

pub(super) mod data_source;
