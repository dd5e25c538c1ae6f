//! The system's clock, which can be put forward.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::ports::Clock;
use lmall_domain::Timestamp;
use lmall_runtime::SystemClock;

/// The system's clock, and by how much its calendar is ahead.
#[derive(Default)]
pub(crate) struct ShopClock {
    system: SystemClock,
    ahead_ms: AtomicU64,
}

impl ShopClock {
    /// Puts the calendar forward.
    pub(crate) fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).expect("a test's time");
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ShopClock {
    fn now(&self) -> Timestamp {
        self.system.now().after(Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        self.system.sleep(duration).await;
    }
}
