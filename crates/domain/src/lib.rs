//! The rules of LMall: values, state machines and events.
//!
//! This crate promises that every decision is a pure function: the state, a command and the
//! time go in, the next state and at most one event come out. The same input gives the same
//! output on every machine.
//!
//! It must never read a clock, draw a random number, do I/O, await, or touch a float.

pub mod breaker;
pub mod catalogue;
pub mod customer;
pub mod event;
pub mod id;
pub mod limit;
pub mod limits;
pub mod money;
pub mod order;
pub mod payment;
pub mod stock;
pub mod time;
pub mod waiting;

pub use id::{AggregateId, CustomerId, EventId, OrderId, PaymentId, ProviderName, RefundId, Sku};
pub use money::Money;
pub use time::Timestamp;
