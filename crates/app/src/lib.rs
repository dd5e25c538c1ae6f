//! The use cases of LMall and the ports that they need.
//!
//! This crate promises that a use case is always the same three steps: load, decide (in
//! `lmall-domain`), commit one [`Changeset`]. An event leaves only inside a changeset, so there
//! is no state without its event and no event without its state.
//!
//! It must never speak HTTP, know an SDK or a database, read the wall clock, or draw chance.
//!
//! To add a consumer: write its use case, add its queue and filter to [`topology`], implement
//! [`consumer::Consumer`] beside the use cases of its service, and start it where they start.

pub mod backoff;
pub mod catalogue;
pub mod changeset;
pub mod circuit;
pub mod consumer;
pub mod customer;
pub mod decided;
pub mod failure;
pub mod gate;
pub mod ids;
pub mod limiter;
pub mod ops;
pub mod order;
pub mod outbox;
pub mod pages;
pub mod payment;
pub mod ports;
pub mod relay;
pub mod row;
pub mod shutdown;
pub mod stock;
pub mod topology;
pub mod waiting;

pub use changeset::{Changeset, Refusal, Write};
pub use outbox::{OutboxRow, Trace};
