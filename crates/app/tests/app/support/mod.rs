//! The ports, in memory.

pub(crate) mod bus;
pub(crate) mod clock;
pub(crate) mod nobody;
pub(crate) mod store;

use std::error::Error;

use futures_util::future::BoxFuture;
use lmall_app::ports::Spawn;

/// What a port says while a test keeps it from working.
#[derive(Debug)]
pub(crate) struct Away;

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("kept away by the test")
    }
}

impl Error for Away {}

/// Tasks of the test's own runtime.
pub(crate) struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}
