//! The plugin tests.
