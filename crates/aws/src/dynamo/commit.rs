//! Committing a changeset: one request, sent again only where that is harmless.
//!
//! A transaction has a random token, so that DynamoDB does nothing when the same one comes
//! twice within ten minutes: while its outcome is unknown it is sent again under its token. A
//! single write has no token, and sent again it would be refused by its own first effect: so an
//! unknown outcome is the answer. What is known not to have happened is tried again, a few
//! times.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    ReturnConsumedCapacity::Total, ReturnValuesOnConditionCheckFailure::AllOld,
};
use lmall_app::{Changeset, Refusal, Write, ports::CommitError};

use super::{
    Inner,
    plan::{Action, NotARequest, Plan},
    verdict::{self, Verdict},
};

/// How often a changeset is sent at most.
const ATTEMPTS_MAX: u32 = 8;

/// No attempt begins later than this after the first one: less than a caller waits.
const RETRY_WITHIN: Duration = Duration::from_secs(5);

/// The longest pause before the second attempt, in milliseconds; each next one is twice as long.
const PAUSE_MS: u64 = 20;

/// The longest pause at all, in milliseconds.
const PAUSE_MS_MAX: u64 = 640;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A row that has no counters.
#[derive(Debug, thiserror::Error)]
#[error("an adjustment of a row that is not an object of whole numbers")]
struct NoCounters(#[source] Cause);

/// What came of one attempt.
type Attempt = Result<(), (Verdict, Cause)>;

impl Inner {
    pub(super) async fn commit(&self, changeset: &Changeset) -> Result<(), CommitError> {
        debug_assert!(!changeset.is_empty(), "a transaction has at least one write");
        let plan = Plan::new(changeset).map_err(impossible)?;
        match plan.only() {
            Some((write, refusal)) => self.commit_one(write, *refusal).await,
            None => self.commit_many(&plan).await,
        }
    }

    async fn commit_one(&self, write: &Write, refusal: Refusal) -> Result<(), CommitError> {
        let mut tries = Tries::new(self);
        loop {
            let (action, _) = Action::new(write).map_err(impossible)?;
            let table = self.names.of(write.key().table);
            let Err((verdict, cause)) = self.send_one(table, action, refusal).await else {
                return Ok(());
            };
            match verdict {
                Verdict::Busy(_) if tries.again().await => {}
                Verdict::Perhaps => return Err(CommitError::Unknown(cause)),
                verdict @ (Verdict::Refused(_)
                | Verdict::Impossible
                | Verdict::Never
                | Verdict::Busy(_)) => return Err(answer(verdict, cause)),
            }
        }
    }

    async fn commit_many(&self, plan: &Plan<'_>) -> Result<(), CommitError> {
        let mut tries = Tries::new(self);
        let mut token = token().map_err(|error| CommitError::Unavailable(error.into()))?;
        // Whether an attempt under this token may have taken effect, or may yet.
        let mut in_doubt = false;
        loop {
            let actions = plan.actions(&self.names).map_err(impossible)?;
            let sent = self.once.transact_write_items().set_transact_items(Some(actions));
            let sent = sent.client_request_token(&token).return_consumed_capacity(Total);
            let error = match sent.send().await {
                Ok(done) => {
                    self.meter.consumed(done.consumed_capacity());
                    return Ok(());
                }
                Err(error) => error,
            };
            let refusals = plan.writes().map(|(_, refusal)| *refusal);
            let verdict = verdict::of_transaction(&error, refusals);
            in_doubt |= verdict == Verdict::Perhaps;
            let cause = Cause::from(error);
            match verdict {
                Verdict::Perhaps if tries.again().await => {}
                Verdict::Busy(_) if tries.again().await => {
                    if !in_doubt {
                        token = self::token().map_err(|e| CommitError::Unavailable(e.into()))?;
                    }
                }
                // The first attempt may still be on its way, and find that it holds.
                Verdict::Refused(_)
                | Verdict::Impossible
                | Verdict::Never
                | Verdict::Busy(_)
                | Verdict::Perhaps
                    if in_doubt =>
                {
                    return Err(CommitError::Unknown(cause));
                }
                verdict @ (Verdict::Refused(_)
                | Verdict::Impossible
                | Verdict::Never
                | Verdict::Busy(_)
                | Verdict::Perhaps) => return Err(answer(verdict, cause)),
            }
        }
    }

    async fn send_one(&self, table: &str, action: Action, refusal: Refusal) -> Attempt {
        let capacity = match action {
            Action::Put { item, condition, values } => {
                let put = self.once.put_item().table_name(table).set_item(Some(item));
                let put = put.condition_expression(condition).return_consumed_capacity(Total);
                let answer = put.set_expression_attribute_values(values).send().await;
                let done = answer.map_err(|e| (verdict::of_put(&e, refusal), Cause::from(e)))?;
                done.consumed_capacity
            }
            Action::Update { key, update, condition, values } => {
                let change = self.once.update_item().table_name(table).set_key(Some(key));
                let change = change.update_expression(update).condition_expression(condition);
                let change = change.set_expression_attribute_values(Some(values));
                let change = change.return_values_on_condition_check_failure(AllOld);
                let answer = change.return_consumed_capacity(Total).send().await;
                let done = answer.map_err(|e| (verdict::of_update(&e, refusal), Cause::from(e)))?;
                done.consumed_capacity
            }
            Action::Check { .. } => unreachable!("a condition is sent in a transaction"),
            Action::Delete { key, condition, values } => {
                let delete = self.once.delete_item().table_name(table).set_key(Some(key));
                let delete = delete.condition_expression(condition).return_consumed_capacity(Total);
                let answer = delete.set_expression_attribute_values(Some(values)).send().await;
                let done = answer.map_err(|e| (verdict::of_delete(&e, refusal), Cause::from(e)))?;
                done.consumed_capacity
            }
        };
        self.meter.consumed(&capacity);
        Ok(())
    }
}

/// A changeset that was never sent.
fn impossible(error: NotARequest) -> CommitError {
    CommitError::Unavailable(error.into())
}

fn answer(verdict: Verdict, cause: Cause) -> CommitError {
    match verdict {
        // The last attempt was cancelled, and this is all that is known of why.
        Verdict::Refused(refusal) | Verdict::Busy(Some(refusal)) => CommitError::Refused(refusal),
        Verdict::Impossible => CommitError::Unavailable(Box::new(NoCounters(cause))),
        Verdict::Never | Verdict::Busy(None) => CommitError::Unavailable(cause),
        Verdict::Perhaps => CommitError::Unknown(cause),
    }
}

/// Counts attempts, and waits between them.
struct Tries<'a> {
    inner: &'a Inner,
    began: Duration,
    made: u32,
}

impl<'a> Tries<'a> {
    fn new(inner: &'a Inner) -> Self {
        Self { inner, began: inner.clock.monotonic(), made: 1 }
    }

    /// Waits, if there may be one more.
    async fn again(&mut self) -> bool {
        let passed = self.inner.clock.monotonic().saturating_sub(self.began);
        if self.made == ATTEMPTS_MAX || passed > RETRY_WITHIN {
            return false;
        }
        self.inner.clock.sleep(super::pause(self.made, PAUSE_MS, PAUSE_MS_MAX)).await;
        self.made += 1;
        true
    }
}

/// A token that no other request has: 128 random bits.
fn token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}
