//! The pure parts of the application layer, and its loops over ports in memory.

#![expect(clippy::wildcard_enum_match_arm, reason = "what a test does not expect is a failure")]

mod consumer;
mod counters;
mod customers;
mod decided;
mod dedupe;
mod expectations;
mod finding;
mod id_source;
mod ids;
mod kept_offers;
mod provider_libraries;
mod public_ids;
mod receipts;
mod relay;
mod signatures;
mod support;
mod topology;
mod wire;
