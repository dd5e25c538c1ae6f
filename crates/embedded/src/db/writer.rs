//! The one thread that writes: many jobs, one transaction, one `fsync`.
//!
//! A job runs inside the transaction of its batch and answers after the commit, so an answer
//! is always about something durable. Jobs are answered in the order in which they ran.

mod job;
mod pace;
mod queue;
mod thread;

use std::{
    sync::{Arc, mpsc},
    thread::{JoinHandle, ThreadId},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{Checkpointer, Counters, Opened};

use job::FnJob;
pub(crate) use job::{Failure, Tx};
use queue::Queue;

/// The way to the writer's thread.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(
        opened: Opened,
        checkpointer: Checkpointer,
        counters: Arc<Counters>,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(Arc::clone(&counters)));
        let own = Arc::clone(&queue);
        let (ready, readiness) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name("lmall-writer".to_owned()).spawn(move || {
                thread::serve(opened, &own, &checkpointer, &counters, &ready);
            })?;
        // The thread prepares its statements first: a file without our tables fails here.
        readiness
            .recv()
            .unwrap_or_else(|_| Err("the writer ended at once".to_owned()))
            .map_err(std::io::Error::other)?;
        Ok(Self { queue, thread_id: thread.thread().id(), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `run` in the next transaction, and `done` once its fate is known, on the writer's
    /// thread. `run` may be called again when its transaction was rolled back.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
        done: impl FnOnce(Result<T, Failure>) + Send + 'static,
    ) {
        self.queue.push(Box::new(FnJob::new(run, done)));
    }

    /// [`Writer::submit`], and waits for the result of `run`. It runs also when the caller no
    /// longer waits.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.call_then(run, |_| {}).await
    }

    /// [`Writer::call`], with something to do after the commit and before the answer.
    pub(crate) async fn call_then<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
        then: impl FnOnce(&mut Result<T, Failure>) + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        self.submit(run, |mut result| {
            then(&mut result);
            // The caller may have gone.
            let _ = answer.send(result);
        });
        answered.await.unwrap_or(Err(Failure::Gone))
    }

    /// Takes no more jobs, does those it has, writes the log back and ends the thread.
    pub(crate) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().take();
        // The last owner of the store may be a job, which is dropped on the thread itself.
        if std::thread::current().id() == self.thread_id {
            return;
        }
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the writer thread panicked");
        }
    }
}
