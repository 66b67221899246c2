//! The resource `dli_enhanced_connection` and its data sources.

mod collections;
mod connection_details;
mod create_once;
mod creation_entry;
pub(super) mod creation_journal;
pub(super) mod data_source;
pub(super) mod data_sources;
pub(super) mod journal_location;
mod journal_lock;
pub(super) mod list;
pub(super) mod model;
mod modify_plan;
mod move_state;
mod reconcile;
mod refresh;
mod resource;
pub(super) mod schema;
mod state_upgrade;
mod undeclared_entries;

pub(super) use self::resource::EnhancedConnection;
