//! What several objects of the provider share.

pub(super) mod error_detail;
pub(super) mod ownership;
pub(super) mod plan_checks;
pub(super) mod run_state;
