//! LMall from outside: the built binary, its answers, its signals and its files.
//!
//! Each test starts a server of its own on a free port and a temporary directory, and knows
//! nothing of the code behind it.

mod api_conventions;
mod api_inventory;
mod api_ops;
mod api_orders;
mod api_payments;
mod api_products;
mod crash;
mod demo;
mod oversell;
mod process;
mod reconcile;
mod structure;
mod support;
mod timeouts;
