//! The router on a store and a clock that do as they are told.

mod batches;
mod openapi;
mod public;
mod support;
