//! Tasks of tokio, and those that run without being asked: consumers and schedules.

use std::{error::Error, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use lmall_app::{
    consumer::{self, Consumer, Options, Runtime},
    failure::chain,
    ports::{Bus, Clock, Spawn},
    shutdown::Shutdown,
};
use tokio::task::JoinSet;

/// Tasks of the surrounding tokio runtime.
#[derive(Debug, Clone, Copy)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

/// What a process does without being asked. Each task ends by itself once `stop` is fired;
/// dropping this ends them wherever they are.
pub struct Tasks {
    running: JoinSet<()>,
    clock: Arc<dyn Clock>,
    stop: Shutdown,
}

impl Tasks {
    /// None yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, stop: Shutdown) -> Self {
        Self { running: JoinSet::new(), clock, stop }
    }

    /// What tells the tasks to end.
    #[must_use]
    pub fn stop(&self) -> Shutdown {
        self.stop.clone()
    }

    /// Runs a task that watches [`stop`](Self::stop) itself.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(task);
    }

    /// Runs a consumer on this bus.
    pub fn consume(&mut self, consumer: Arc<dyn Consumer>, bus: Arc<dyn Bus>, options: Options) {
        let runtime = Runtime { bus, clock: self.clock.clone(), spawn: Arc::new(TokioSpawn) };
        self.spawn(consumer::run(consumer, runtime, options, self.stop()));
    }

    /// Runs a job again and again, a period after it ended. It looks at the whole state each
    /// time, so a run that is missed or doubled is harmless. It says how much it found to do.
    pub fn every<E, F>(
        &mut self,
        period: Duration,
        name: &'static str,
        job: impl Fn() -> F + Send + 'static,
    ) where
        E: Error + Send,
        F: Future<Output = Result<usize, E>> + Send,
    {
        let (clock, mut stop) = (self.clock.clone(), self.stop());
        self.spawn(async move {
            while stop.pause(&*clock, period).await {
                match job().await {
                    Ok(0) => {}
                    Ok(found) => tracing::info!(job = name, found, "job done"),
                    Err(error) => {
                        tracing::warn!(job = name, error = chain(&error), "job failed");
                    }
                }
            }
        });
    }

    /// Waits until all have ended, at most `within`; `false` when some had not.
    pub async fn ended(self, within: Duration) -> bool {
        tokio::time::timeout(within, self.running.join_all()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use lmall_app::{failure::Failure, shutdown};

    use super::*;
    use crate::SystemClock;

    #[tokio::test(start_paused = true)]
    async fn a_job_that_fails_runs_again_until_it_is_to_stop() {
        let (trigger, stop) = shutdown::channel();
        let mut tasks = Tasks::new(Arc::new(SystemClock::default()), stop);
        let runs = Arc::new(AtomicUsize::new(0));
        let (counted, trigger) = (runs.clone(), Arc::new(trigger));
        tasks.every(Duration::from_secs(60), "fails", move || {
            let (counted, trigger) = (counted.clone(), trigger.clone());
            async move {
                if counted.fetch_add(1, Ordering::SeqCst) == 2 {
                    trigger.fire();
                }
                Err::<usize, _>(Failure::NotYet("never"))
            }
        });
        assert!(tasks.ended(Duration::from_secs(3600)).await);
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_left() {
        let (_trigger, stop) = shutdown::channel();
        let mut tasks = Tasks::new(Arc::new(SystemClock::default()), stop);
        tasks.spawn(std::future::pending());
        assert!(!tasks.ended(Duration::from_secs(2)).await);
    }
}
