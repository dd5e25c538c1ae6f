//! Customers.

pub mod token;
