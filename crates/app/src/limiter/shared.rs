//! A limiter that all tasks share, and what each does while it is away.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_domain::{
    breaker::{Phase, Settings},
    limit::{Limit, Taken},
};

use super::LocalLimiter;
use crate::{
    circuit::Circuit,
    failure::chain,
    ports::{BucketId, Clock, LimiterError, RateLimiter},
};

/// One failure is enough: the next request shall not wait for another. After a second one request
/// tries whether it is back.
const AWAY: Settings = Settings {
    window: Duration::from_secs(1),
    volume_min: 1,
    failures_percent: 0,
    open_for: Duration::from_secs(1),
    probes: 1,
};

/// Asks the limiter that all tasks share; while that does not answer, admits this task's share of
/// each limit from buckets of its own. It always answers.
///
/// So with the shared one away, a caller who is spread over all tasks gets what the limit says, one
/// who always reaches the same task a part of it, and nobody gets more: those who are turned away
/// wrongly may come again, and what is behind stays whole. Buckets begin full on either side, so a
/// change from one to the other admits one burst more.
pub struct SharedLimiter {
    shared: Arc<dyn RateLimiter>,
    local: LocalLimiter,
    tasks: u32,
    circuit: Circuit,
}

impl SharedLimiter {
    /// `shared`, or this one's part of what `tasks` tasks may admit together.
    #[must_use]
    pub fn new(shared: Arc<dyn RateLimiter>, tasks: u32, clock: Arc<dyn Clock>) -> Self {
        let local = LocalLimiter::new(Arc::clone(&clock));
        Self { shared, local, tasks, circuit: Circuit::new(AWAY, clock) }
    }

    /// Whether this task is on its own now.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.circuit.phase() != Phase::Closed
    }
}

#[async_trait]
impl RateLimiter for SharedLimiter {
    async fn take(&self, bucket: &BucketId, limit: Limit) -> Result<Taken, LimiterError> {
        if let Ok(passage) = self.circuit.enter() {
            match self.shared.take(bucket, limit).await {
                Ok(taken) => {
                    passage.answered();
                    return Ok(taken);
                }
                Err(error) => {
                    let is_first = !self.is_alone();
                    passage.unanswered();
                    if is_first {
                        let error = chain(&error);
                        tracing::warn!(error, "each task keeps its share of the limits alone");
                    }
                }
            }
        }
        Ok(self.local.take_now(bucket, limit.shared_by(self.tasks)))
    }
}
