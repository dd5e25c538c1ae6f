//! The dead letters, as a process reaches them.

use async_trait::async_trait;
use lmall_app::{
    ports::{BusError, DeadLetter, DeadLetterFilter, DeadLetters, Message, QueueDepth, ReplayRun},
    topology::Queue,
};

use super::{BusPort, away, shared::id_number};
use crate::{aws::sqs::Handle, kernel::Fault};

impl BusPort {
    /// Sends a copy of what the handle names to the dead-letter queue. `false` when it is stale.
    pub(super) fn bury(&self, queue: Queue, handle: Handle, cause: &str, permanent: bool) -> bool {
        let mut state = self.aws.lock();
        let Some(stored) = state.look(queue, handle) else { return false };
        state.bury(queue, stored, cause.into(), permanent);
        true
    }

    /// Sends the message to the queue of the dead letter. `false` when that is not there.
    fn resend(&self, id: u64, message: Message) -> bool {
        let mut state = self.aws.lock();
        let Some(queue) = state.letter(id).map(|letter| letter.death.queue) else { return false };
        self.site.note(|| format!("replays {}", message.dedup_id));
        state.send(queue, message);
        true
    }

    async fn ask<T>(&self, what: &'static str, read: impl FnOnce() -> T) -> Result<T, BusError> {
        self.site.hop(what).await;
        if self.strikes(Fault::ReceiveFails) {
            self.site.hop("sqs not asked").await;
            return Err(away("the dead letters cannot be read"));
        }
        let answer = read();
        self.site.hop("sqs asked").await;
        Ok(answer)
    }
}

#[async_trait]
impl DeadLetters for BusPort {
    async fn list(
        &self,
        filter: &DeadLetterFilter,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BusError> {
        self.ask("sqs list", || self.aws.list(filter, limit)).await
    }

    /// Two calls: without the second, the letter is here still, and is sent again later.
    async fn redrive(&self, id: &str, message: Message) -> Result<bool, BusError> {
        self.site.hop("sqs replay").await;
        if self.strikes(Fault::PublishRefused) {
            self.site.hop("sqs replay refused").await;
            return Err(away("the replay is refused"));
        }
        let sent = id_number(id).filter(|id| self.resend(*id, message));
        self.site.hop("sqs replayed").await;
        let Some(id) = sent else { return Ok(false) };
        if self.strikes(Fault::RedriveHalf) {
            return Err(away("the dead letter is still there"));
        }
        let removed = self.aws.lock().dead.remove(id).is_some();
        self.site.hop("sqs replayed letter deleted").await;
        Ok(removed)
    }

    async fn park(&self, id: &str) -> Result<bool, BusError> {
        self.site.hop("sqs park").await;
        let parked = id_number(id).is_some_and(|id| {
            let mut state = self.aws.lock();
            let now = state.catch_up_dead();
            state.dead.park(now, id)
        });
        self.site.hop("sqs parked").await;
        Ok(parked)
    }

    /// The trace of the run is its record.
    async fn record(&self, run: &ReplayRun) -> Result<(), BusError> {
        self.site.note(|| {
            let ReplayRun { trigger, replayed, parked, .. } = run;
            format!("{} replayed {replayed} and parked {parked}", trigger.name())
        });
        Ok(())
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, BusError> {
        self.ask("sqs depths", || self.aws.depths()).await
    }
}
