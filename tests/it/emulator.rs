//! The emulator, spoken to in plain HTTP.

mod concurrency;
mod connectivity;
mod control;
mod faults;
mod harness;
mod hostile;
mod iam;
mod lifecycle;
mod limits;
mod memory;
mod operations;
mod pools;
mod privileges;
mod program;
mod queues;
mod quirks;
mod routes;
mod signature;
mod stress;
mod tags;
