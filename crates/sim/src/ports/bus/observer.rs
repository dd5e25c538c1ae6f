//! Who watches the bus.

use lmall_app::{ports::Message, topology::Queue};

use crate::kernel::ProcessId;

/// Hears what truly happens to messages, whatever the callers are told. Called while the bus is
/// locked: it must not call the bus.
pub trait BusObserver: Send + Sync {
    /// A message entered a queue. `first_arrival` is `false` when the same one, by its first
    /// deduplication id, was there before: published again, replayed, or copied.
    fn accepted(&self, queue: Queue, message: &Message, first_arrival: bool);

    /// A message reached a process: the answer to its receive was not lost.
    fn delivered(&self, process: ProcessId, queue: Queue, message: &Message, receive_count: u32);

    /// An acknowledgement took effect.
    fn deleted(&self, queue: Queue, message: &Message);

    /// A message entered a dead-letter queue.
    fn died(&self, queue: Queue, message: &Message, cause: &str);

    /// A message was deleted by nobody: it passed its retention.
    fn lost(&self, queue: Queue, message: &Message, why: &'static str);
}
