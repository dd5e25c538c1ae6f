//! What every adapter promises, run on the embedded ones; and what only a file can get wrong.
//!
//! `store`, `bus` and `gate` know the ports only, so that other adapters can be put through the
//! same: each function takes a fresh one.

mod bus;
mod clock;
mod durability;
mod embedded;
mod gate;
mod store;
mod store_model;
mod watch;
