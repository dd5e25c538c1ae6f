//! What goes wrong on the way to SNS and SQS.

use std::time::Duration;

use lmall_app::ports::{Bus, Message};
use lmall_aws::AwsBus;
use lmall_contract::bus::{QUEUE, assert_nothing, delete, ids, message, publish, receive};
use lmall_domain::event::Topic;

use crate::world::world;

/// The operation takes effect, and its answer is cut off, this often.
fn lost_answers(service: &str, operation: &str, times: u32) -> String {
    format!(
        "rules:\n  - service: {service}\n    operation: {operation}\n    times: {times}\n    \
         response: {{abort_frac: 0.3}}\n"
    )
}

/// The operation is refused, this often.
fn refusals(service: &str, operation: &str, code: &str, times: u32) -> String {
    format!(
        "rules:\n  - service: {service}\n    operation: {operation}\n    times: {times}\n    \
         error: {{code: {code}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_fails_alone() {
    let it = world().await;
    let messages = vec![message("g", "1"), message("", "2"), message("h", "3")];
    let results = it.bus.publish(Topic::OrderEvents, messages).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let mut received = receive(&*it.bus, &*it.time, 10).await;
    received.sort_by_key(|delivery| delivery.message.dedup_id.clone());
    assert_eq!(ids(&received), ["1", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_and_large_messages_are_split() {
    let it = world().await;
    let large = |number: u32| Message {
        body: "x".repeat(50_000).into(),
        ..message(&number.to_string(), &number.to_string())
    };
    let results = it.bus.publish(Topic::OrderEvents, (0..25).map(large).collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 25);
    let mut count = 0;
    while count < 25 {
        let received = receive(&*it.bus, &*it.time, 10).await;
        assert!(!received.is_empty(), "{count} came");
        count += received.len();
        delete(&*it.bus, &received).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_publication_leaves_one_message() {
    let it = world().await;
    let (_proxy, clients) = it.through(&lost_answers("sns", "PublishBatch", 1));
    let bus = AwsBus::new(&clients);
    // The SDK asks again, or the relay does.
    for _ in 0..3 {
        if bus.publish(Topic::OrderEvents, vec![message("g", "1")]).await[0].is_ok() {
            break;
        }
    }
    let received = receive(&*it.bus, &*it.time, 10).await;
    assert_eq!(ids(&received), ["1"]);
    delete(&*it.bus, &received).await;
    assert_nothing(&*it.bus, &*it.time, "it was published twice, and accepted once").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_is_throttled_succeeds_later_or_says_that_it_failed() {
    let it = world().await;
    let (_proxy, clients) = it.through(&refusals("sns", "PublishBatch", "Throttled", 30));
    let bus = AwsBus::new(&clients);
    let messages = || vec![message("g", "1"), message("h", "2")];
    let first = bus.publish(Topic::OrderEvents, messages()).await;
    assert!(first.len() == 2 && first.iter().all(Result::is_err), "all entries of a failed call");
    for _ in 0..30 {
        if bus.publish(Topic::OrderEvents, messages()).await.iter().all(Result::is_ok) {
            return;
        }
    }
    panic!("the throttling is over, and it still fails");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_deletion_changes_nothing() {
    let it = world().await;
    let (_proxy, clients) = it.through(&lost_answers("sqs", "DeleteMessageBatch", 1));
    let bus = AwsBus::new(&clients);
    publish(&bus, &[("g", "1"), ("h", "2")]).await;
    let received = receive(&bus, &*it.time, 10).await;
    // Asked again, SQS knows the receipts no more: that is what was wanted.
    delete(&bus, &received).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_nothing(&bus, &*it.time, "both are deleted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_refused_says_so() {
    let it = world().await;
    let rules = refusals("sqs", "DeleteMessageBatch", "AccessDeniedException", 100);
    let (_proxy, clients) = it.through(&rules);
    let bus = AwsBus::new(&clients);
    publish(&bus, &[("g", "1")]).await;
    let received = receive(&bus, &*it.time, 10).await;
    assert!(bus.delete(QUEUE, vec![received[0].receipt.clone()]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_receive_loses_no_message() {
    let it = world().await;
    publish(&*it.bus, &[("g", "1")]).await;
    let (_proxy, clients) = it.through(&lost_answers("sqs", "ReceiveMessage", 1));
    let bus = AwsBus::new(&clients);
    let mut received = Vec::new();
    for _ in 0..5 {
        received = bus
            .receive(QUEUE, 10, Duration::from_secs(2), Duration::from_secs(2))
            .await
            .unwrap_or_default();
        if !received.is_empty() {
            break;
        }
    }
    assert_eq!(ids(&received), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_a_type_does_not_stop_its_group() {
    let it = world().await;
    let request = it.clients.sqs.send_message().queue_url(it.clients.site.queue_url(QUEUE));
    let request = request.message_group_id("g").message_deduplication_id("odd");
    request.message_body("not one of ours").send().await.expect("the stack answers");
    publish(&*it.bus, &[("g", "1")]).await;
    let mut received = Vec::new();
    for _ in 0..3 {
        received.extend(receive(&*it.bus, &*it.time, 10).await);
        if !received.is_empty() {
            break;
        }
    }
    assert_eq!(ids(&received), ["1"]);
    let letters = lmall_app::ports::DeadLetters::list(&it.book, &Default::default(), 10).await;
    let letters = letters.expect("the stack answers");
    assert_eq!((letters.len(), letters[0].permanent), (1, true));
    assert_eq!(&*letters[0].cause, "the message has no event type");
    assert_eq!(&*letters[0].message.body, "not one of ours");
}
