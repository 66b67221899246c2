//! The framework room.
