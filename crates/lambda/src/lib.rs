//! What LMall's functions share: how they start, what they are called with, how they fail.
//!
//! It promises that a function reads its configuration once, when it starts; that whatever it is
//! called with is read strictly, and refused with the name of the field that is wrong; and that
//! a batch from a change stream is answered with the lowest record that failed, so that nothing
//! after it is taken for done.
//!
//! It must never decide anything about orders, stock or money, and never take a record that
//! failed for one that is done.

mod aws;
mod failure;
#[cfg(feature = "http")]
mod http;
mod input;
mod start;
pub mod stream;

pub use aws::Aws;
pub use failure::FunctionError;
#[cfg(feature = "http")]
pub use http::serve;
pub use input::{Tick, Trigger, read};
pub use start::{start, start_async};
