//! From a pick to a delivery: counted in the file before anybody sees it.

use lmall_app::{
    ports::{BusError, Delivery, Message, Receipt},
    topology::Queue,
};
use rusqlite::OptionalExtension;

use super::{
    Queues, bus_error,
    queue::{Flight, Pick, QueueState},
    statements::{self, MESSAGE},
};
use crate::db::{Readers, Writer};

/// The receipt of a delivery.
fn receipt(seq: i64, delivery: u64) -> Receipt {
    Receipt(format!("{seq}-{delivery}"))
}

/// The message that the receipt is for, if it is not stale.
pub(super) fn holder(state: &QueueState, receipt: &Receipt) -> Option<(i64, Flight)> {
    let (seq, delivery) = receipt.0.split_once('-')?;
    let seq = seq.parse().ok()?;
    state.flight(seq, delivery.parse().ok()?).map(|flight| (seq, flight))
}

/// Picks on their way to a consumer. What is not counted goes back when this is dropped, also
/// because the consumer no longer waits.
pub(super) struct Delivered<'a> {
    queues: &'a Queues,
    queue: Queue,
    picks: Vec<Pick>,
    /// The receive is not in the file, for certain.
    uncounted: bool,
}

impl<'a> Delivered<'a> {
    pub(super) const fn new(queues: &'a Queues, queue: Queue, picks: Vec<Pick>) -> Self {
        Self { queues, queue, picks, uncounted: true }
    }

    /// Counts the receive, and makes deliveries of the picks that are still in the file.
    pub(super) async fn count(
        mut self,
        writer: &Writer,
        readers: &Readers,
    ) -> Result<Vec<Delivery>, BusError> {
        self.read(readers).map_err(bus_error)?;
        let counts: Vec<_> =
            self.picks.iter().map(|pick| (pick.seq, pick.flight.receive_count)).collect();
        self.uncounted = false;
        let counted = writer
            .call(move |tx| counts.iter().try_for_each(|(seq, count)| tx.bus.count(*seq, *count)));
        if let Err(error) = counted.await {
            self.uncounted = true;
            return Err(bus_error(error));
        }
        let delivery = |pick: Pick| {
            let Pick { seq, flight, message } = pick;
            message.map(|message| Delivery {
                queue: self.queue,
                receipt: receipt(seq, flight.delivery),
                receive_count: flight.receive_count,
                message,
            })
        };
        Ok(std::mem::take(&mut self.picks).into_iter().filter_map(delivery).collect())
    }

    /// Reads the texts that are not in memory. A message that is not in the file was deleted
    /// by a transaction whose outcome was unknown: it is forgotten.
    fn read(&mut self, readers: &Readers) -> rusqlite::Result<()> {
        if self.picks.iter().all(|pick| pick.message.is_some()) {
            return Ok(());
        }
        readers.with(|connection| {
            let sql = format!("SELECT {MESSAGE} FROM message WHERE seq = ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            for pick in self.picks.iter_mut().filter(|pick| pick.message.is_none()) {
                let message: Option<Message> =
                    statement.query_row([pick.seq], statements::message).optional()?;
                pick.message = message;
            }
            Ok::<_, rusqlite::Error>(())
        })?;
        let (here, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.picks).into_iter().partition(|pick| pick.message.is_some());
        self.picks = here;
        for pick in gone {
            self.queues.update(self.queue, |state| state.remove(pick.seq));
        }
        Ok(())
    }
}

impl Drop for Delivered<'_> {
    fn drop(&mut self) {
        if self.picks.is_empty() {
            return;
        }
        self.queues.update(self.queue, |state| {
            for Pick { seq, flight, .. } in self.picks.drain(..) {
                if state.flight(seq, flight.delivery).is_some() {
                    let count = self.uncounted.then(|| flight.receive_count - 1);
                    state.release(seq, count);
                }
            }
        });
    }
}
