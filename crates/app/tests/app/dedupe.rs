//! The dedupe row of a message that changes nothing else.

use lmall_app::{
    OutboxRow, Trace,
    consumer::Incoming,
    ports::{Store, Table},
};
use lmall_domain::{OrderId, event::InventoryConfirmed};

use super::support::{
    clock::{START, TestClock},
    store::{Fault, MemStore},
};

#[tokio::test(start_paused = true)]
async fn a_message_is_noted_or_it_is_not_acknowledged() {
    let order_id = OrderId::new(7).expect("in range");
    let event = InventoryConfirmed {}.into();
    let message = OutboxRow::new(order_id, 1, event, START, Trace::default()).message();
    let incoming = Incoming::decode(&message).expect("it was encoded just now");
    let key = incoming.dedupe_row(Table::Payment, START).key;
    for (faults, noted) in [
        (vec![], true),
        (vec![Fault::Lost], true),
        (vec![Fault::Unanswered], true),
        (vec![Fault::Unavailable], false),
        (vec![Fault::Lost; 5], false),
    ] {
        let (store, clock) = (MemStore::default(), TestClock::new());
        store.fail_commits(faults.clone());
        let done = incoming.note_handled(&store, &clock, Table::Payment).await;
        assert_eq!(done.is_ok(), noted, "{faults:?}");
        assert_eq!(store.get(&key).await.expect("it answers").is_some(), noted, "{faults:?}");
    }
}
