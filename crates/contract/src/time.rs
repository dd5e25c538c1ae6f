//! Time that passes at a word, and time that has to be waited for.

use std::time::Duration;

use async_trait::async_trait;

use crate::clock::ManualClock;

/// How a suite lets time pass, on whatever the adapter goes by.
#[async_trait]
pub trait Time: Send + Sync {
    /// Lets it pass.
    async fn pass(&self, duration: Duration);

    /// Returns when a task that was started before has come to wait.
    async fn somebody_waits(&self);

    /// The shortest time that the adapter can tell from none.
    fn step(&self) -> Duration;

    /// How long something that has happened may take to show.
    fn patience(&self) -> Duration;

    /// For how long deliveries are invisible.
    fn visibility(&self) -> Duration;
}

#[async_trait]
impl Time for ManualClock {
    async fn pass(&self, duration: Duration) {
        self.advance(duration);
    }

    async fn somebody_waits(&self) {
        while self.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
    }

    fn step(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn visibility(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// The time of a server that counts whole seconds.
pub struct RealTime;

#[async_trait]
impl Time for RealTime {
    async fn pass(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn somebody_waits(&self) {}

    fn step(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn visibility(&self) -> Duration {
        Duration::from_secs(3)
    }
}
