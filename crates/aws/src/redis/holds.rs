//! Holds that are asked for at the same time, in one script: most of what a single one costs a
//! server is being called.

use std::{fmt, mem, sync::Arc};

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
pub(super) struct Hold<'sku> {
    pub(super) sku: &'sku Sku,
    pub(super) order_id: OrderId,
    pub(super) quantity: u32,
}

struct Waiting {
    key: String,
    order_id: OrderId,
    quantity: u32,
    answer: oneshot::Sender<Result<Answer, Arc<CallError>>>,
}

#[derive(Default)]
struct Line {
    waiting: Vec<Waiting>,
    under_way: usize,
}

/// The holds of one server.
#[derive(Clone)]
pub(super) struct Holds {
    redis: Redis,
    line: Arc<Mutex<Line>>,
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holds").finish_non_exhaustive()
    }
}

impl Holds {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, line: Arc::default() }
    }

    /// The script's answer for this hold. Nobody waits for others: a hold travels at once, unless
    /// as many scripts as may be are under way.
    pub(super) async fn hold(&self, hold: Hold<'_>) -> Result<Answer, GateError> {
        let key = gate::key(hold.sku);
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { key, order_id: hold.order_id, quantity: hold.quantity, answer };
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
                let rest = mem::take(&mut self.line.lock().waiting);
                let _told = refuse(rest, &error);
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
    match answers.await {
        Ok(answers) if answers.len() == batch.len() => {
            for (waiting, answer) in batch.into_iter().zip(answers) {
                let _nobody_waits = waiting.answer.send(Ok(answer));
            }
            Ok(())
        }
        Ok(_) => Err(refuse(batch, &Arc::new(CallError::Strange))),
        Err(error) if error.is_refusal() && batch.len() > 1 => {
            for waiting in batch {
                match Box::pin(send(redis, vec![waiting])).await {
                    Err(error) if !error.is_refusal() => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            Ok(())
        }
        Err(error) => Err(refuse(batch, &Arc::new(error))),
    }
}

/// Tells all of them the same; gives it back.
fn refuse(batch: Vec<Waiting>, error: &Arc<CallError>) -> Arc<CallError> {
    for waiting in batch {
        let _nobody_waits = waiting.answer.send(Err(Arc::clone(error)));
    }
    Arc::clone(error)
}
