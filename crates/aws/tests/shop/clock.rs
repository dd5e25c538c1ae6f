//! The system's clock, which can be put forward.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::ports::Clock;
use lmall_domain::Timestamp;
use lmall_runtime::SystemClock;

/// The system's clock, and by how much its calendar is ahead, and all of it.
#[derive(Default)]
pub(crate) struct ShopClock {
    system: SystemClock,
    ahead_ms: AtomicU64,
    passed_ms: AtomicU64,
}

impl ShopClock {
    /// Puts the calendar forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(milliseconds(by), Ordering::SeqCst);
    }

    /// Lets time pass: by the calendar, and by the monotonic clock.
    pub(crate) fn pass(&self, by: Duration) {
        self.advance(by);
        self.passed_ms.fetch_add(milliseconds(by), Ordering::SeqCst);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a test's time")
}

#[async_trait]
impl Clock for ShopClock {
    fn now(&self) -> Timestamp {
        self.system.now().after(Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + Duration::from_millis(self.passed_ms.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.system.sleep(duration).await;
    }
}
