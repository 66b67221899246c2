//! The operations, driven with a small resource that can be told to fail.
