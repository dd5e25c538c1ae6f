//! What every process of LMall runs on: the system's clock, tasks, schedules.
//!
//! It must never know a store, a network or a vendor.

mod clock;
mod tasks;
mod watch;

pub use clock::SystemClock;
pub use tasks::{Tasks, TokioSpawn};
pub use watch::StoppingWatch;
