//! The acceptance tests.
