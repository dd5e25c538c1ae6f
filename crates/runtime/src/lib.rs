//! What every process of LMall runs on: the system's clock and chance, tasks, schedules.
//!
//! It must never know a store, a network or a vendor.

mod chance;
mod clock;
mod tasks;
mod watch;

pub use chance::SystemChance;
pub use clock::SystemClock;
pub use tasks::{Tasks, TokioSpawn};
pub use watch::StoppingWatch;
