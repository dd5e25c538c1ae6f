//! Who writes down what happens in the rooms.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lmall_app::{
    Changeset, Refusal, Write,
    failure::{Failure, chain},
    ports::{Clock, CommitError, NewRow, Store},
    row,
    shutdown::Shutdown,
};
use lmall_domain::{
    Sku, Timestamp,
    limits::TRANSACTION_WRITES_MAX,
    waiting::{Event, Room, Settings},
};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    Change, Kept, Rooms, Wish,
    log::{self, RoomRow},
};

/// Wishes written down together: with one event each, two rows.
const TOGETHER_MAX: usize = 1_000;

/// The pause before the store is asked again whether it has taken something.
const ASK_PAUSE: Duration = Duration::from_millis(200);

/// Writes down what happens in the rooms, in one order.
pub struct Clerk {
    rooms: Rooms,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wishes: mpsc::Receiver<Wish>,
    /// The last room's: rooms are told apart by it.
    opened_at: Timestamp,
}

/// What one change comes to: its room, its events, and who waits for them.
struct Decided {
    kept: Arc<Mutex<Kept>>,
    sku: Sku,
    events: Vec<Event>,
    done: tokio::sync::oneshot::Sender<Result<usize, Failure>>,
}

impl Clerk {
    pub(super) fn new(
        rooms: Rooms,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        wishes: mpsc::Receiver<Wish>,
    ) -> Self {
        let opened = rooms.read().values().map(|kept| kept.lock().opened_at).max();
        Self { rooms, store, clock, wishes, opened_at: opened.unwrap_or_default() }
    }

    /// Serves until it is to stop, or nobody can ask any more.
    pub async fn run(mut self, mut stop: Shutdown) {
        if let Err(failure) = self.finish_closing().await {
            tracing::warn!(error = chain(&failure), "a waiting room is not cleared away yet");
        }
        let mut wishes = Vec::with_capacity(TOGETHER_MAX);
        loop {
            let count = tokio::select! {
                biased;
                count = self.wishes.recv_many(&mut wishes, TOGETHER_MAX) => count,
                () = stop.fired() => 0,
            };
            if count == 0 {
                return;
            }
            let mut changes = Vec::with_capacity(count);
            for wish in wishes.drain(..) {
                match wish {
                    Wish::Change(change) => changes.push(change),
                    // What was wished for before comes before it.
                    Wish::Open(sku, settings, done) => {
                        self.change(std::mem::take(&mut changes)).await;
                        let _gone = done.send(self.open(sku, settings).await);
                    }
                    Wish::Close(sku, done) => {
                        self.change(std::mem::take(&mut changes)).await;
                        let _gone = done.send(self.close(&sku).await);
                    }
                }
            }
            self.change(changes).await;
        }
    }

    /// Carries changes out, all in as few transactions as there can be.
    async fn change(&self, changes: Vec<Change>) {
        let now = self.clock.now();
        let mut rest: Vec<Decided> = Vec::with_capacity(changes.len());
        for Change { sku, decide, done } in changes {
            let Some(kept) = self.rooms.read().get(&sku).map(Arc::clone) else {
                let _gone = done.send(Ok(0));
                continue;
            };
            let events = decide(&mut kept.lock().room, now);
            if events.is_empty() {
                let _gone = done.send(Ok(0));
            } else {
                rest.push(Decided { kept, sku, events, done });
            }
        }
        while !rest.is_empty() {
            let (rows, taken) = self.rows(&rest);
            let later = rest.split_off(taken);
            let outcome = self.commit(rows).await;
            self.take_note(std::mem::replace(&mut rest, later), outcome);
        }
    }

    /// The rows of as many of these as fit into a transaction: at least one does, since a round
    /// makes few rows.
    fn rows(&self, decided: &[Decided]) -> (Vec<NewRow>, usize) {
        let mut by_room: BTreeMap<&Sku, (&Arc<Mutex<Kept>>, Vec<Event>)> = BTreeMap::new();
        let (mut taken, mut events) = (0, 0);
        for one in decided {
            let rooms = by_room.len() + usize::from(!by_room.contains_key(&one.sku));
            events += one.events.len();
            // Each room may leave its last row half empty.
            if taken > 0 && rooms + events / log::EVENTS_PER_ROW >= TRANSACTION_WRITES_MAX - 1 {
                break;
            }
            let (_, all) = by_room.entry(&one.sku).or_insert((&one.kept, Vec::new()));
            all.extend(one.events.iter().cloned());
            taken += 1;
        }
        let mut rows = Vec::new();
        for (sku, (kept, events)) in by_room {
            let kept = kept.lock();
            rows.extend(log::rows(sku, kept.opened_at, kept.rows, &events));
        }
        (rows, taken)
    }

    /// What is durable has happened; of anything else, nothing has.
    fn take_note(&self, decided: Vec<Decided>, outcome: Result<Vec<NewRow>, Failure>) {
        let now = self.clock.now();
        let rows = match outcome {
            Ok(rows) => rows,
            Err(failure) => {
                let error = chain(&failure);
                tracing::warn!(error, "the waiting rooms could not be written down");
                for one in decided {
                    let failure = Failure::Unavailable(error.clone().into());
                    let _gone = one.done.send(Err(failure));
                }
                return;
            }
        };
        for one in &decided {
            let mut kept = one.kept.lock();
            let partition = row::waiting_log_key(&one.sku, kept.opened_at, 0).partition;
            let written = rows.iter().filter(|row| row.key.partition == partition);
            let last = written.filter_map(|row| row.key.sort.parse::<u64>().ok()).max();
            kept.rows = last.map_or(kept.rows, |last| last + 1);
        }
        for one in decided {
            let mut kept = one.kept.lock();
            let fit = one.events.iter().filter(|event| kept.room.apply(event, now)).count();
            drop(kept);
            let _gone = one.done.send(Ok(fit));
        }
    }

    /// Inserts rows, and does not return before it is known whether they are there.
    async fn commit(&self, rows: Vec<NewRow>) -> Result<Vec<NewRow>, Failure> {
        let changes = rows
            .iter()
            .cloned()
            .fold(Changeset::new(), |changes, row| changes.insert(row, Refusal::AlreadyHandled));
        match self.store.commit(changes).await {
            Ok(()) => Ok(rows),
            Err(CommitError::Unavailable(source)) => Err(Failure::Unavailable(source)),
            Err(CommitError::Refused(_)) => {
                Err(Failure::Never("somebody else writes down this waiting room".to_owned()))
            }
            Err(error @ CommitError::Unknown(_)) => {
                tracing::warn!(error = chain(&error), "looking whether it was written down");
                while !rows.is_empty() {
                    match self.store.get(&rows[0].key).await {
                        Ok(Some(_)) => break,
                        Ok(None) => return Err(Failure::Unavailable(Box::new(error))),
                        Err(_) => self.clock.sleep(ASK_PAUSE).await,
                    }
                }
                Ok(rows)
            }
        }
    }

    async fn open(&mut self, sku: Sku, settings: Settings) -> Result<bool, Failure> {
        let known = self.rooms.read().get(&sku).map(Arc::clone);
        if let Some(kept) = known {
            if kept.lock().room.summary().settings != settings {
                let (done, answer) = tokio::sync::oneshot::channel();
                let decide = move |_: &mut Room, _| vec![Event::Changed { settings }];
                self.change(vec![Change { sku, decide: Box::new(decide), done }]).await;
                answer.await.map_err(|error| Failure::Unavailable(Box::new(error)))??;
            }
            return Ok(false);
        }
        // A room of this SKU may have been closed and not cleared away.
        self.finish_closing().await?;
        let opened_at = self.clock.now().max(self.opened_at.after(Duration::from_millis(1)));
        let row = RoomRow { opened_at, settings, is_closed: false };
        self.commit(vec![row::plain(row::waiting_key(&sku), &row)]).await?;
        self.opened_at = opened_at;
        let room = Room::new(sku.clone(), settings, opened_at);
        let kept = Kept { room, opened_at, rows: 0 };
        self.rooms.write().insert(sku, Arc::new(Mutex::new(kept)));
        Ok(true)
    }

    async fn close(&self, sku: &Sku) -> Result<bool, Failure> {
        let Some(kept) = self.rooms.read().get(sku).map(Arc::clone) else { return Ok(false) };
        let (opened_at, settings) = {
            let kept = kept.lock();
            (kept.opened_at, kept.room.summary().settings)
        };
        let key = row::waiting_key(sku);
        let version = self.store.get(&key).await?.map_or(0, |item| item.version);
        let closed = RoomRow { opened_at, settings, is_closed: true };
        let changes = Changeset::new().put(row::plain(key, &closed), version);
        let written = self.store.commit(changes).await;
        written.map_err(|error| Failure::Unavailable(Box::new(error)))?;
        self.rooms.write().remove(sku);
        self.clear_away(sku, opened_at).await?;
        Ok(true)
    }

    /// Deletes what is left of rooms that were closed.
    async fn finish_closing(&self) -> Result<(), Failure> {
        for (sku, stored) in log::stored_rooms(&*self.store).await? {
            if stored.value.is_closed {
                self.clear_away(&sku, stored.value.opened_at).await?;
            }
        }
        Ok(())
    }

    async fn clear_away(&self, sku: &Sku, opened_at: Timestamp) -> Result<(), Failure> {
        loop {
            let mut rows = log::some_rows(&*self.store, sku, opened_at).await?;
            let is_last = rows.is_empty();
            if is_last {
                let key = row::waiting_key(sku);
                let Some(item) = self.store.get(&key).await? else { return Ok(()) };
                rows.push((key, item.version));
            }
            let changes = rows.into_iter().fold(Changeset::new(), |changes, (key, version)| {
                changes.with(Write::Delete(key, version), Refusal::Stale)
            });
            let deleted = self.store.commit(changes).await;
            deleted.map_err(|error| Failure::Unavailable(Box::new(error)))?;
            if is_last {
                return Ok(());
            }
        }
    }
}
