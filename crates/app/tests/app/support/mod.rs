//! The ports, in memory.

pub(crate) mod bus;
pub(crate) mod clock;
pub(crate) mod store;

use std::error::Error;

/// What a port says while a test keeps it from working.
#[derive(Debug)]
pub(crate) struct Away;

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("kept away by the test")
    }
}

impl Error for Away {}
