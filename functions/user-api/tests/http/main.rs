//! The router on ports that never answer: what is decided before a use case, and what a client
//! reads when one cannot be carried out.

mod events;
mod openapi;
mod requests;
mod support;
mod tokens;
