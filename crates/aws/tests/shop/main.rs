//! The whole shop on the adapters for AWS, in one process: what an order does, what it costs,
//! and what it survives.

mod bank;
mod clock;
mod costs;
mod faults;
mod process;
mod record;
mod relay;
mod services;
mod setup;
mod whole;
mod world;
