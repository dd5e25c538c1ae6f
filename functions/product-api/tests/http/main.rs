//! The router: on ports that never answer, for what is decided before a use case and what a
//! client reads when one cannot be carried out; and on a store, for what is found and how often
//! it is read.

mod events;
mod openapi;
mod reading;
mod requests;
mod search;
mod support;
