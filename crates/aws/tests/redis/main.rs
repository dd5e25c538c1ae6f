//! The stock gate, the payment deadlines and revoked sessions on real Redis servers.

mod contract;
mod deadlines;
mod faults;
mod limits;
mod loss;
mod revocations;
mod shop;
mod tls;
mod together;
mod waiting;
