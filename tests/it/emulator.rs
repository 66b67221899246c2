//! The emulator, spoken to in plain HTTP.

mod concurrency;
mod harness;
mod hostile;
mod lifecycle;
mod limits;
mod operations;
mod program;
mod queues;
mod signature;
mod tags;
