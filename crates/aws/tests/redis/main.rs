//! The stock gate and the payment deadlines on real Redis servers.

mod contract;
mod deadlines;
mod faults;
mod limits;
mod loss;
mod shop;
mod tls;
mod waiting;
