//! The rules, cell by cell, and together under chance.

#![expect(clippy::wildcard_enum_match_arm, reason = "what a test does not expect is a failure")]

mod accounts;
mod event_schemas;
mod order_table;
mod payment_table;
mod placing;
mod pricing;
mod refused_refunds;
mod saga_property;
mod sessions;
mod stock_table;
mod support;
