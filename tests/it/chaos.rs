//! Fault tests: no connection is lost or created twice, whatever fails.
//!
//! [`matrix`] injects every fault into every operation. [`schedules`] runs hundreds of seeded random schedules of
//! faults, kills and changes by other clients.
//!
//! Both call the provider as Terraform core does ([`terraform`]), against an emulator that can be killed ([`cloud`]),
//! with a faster clock ([`clock`]). A failed schedule prints its seed, which repeats the same random choices.

#![expect(clippy::unwrap_used, reason = "a panic fails the test and shows the line")]

mod blocks;
mod claims;
mod clock;
mod cloud;
mod concurrent_clients;
mod late;
mod matrix;
mod real;
mod scenario;
mod schedules;
mod terraform;
