//! A clock that is tokio's, which a test pauses, and a wall clock that a test can set.

use std::time::Duration;

use async_trait::async_trait;
use lmall_app::ports::Clock;
use lmall_domain::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

/// What the wall clock says when a test begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_768_386_600_000);

pub(crate) struct TestClock {
    start: Instant,
    /// The wall clock at `start`, as it is thought to have been since it was last set.
    wall: Mutex<Timestamp>,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), wall: Mutex::new(START) }
    }

    /// Sets the wall clock back, or forward where `ms` is positive. Nothing else notices.
    pub(crate) fn set_wall_by(&self, ms: i64) {
        let mut wall = self.wall.lock();
        *wall = Timestamp::from_millis(wall.as_millis() + ms);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.wall.lock().after(self.start.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
