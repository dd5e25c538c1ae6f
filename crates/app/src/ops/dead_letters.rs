//! Replaying dead letters: by the clock, along the ladder, and by hand.

use std::{sync::Arc, time::Duration};

use crate::{
    backoff,
    failure::{Failure, chain},
    ports::{
        Clock, DeadLetter, DeadLetterFilter, DeadLetters, LoggedNotices, Message, Notice, Notices,
        ReplayRun, ReplayTrigger,
    },
};

/// Dead letters looked at in one query.
const PAGE: usize = 100;

/// Dead letters sent again in a second, unless it is said otherwise: a consumer that has just
/// recovered has new messages to handle, too.
const RATE_MAX: usize = 100;

/// What a replay came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Dead letters that the filter lets through.
    pub matched: usize,
    /// Of those, sent again.
    pub replayed: usize,
    /// Of those, left to an operator.
    pub parked: usize,
}

/// Replays dead letters.
#[derive(Clone)]
pub struct Replayer {
    letters: Arc<dyn DeadLetters>,
    clock: Arc<dyn Clock>,
    notices: Arc<dyn Notices>,
    rate: usize,
}

impl Replayer {
    /// A replayer of these dead letters, which tells the log what it parks.
    #[must_use]
    pub fn new(letters: Arc<dyn DeadLetters>, clock: Arc<dyn Clock>) -> Self {
        Self { letters, clock, notices: Arc::new(LoggedNotices), rate: RATE_MAX }
    }

    /// The same, telling these of what it parks.
    #[must_use]
    pub fn telling(self, notices: Arc<dyn Notices>) -> Self {
        Self { notices, ..self }
    }

    /// The same, sending at most so many dead letters a second, and at least one.
    #[must_use]
    pub fn at_most(self, a_second: usize) -> Self {
        Self { rate: a_second.max(1), ..self }
    }

    /// By hand: every dead letter that `filter` lets through, at once, parked ones too. With
    /// `dry_run`, only counts.
    ///
    /// # Errors
    /// When the bus does not answer; what was sent stays sent.
    pub async fn replay(
        &self,
        filter: DeadLetterFilter,
        dry_run: bool,
    ) -> Result<Replayed, Failure> {
        let mut run = Run::new(self, ReplayTrigger::Operator, filter.clone());
        let result = self.replay_all(filter, dry_run, &mut run).await;
        run.end(result).await
    }

    /// By the clock: replays what has waited long enough, and parks what has been replayed
    /// often enough or cannot succeed.
    ///
    /// # Errors
    /// When the bus does not answer; the next run goes on.
    pub async fn run_ladder(&self) -> Result<Replayed, Failure> {
        let mut run = Run::new(self, ReplayTrigger::Schedule, DeadLetterFilter::default());
        let result = self.climb(&mut run).await;
        run.end(result).await
    }

    async fn replay_all(
        &self,
        filter: DeadLetterFilter,
        dry_run: bool,
        run: &mut Run<'_>,
    ) -> Result<(), Failure> {
        for letter in self.all(filter).await? {
            run.done.matched += 1;
            if !dry_run {
                run.send(&letter).await?;
            }
        }
        Ok(())
    }

    async fn climb(&self, run: &mut Run<'_>) -> Result<(), Failure> {
        let now = self.clock.now();
        for letter in self.all(DeadLetterFilter::default()).await? {
            if letter.parked_at.is_some() {
                continue;
            }
            run.done.matched += 1;
            let delay =
                backoff::before_replay(letter.message.replays).filter(|_| !letter.permanent);
            match delay {
                Some(delay) if now.since(letter.dead_at) >= delay => run.send(&letter).await?,
                Some(_) => {}
                None => run.park(letter).await?,
            }
        }
        Ok(())
    }

    async fn all(&self, mut filter: DeadLetterFilter) -> Result<Vec<DeadLetter>, Failure> {
        let mut letters: Vec<DeadLetter> = Vec::new();
        loop {
            let page = self.letters.list(&filter, PAGE).await?;
            let full = page.len() == PAGE;
            filter.after = page.last().map(|letter| letter.id.clone());
            letters.extend(page);
            if !full {
                return Ok(letters);
            }
        }
    }
}

/// A run under way.
struct Run<'a> {
    replayer: &'a Replayer,
    record: ReplayRun,
    done: Replayed,
    /// Sent since then.
    second: (Duration, usize),
}

impl<'a> Run<'a> {
    fn new(replayer: &'a Replayer, trigger: ReplayTrigger, filter: DeadLetterFilter) -> Self {
        let started_at = replayer.clock.now();
        let record = ReplayRun { trigger, filter, started_at, replayed: 0, parked: 0 };
        let second = (replayer.clock.monotonic(), 0);
        Self { replayer, record, done: Replayed::default(), second }
    }

    async fn send(&mut self, letter: &DeadLetter) -> Result<(), Failure> {
        self.keep_the_rate().await;
        let sent = self.replayer.letters.redrive(&letter.id, replayed(letter)).await?;
        self.done.replayed += usize::from(sent);
        Ok(())
    }

    /// Waits for the next second when this one's share was sent.
    async fn keep_the_rate(&mut self) {
        const SECOND: Duration = Duration::from_secs(1);
        let clock = &self.replayer.clock;
        if self.second.1 >= self.replayer.rate {
            let passed = clock.monotonic().saturating_sub(self.second.0);
            if passed < SECOND {
                clock.sleep(SECOND - passed).await;
            }
            self.second = (clock.monotonic(), 0);
        }
        self.second.1 += 1;
    }

    async fn park(&mut self, letter: DeadLetter) -> Result<(), Failure> {
        if !self.replayer.letters.park(&letter.id).await? {
            return Ok(());
        }
        self.done.parked += 1;
        let notice = Notice::MessageParked {
            queue: letter.queue.name(),
            id: letter.id,
            event_type: letter.message.event_type.to_string(),
            order_id: letter.message.group.to_string(),
            cause: letter.cause,
        };
        self.replayer.notices.tell(notice).await;
        Ok(())
    }

    /// Records what was done, also by a run that failed on the way. What was sent stays sent,
    /// so a record that cannot be kept is logged instead.
    async fn end(mut self, result: Result<(), Failure>) -> Result<Replayed, Failure> {
        let count = |done: usize| u64::try_from(done).unwrap_or(u64::MAX);
        self.record.replayed = count(self.done.replayed);
        self.record.parked = count(self.done.parked);
        if self.done.replayed + self.done.parked > 0
            && let Err(error) = self.replayer.letters.record(&self.record).await
        {
            let error = chain(&error);
            tracing::error!(run = ?self.record, error, "a replay was not recorded");
        }
        result.map(|()| self.done)
    }
}

/// The message of a dead letter, to be sent again. Its deduplication id is a new one: with the
/// old one, the queue would accept it within five minutes and drop it silently.
fn replayed(letter: &DeadLetter) -> Message {
    let replays = letter.message.replays + 1;
    let dedup_id = &letter.message.dedup_id;
    let original = dedup_id.split_once("#r").map_or(&**dedup_id, |(original, _)| original);
    Message { dedup_id: format!("{original}#r{replays}").into(), replays, ..letter.message.clone() }
}

#[cfg(test)]
mod tests;
