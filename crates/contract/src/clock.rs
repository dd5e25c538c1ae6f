//! Time that stands still until it is told.

use std::time::Duration;

use async_trait::async_trait;
use lmall_app::ports::Clock;
use lmall_domain::Timestamp;
use tokio::sync::watch;

/// 2026-01-14T10:30:00Z.
const START_MS: i64 = 1_768_386_600_000;

/// A clock that stands still until it is told.
pub struct ManualClock(watch::Sender<Duration>);

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ManualClock {
    /// A clock at its start.
    pub fn new() -> Self {
        Self(watch::Sender::new(Duration::ZERO))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|passed| *passed += by);
    }

    /// Tasks that wait for time to pass.
    pub fn sleepers(&self) -> usize {
        self.0.receiver_count()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(START_MS).after(*self.0.borrow())
    }

    fn monotonic(&self) -> Duration {
        *self.0.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut passed = self.0.subscribe();
        let until = *passed.borrow() + duration;
        passed.wait_for(|passed| *passed >= until).await.expect("the clock outlives sleepers");
    }
}
