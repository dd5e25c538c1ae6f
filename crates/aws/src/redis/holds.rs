//! Holds that are asked for at the same time, in one script: most of what a single one costs a
//! server is being called.

use std::{mem, sync::Arc};

use lmall_app::ports::GateError;
use lmall_domain::{OrderId, Sku};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    connection::{CallError, Redis},
    gate, script,
};

/// Holds in one script: some hundred microseconds in which the server serves nobody else.
const HOLDS_MAX: usize = 64;

/// Scripts under way: while the server runs one, the next one travels.
const UNDER_WAY_MAX: usize = 2;

/// What a script says of a hold; nothing when the gate is closed.
type Answer = Option<String>;

/// A hold that is asked for.
#[derive(Debug)]
struct Waiting {
    key: String,
    order_id: OrderId,
    quantity: u32,
    answer: oneshot::Sender<Result<Answer, Arc<CallError>>>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: Vec<Waiting>,
    under_way: usize,
}

/// The holds of one server.
#[derive(Debug, Clone)]
pub(super) struct Holds {
    redis: Redis,
    line: Arc<Mutex<Line>>,
}

impl Holds {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, line: Arc::default() }
    }

    /// The script's answer for this hold. Nobody waits for others: a hold travels at once, unless
    /// as many scripts as may be are under way.
    pub(super) async fn hold(
        &self,
        sku: &Sku,
        order_id: OrderId,
        quantity: u32,
    ) -> Result<Answer, GateError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { key: gate::key(sku), order_id, quantity, answer };
        // The keys of a cluster are on many nodes, and a script runs on one.
        if self.redis.is_cluster() {
            // Whoever waits is told.
            let _told = send(&self.redis, vec![waiting]).await;
        } else {
            self.enqueue(waiting);
        }
        match answered.await {
            Ok(answer) => answer.map_err(|error| GateError(Box::new(error))),
            Err(stopping) => Err(GateError(Box::new(stopping))),
        }
    }

    fn enqueue(&self, waiting: Waiting) {
        let mut line = self.line.lock();
        line.waiting.push(waiting);
        if line.under_way < UNDER_WAY_MAX {
            line.under_way += 1;
            tokio::spawn(self.clone().carry());
        }
    }

    /// Carries what waits until nothing does.
    async fn carry(self) {
        while let Some(batch) = self.next() {
            if let Err(error) = send(&self.redis, batch).await {
                // A server that does not answer now is not asked on behalf of each.
                refuse(mem::take(&mut self.line.lock().waiting), &error);
            }
        }
    }

    fn next(&self) -> Option<Vec<Waiting>> {
        let mut line = self.line.lock();
        let count = line.waiting.len().min(HOLDS_MAX);
        if count == 0 {
            line.under_way -= 1;
            return None;
        }
        Some(line.waiting.drain(..count).collect())
    }
}

/// Runs one script and hands out its answers. What the server refuses together is asked for one by
/// one: a key that is not a gate stands in nobody else's way, and a hold may be repeated.
async fn send(redis: &Redis, batch: Vec<Waiting>) -> Result<(), Arc<CallError>> {
    let keys: Vec<_> = batch.iter().map(|waiting| waiting.key.as_str()).collect();
    let answers = redis.run_on::<Vec<Answer>>(&script::HOLD, &keys, |call| {
        for Waiting { order_id, quantity, .. } in &batch {
            gate::hold_arguments(call, *order_id, *quantity);
        }
    });
    let error = match answers.await {
        Ok(answers) if answers.len() == batch.len() => {
            for (waiting, answer) in batch.into_iter().zip(answers) {
                let _nobody_waits = waiting.answer.send(Ok(answer));
            }
            return Ok(());
        }
        Ok(_) => CallError::Strange,
        Err(error) => error,
    };
    if !error.is_refusal() || batch.len() == 1 {
        let error = Arc::new(error);
        refuse(batch, &error);
        return Err(error);
    }
    let mut one_by_one = batch.into_iter();
    while let Some(waiting) = one_by_one.next() {
        match Box::pin(send(redis, vec![waiting])).await {
            Err(error) if !error.is_refusal() => {
                refuse(one_by_one, &error);
                return Err(error);
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Tells all of them the same.
fn refuse(all: impl IntoIterator<Item = Waiting>, error: &Arc<CallError>) {
    for waiting in all {
        let _nobody_waits = waiting.answer.send(Err(Arc::clone(error)));
    }
}
