//! A batch from a table's change stream: which outbox rows are in it, and how far it is done.

mod checkpoint;
mod record;

pub use checkpoint::Checkpoint;
pub use record::{Unreadable, outbox_insert};
