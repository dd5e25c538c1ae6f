//! The whole of LMall in one thread, where everything that can go wrong does, and a seed decides
//! what and when.
//!
//! This crate promises that one `u64` is one run, the same byte for byte on every machine, and
//! that it runs the shop's own use cases, consumers, relay and schedules; only what is around
//! them is modelled, from the documentation of AWS, Redis and payment providers.
//!
//! It must never read the wall clock or draw chance but from the seed, never depend on the order
//! of a hash map, and never be depended on: it does not ship.

pub mod aws;
pub mod campaign;
pub mod coverage;
pub mod kernel;
pub mod mutants;
pub mod oracle;
pub mod ports;
pub mod protocol;
pub mod provider;
pub mod redis;
pub mod report;
pub mod run;
pub mod shop;
pub mod system;
pub mod unreachable;
