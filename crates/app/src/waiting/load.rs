//! What the order service can take, as seen by those who send it orders.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use lmall_domain::waiting::Window;

/// An order that took longer was late: ten times what one takes on a machine that is not busy,
/// and as long as a person waits without noticing.
const LATE: Duration = Duration::from_millis(500);

/// Answers to orders, counted until they are taken.
#[derive(Debug, Default)]
pub struct Load {
    requests: AtomicU32,
    shed: AtomicU32,
    slow: AtomicU32,
}

impl Load {
    /// Counts an answer: whether the order was turned away for want of room, and how long it
    /// took, unless its sender wished to wait.
    pub fn record(&self, is_shed: bool, took: Option<Duration>) {
        self.requests.fetch_add(1, Relaxed);
        if is_shed {
            self.shed.fetch_add(1, Relaxed);
        } else if took.is_some_and(|took| took > LATE) {
            self.slow.fetch_add(1, Relaxed);
        }
    }

    /// What was counted since this was called last.
    pub fn take(&self) -> Window {
        // Bad answers first: one that comes in between is a request at least.
        let (shed, slow) = (self.shed.swap(0, Relaxed), self.slow.swap(0, Relaxed));
        Window { requests: self.requests.swap(0, Relaxed), shed, slow }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_counted_once() {
        let load = Load::default();
        load.record(false, Some(LATE));
        load.record(false, Some(LATE + Duration::from_millis(1)));
        load.record(false, None);
        load.record(true, Some(Duration::from_secs(9)));
        assert_eq!(load.take(), Window { requests: 4, shed: 1, slow: 1 });
        assert_eq!(load.take(), Window::default());
    }
}
