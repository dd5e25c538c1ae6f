//! Deleting: what is to be deleted within a short window travels together.

use std::{mem, sync::Arc, time::Duration};

use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use lmall_app::{
    failure::chain,
    ports::{BusError, Receipt},
    topology::Queue,
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{Inner, is_stale, refused};

/// Entries in one call.
const ENTRIES_MAX: usize = 10;

/// How long a first entry waits for others. It delays the next message of its group by as much.
const WINDOW: Duration = Duration::from_millis(10);

type Answer = Result<(), String>;

/// What waits to be deleted.
#[derive(Default)]
pub(super) struct Deletes {
    lines: [Mutex<Vec<Waiting>>; Queue::ALL.len()],
}

struct Waiting {
    receipt: Receipt,
    answer: oneshot::Sender<Answer>,
}

impl Deletes {
    fn line(&self, queue: Queue) -> &Mutex<Vec<Waiting>> {
        let [order, inventory, payment, analytics, product, customer] = &self.lines;
        match queue {
            Queue::Order => order,
            Queue::Inventory => inventory,
            Queue::Payment => payment,
            Queue::Analytics => analytics,
            Queue::Product => product,
            Queue::Customer => customer,
        }
    }
}

pub(super) async fn delete(
    inner: &Arc<Inner>,
    queue: Queue,
    receipts: Vec<Receipt>,
) -> Result<(), BusError> {
    let answers: Vec<_> =
        receipts.into_iter().map(|receipt| enqueue(inner, queue, receipt)).collect();
    let mut result = Ok(());
    for answer in answers {
        let answer = answer.await.unwrap_or_else(|_| Err("the process is to stop".to_owned()));
        result = result.and(answer);
    }
    result.map_err(refused)
}

fn enqueue(inner: &Arc<Inner>, queue: Queue, receipt: Receipt) -> oneshot::Receiver<Answer> {
    let (answer, answered) = oneshot::channel();
    let mut waiting = inner.deletes.line(queue).lock();
    waiting.push(Waiting { receipt, answer });
    let full = (waiting.len() == ENTRIES_MAX).then(|| mem::take(&mut *waiting));
    let is_first = waiting.len() == 1;
    drop(waiting);
    let inner = Arc::clone(inner);
    if let Some(batch) = full {
        tokio::spawn(async move { flush(&inner, queue, batch).await });
    } else if is_first {
        tokio::spawn(async move {
            tokio::time::sleep(WINDOW).await;
            let batch = mem::take(&mut *inner.deletes.line(queue).lock());
            flush(&inner, queue, batch).await;
        });
    }
    answered
}

/// One call. An entry that its answer does not mention was not deleted.
async fn flush(inner: &Inner, queue: Queue, batch: Vec<Waiting>) {
    if batch.is_empty() {
        return;
    }
    let entries = batch.iter().enumerate().map(|(index, waiting)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
        entry.receipt_handle(&waiting.receipt.0).build().expect("it has an id and a handle")
    });
    let request = inner.clients.sqs.delete_message_batch();
    let request = request.queue_url(inner.clients.site.queue_url(queue));
    let answer = request.set_entries(Some(entries.collect())).send().await;
    let answer = answer.map_err(|error| chain(&error));
    for (index, waiting) in batch.into_iter().enumerate() {
        let id = index.to_string();
        let said = answer.as_ref().map_err(Clone::clone).and_then(|answer| {
            if answer.successful().iter().any(|entry| entry.id() == id) {
                return Ok(());
            }
            let failed = answer.failed().iter().find(|entry| entry.id() == id);
            let failed = failed.ok_or("the answer does not mention this entry")?;
            let (code, text) = (failed.code(), failed.message().unwrap_or_default());
            if is_stale(code, text) { Ok(()) } else { Err(format!("{code}: {text}")) }
        });
        // Nobody may be waiting any more.
        let _unheard = waiting.answer.send(said);
    }
}
