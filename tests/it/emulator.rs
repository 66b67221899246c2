//! The emulator tests.
