//! I5, I6 and I7: what becomes of every event.

use std::collections::{BTreeMap, BTreeSet};

use lmall_app::{
    OutboxRow,
    consumer::Incoming,
    ports::{Key, Message, Table},
    topology::Queue,
};
use lmall_domain::{EventId, event::Envelope};

use super::{Broken, broken};
use crate::aws::dynamo::Change;

/// What is known of events.
#[derive(Default)]
pub(super) struct Deliveries {
    /// Events that a transaction wrote.
    written: BTreeSet<Key>,
    /// Dedupe rows that a transaction wrote, also where they have been deleted since.
    handled: BTreeSet<Key>,
    /// Events that nobody wrote, and somebody says.
    strays: BTreeSet<String>,
    /// Events that have reached a queue.
    arrived: BTreeSet<(Queue, String)>,
    /// The highest number among them, by order and service.
    reached: BTreeMap<(Queue, String, &'static str), u32>,
}

impl Deliveries {
    pub(super) fn row_changed(&mut self, change: &Change) -> Result<(), Broken> {
        let key = &change.key;
        if key.sort.starts_with(OutboxRow::SORT_PREFIX) {
            if change.after.is_none() {
                return broken("I5", format!("event {} {} was deleted", key.partition, key.sort));
            }
            self.written.insert(key.clone());
        }
        if key.sort.starts_with(Incoming::SORT_PREFIX)
            && change.after.is_some()
            && !self.handled.insert(key.clone())
        {
            return broken("I5", format!("{} {} took effect twice", key.partition, key.sort));
        }
        Ok(())
    }

    pub(super) fn stray(&mut self, event_id: &EventId) {
        self.strays.insert(event_id.as_str().to_owned());
    }

    /// I6: the first arrivals of a service's events of an order are in order. And no event is
    /// told that no transaction wrote.
    pub(super) fn accepted(&mut self, queue: Queue, message: &Message) -> Result<(), Broken> {
        let Ok(envelope) = Envelope::from_json(&message.body) else { return Ok(()) };
        let id = envelope.event_id.as_str();
        let service = envelope.event.event_type().service();
        let order = envelope.aggregate_id.to_string();
        if self.strays.contains(id) {
            return Ok(());
        }
        let seq = id.rsplit_once('-').and_then(|(_, seq)| seq.parse::<u32>().ok());
        let seq = seq.unwrap_or_default();
        let sort = format!("{}{seq:06}", OutboxRow::SORT_PREFIX);
        if !self.written.contains(&Key::new(Table::of(service), order.clone(), sort)) {
            return broken("I5", format!("event {id} was told, and never happened"));
        }
        if !self.arrived.insert((queue, id.to_owned())) {
            return Ok(());
        }
        let reached = self.reached.entry((queue, order, service.name())).or_default();
        if seq < *reached {
            return broken("I6", format!("event {id} reached {} too late", queue.name()));
        }
        *reached = seq;
        Ok(())
    }

    /// I5: what is acknowledged took effect; what nobody can read is not acknowledged.
    pub(super) fn deleted(&self, queue: Queue, message: &Message) -> Result<(), Broken> {
        if self.was_handled(queue, message) {
            return Ok(());
        }
        let (event, order) = (&message.event_type, &message.group);
        broken("I5", format!("{event} of order {order} is acknowledged, and had no effect"))
    }

    /// I7: a message may pass the queue's retention only where it is a repetition.
    pub(super) fn lost(&self, queue: Queue, message: &Message, why: &str) -> Result<(), Broken> {
        if self.was_handled(queue, message) {
            return Ok(());
        }
        let (event, order) = (&message.event_type, &message.group);
        broken("I7", format!("{event} of order {order} is lost: {why}"))
    }

    fn was_handled(&self, queue: Queue, message: &Message) -> bool {
        let Some(table) = queue.table() else { return true };
        Envelope::from_json(&message.body).is_ok_and(|envelope| {
            let sort = format!("{}{}", Incoming::SORT_PREFIX, envelope.event_id);
            self.handled.contains(&Key::new(table, envelope.aggregate_id.to_string(), sort))
        })
    }
}
