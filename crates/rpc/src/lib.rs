//! What services ask each other over gRPC: the stock of SKUs, and what products cost.
//!
//! The protos are in `proto/`. This crate has both sides of them: servers over small traits, and
//! clients. It listens within the private network only, like the services' HTTP ports, and takes
//! `x-customer-id` as these do.
//!
//! # Promises
//!
//! - Every call has a deadline: the caller's `grpc-timeout`, or else [`DEADLINE_DEFAULT`], and
//!   never more than [`DEADLINE_MAX`]. It bounds the handler, and what is left of it is passed on.
//! - `x-request-id`, `traceparent` and `x-customer-id` are taken and made by the rules of HTTP,
//!   are passed on, and come back in the answer's metadata.
//! - A failure is one status and one line of the log; no internal text reaches the caller, and
//!   `UNAVAILABLE` alone says that the same call may work later.
//! - Messages, headers, connections, and calls at one time have a limit.
//! - Health follows readiness. It says `NOT_SERVING` from the shutdown signal on; then calls that
//!   came in are answered, and no others.
//!
//! # It must never
//!
//! - decide anything, or know a store;
//! - log a customer's id, a message or its metadata.
//!
//! To add a service: its proto and its line in `build.rs`, a trait for what it asks of others and
//! its server in a file of its own, its client, and its line in [`Services`].

mod call;
mod catalogue;
mod client;
mod details;
mod inventory;
mod quotes;
mod server;
mod status;

/// What the build made of the protos, for callers that need more than the clients here.
pub mod pb {
    /// `lmall.inventory.v1`.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::as_conversions,
        clippy::doc_markdown,
        clippy::too_many_lines,
        reason = "generated"
    )]
    pub mod inventory {
        tonic::include_proto!("lmall.inventory.v1");
    }

    /// `lmall.product.v1`.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::as_conversions,
        clippy::doc_markdown,
        clippy::too_many_lines,
        reason = "generated"
    )]
    pub mod product {
        tonic::include_proto!("lmall.product.v1");
    }

    /// Both, and what they use, as a `google.protobuf.FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}

pub use call::{Call, DEADLINE_DEFAULT, DEADLINE_MAX};
pub use client::{BadAddress, Connection, InventoryClient, QuotesClient};
pub use inventory::{Availability, SKUS_MAX};
pub use quotes::{Explanation, Line, ProductQuotes, Quote, QuoteError, QuotedLine};
pub use server::{Ready, Services, serve};
