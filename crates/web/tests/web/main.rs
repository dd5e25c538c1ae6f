//! The crate through its front door: requests into a finished router, bytes into a server.

mod extractors;
mod health;
mod https;
mod outer_layer;
mod server;
mod support;
