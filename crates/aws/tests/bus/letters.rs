//! The book of dead letters, when something fails between its two stores.

use lmall_app::ports::{Bus, DeadLetter, DeadLetterFilter, DeadLetters, Message};
use lmall_contract::bus::{assert_nothing, delete, ids, message, publish, receive};

use crate::world::{World, book, world};

/// A dead letter in its queue.
async fn bury(it: &World, id: &str) {
    publish(&*it.bus, &[("g", id)]).await;
    let delivery = receive(&*it.bus, &*it.time, 1).await.remove(0);
    it.bus.dead_letter(&delivery, "a cause", false).await.expect("the bus answers");
}

async fn all(book: &dyn DeadLetters) -> Vec<DeadLetter> {
    book.list(&DeadLetterFilter::default(), 100).await.expect("the stack answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_drained_twice_is_one() {
    let it = world().await;
    bury(&it, "1").await;
    // The row is written; the deletion takes effect and its answer is lost.
    let rules = "rules:\n  - service: sqs\n    operation: DeleteMessageBatch\n    times: 10\n    \
                 response: {abort_frac: 0.3}\n";
    let (_proxy, clients) = it.through(rules);
    let halfway = book(&clients).list(&DeadLetterFilter::default(), 10).await;
    assert!(halfway.is_err(), "nobody knows whether it was deleted");
    let letters = all(&it.book).await;
    assert_eq!(letters.len(), 1);
    assert!(it.book.park(&letters[0].id).await.expect("the stack answers"));
    assert!(all(&it.book).await[0].parked_at.is_some(), "draining again leaves it parked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_stops_halfway_sends_one_message() {
    let it = world().await;
    bury(&it, "1").await;
    let letters = all(&it.book).await;
    let rules = "rules:\n  - service: dynamodb\n    operation: DeleteItem\n    times: 1\n    \
                 error: {code: AccessDeniedException}\n";
    let (_proxy, clients) = it.through(rules);
    let replay = || Message { replays: 1, ..message("g", "1#r1") };
    let crashed = book(&clients).redrive(&letters[0].id, replay()).await;
    assert!(crashed.is_err());
    assert_eq!(all(&it.book).await.len(), 1, "it is still in the book");
    assert!(it.book.redrive(&letters[0].id, replay()).await.expect("the stack answers"));
    assert_eq!(all(&it.book).await.len(), 0);
    let received = receive(&*it.bus, &*it.time, 10).await;
    assert_eq!(ids(&received), ["1#r1"]);
    delete(&*it.bus, &received).await;
    assert_nothing(&*it.bus, &*it.time, "both have one deduplication id").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_come_in_pages_in_the_order_of_their_deaths() {
    let it = world().await;
    for id in 0..12 {
        bury(&it, &id.to_string()).await;
    }
    let mut filter = DeadLetterFilter::default();
    let mut found = Vec::new();
    loop {
        let page = it.book.list(&filter, 5).await.expect("the stack answers");
        let Some(last) = page.last() else { break };
        filter.after = Some(last.id.clone());
        found.extend(page.iter().map(|letter| letter.message.dedup_id.to_string()));
    }
    assert_eq!(found, (0..12).map(|id| id.to_string()).collect::<Vec<_>>());
}
