//! The provider's configuration: arguments, environment variables and the shared configuration file.

pub(super) mod checks;
pub(super) mod credential_chain;
pub(super) mod schema;
pub(super) mod settings;
pub(super) mod shared_file;
