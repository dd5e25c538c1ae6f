//! Replaying dead letters: by the clock, along the ladder, and by hand.

use std::sync::Arc;

use crate::{
    backoff,
    failure::Failure,
    ports::{Clock, DeadLetter, DeadLetterFilter, DeadLetters, Message},
};

/// Dead letters looked at in one query.
const PAGE: usize = 100;

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
}

impl Replayer {
    /// A replayer of these dead letters.
    #[must_use]
    pub fn new(letters: Arc<dyn DeadLetters>, clock: Arc<dyn Clock>) -> Self {
        Self { letters, clock }
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
        let mut done = Replayed::default();
        for letter in self.all(filter).await? {
            done.matched += 1;
            if !dry_run {
                let sent = self.letters.redrive(&letter.id, replayed(&letter)).await?;
                done.replayed += usize::from(sent);
            }
        }
        Ok(done)
    }

    /// By the clock: replays what has waited long enough, and parks what has been replayed
    /// often enough or cannot succeed.
    ///
    /// # Errors
    /// When the bus does not answer; the next run goes on.
    pub async fn run_ladder(&self) -> Result<Replayed, Failure> {
        let mut done = Replayed::default();
        let now = self.clock.now();
        for letter in self.all(DeadLetterFilter::default()).await? {
            if letter.parked_at.is_some() {
                continue;
            }
            done.matched += 1;
            let delay =
                backoff::before_replay(letter.message.replays).filter(|_| !letter.permanent);
            match delay {
                Some(delay) if now.since(letter.dead_at) >= delay => {
                    let sent = self.letters.redrive(&letter.id, replayed(&letter)).await?;
                    done.replayed += usize::from(sent);
                }
                Some(_) => {}
                None => {
                    if !self.letters.park(&letter.id).await? {
                        continue;
                    }
                    done.parked += 1;
                    tracing::error!(
                        queue.name = letter.queue.name(),
                        message.group = &*letter.message.group,
                        message.event_type = &*letter.message.event_type,
                        error = letter.cause,
                        "message parked: an operator has to look at it"
                    );
                }
            }
        }
        Ok(done)
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

/// The message of a dead letter, to be sent again. Its deduplication id is a new one: with the
/// old one, the queue would accept it within five minutes and drop it silently.
fn replayed(letter: &DeadLetter) -> Message {
    let replays = letter.message.replays + 1;
    let dedup_id = &letter.message.dedup_id;
    let original = dedup_id.split_once("#r").map_or(&**dedup_id, |(original, _)| original);
    Message { dedup_id: format!("{original}#r{replays}").into(), replays, ..letter.message.clone() }
}
