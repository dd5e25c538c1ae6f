//! What every adapter promises, as tests that are run on each of them.
//!
//! Each function knows a port only, takes a fresh adapter and panics where a promise is broken.
//! It must never know which adapter it has: where one cannot do as the port says, the port is
//! wrong.

pub mod bus;
pub mod clock;
pub mod gate;
pub mod gate_model;
pub mod limiter;
pub mod revocations;
pub mod store;
pub mod store_model;
pub mod time;
pub mod waiting;
pub mod waiting_model;
