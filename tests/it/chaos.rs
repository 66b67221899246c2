//! Nothing lost, nothing doubled, whatever happens: every fault at every operation ([`matrix`]), and hundreds of seeded
//! schedules of faults, kills and other people's changes ([`schedules`]).
//!
//! Both drive the provider as Terraform core does ([`terraform`]) against an emulator that can be killed ([`cloud`]), in time
//! that runs faster ([`clock`]). A run that fails prints its seed, which makes the same choices again.

#![expect(clippy::unwrap_used, reason = "in a test a panic is a failure, and its place says which")]

mod blocks;
mod clock;
mod cloud;
mod concurrent_clients;
mod late;
mod matrix;
mod real;
mod schedules;
mod terraform;
mod trouble;
