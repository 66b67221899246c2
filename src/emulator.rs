//! The emulator room.
