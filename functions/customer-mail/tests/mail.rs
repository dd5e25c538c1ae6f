//! Messages as SQS gives them to the function, and what becomes of them.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use lmall_app::{
    consumer::{Consumer, HandleError, Incoming},
    ports::{Bus, BusError, Delivery, Message, Receipt},
    topology::Queue,
};
use lmall_customer_mail::{Parts, handle};
use lmall_domain::event::Topic;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// A bus that notes what it is told.
#[derive(Default)]
struct Noted {
    said: Mutex<Vec<String>>,
    is_away: bool,
}

impl Noted {
    fn note(&self, what: String) -> Result<(), BusError> {
        self.said.lock().push(what);
        if self.is_away { Err(BusError("away".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Bus for Noted {
    async fn publish(&self, _: Topic, _: Vec<Message>) -> Vec<Result<(), BusError>> {
        unreachable!("it publishes nothing")
    }

    async fn receive(
        &self,
        _: Queue,
        _: usize,
        _: Duration,
        _: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        unreachable!("Lambda receives")
    }

    async fn change_visibility(
        &self,
        queue: Queue,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), BusError> {
        self.note(format!("{} {} in {visibility:?}", queue.name(), receipt.0))
    }

    async fn delete(&self, _: Queue, _: Vec<Receipt>) -> Result<(), BusError> {
        unreachable!("Lambda deletes")
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        cause: &str,
        permanent: bool,
    ) -> Result<(), BusError> {
        let Delivery { receipt, receive_count, message, .. } = delivery;
        let Message { group, dedup_id, event_type, replays, .. } = message;
        assert_eq!((&**dedup_id, *replays), (&*format!("{group}-customer-1"), 2));
        assert_eq!(&**event_type, "customer.mail.requested");
        self.note(format!("{} dead after {receive_count}: {cause}, {permanent}", receipt.0))
    }
}

/// The post, which does not reach Bob.
#[derive(Default)]
struct Post(Mutex<Vec<String>>);

#[async_trait]
impl Consumer for Post {
    fn queue(&self) -> Queue {
        Queue::Customer
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let customer_id = incoming.customer()?.to_string();
        if customer_id == "bob" {
            return Err(HandleError::Retry("no such street".to_owned()));
        }
        self.0.lock().push(customer_id);
        Ok(())
    }
}

fn sample() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let text = std::fs::read(path.join("customer-mail-request.json")).expect("a sample");
    serde_json::from_slice(&text).expect("JSON")
}

/// The sample, about this customer, received so often; its ids are `name`.
fn record(name: &str, customer_id: &str, receives: u32) -> Value {
    let mut record = sample()["Records"][0].take();
    let of_sample = "cus_0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let body = record["body"].as_str().expect("a body").replace(of_sample, customer_id);
    record["body"] = json!(body);
    record["messageId"] = json!(name);
    record["receiptHandle"] = json!(name);
    let attributes = &mut record["attributes"];
    attributes["MessageGroupId"] = json!(customer_id);
    attributes["MessageDeduplicationId"] = json!(format!("{customer_id}-customer-1"));
    attributes["ApproximateReceiveCount"] = json!(receives.to_string());
    record["messageAttributes"]["replays"] = json!({ "stringValue": "2", "dataType": "String" });
    record
}

/// What comes again, what the bus was told, and to whom mails went.
async fn run(is_away: bool, records: Vec<Value>) -> (Vec<String>, Vec<String>, Vec<String>) {
    let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).expect("an event");
    let (post, bus) = (Arc::<Post>::default(), Arc::new(Noted { is_away, ..Noted::default() }));
    let parts = Parts { mails: post.clone(), bus: bus.clone() };
    let answer = handle(event, &parts).await.expect("what fails is in the answer");
    let again = answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
    let (said, sent) = (bus.said.lock().clone(), post.0.lock().clone());
    (again.collect(), said, sent)
}

#[tokio::test]
async fn the_sample_is_understood() {
    let record = sample()["Records"][0].take();
    let (again, said, sent) = run(false, vec![record]).await;
    assert_eq!((again.len(), said.len()), (0, 0));
    assert_eq!(sent, ["cus_0f1e2d3c4b5a69788796a5b4c3d2e1f0"]);
}

#[tokio::test]
async fn what_fails_comes_again_along_the_ladder_and_then_is_dead() {
    for (receives, told) in [
        (1, "lmall-customer.fifo m in 1s"),
        (2, "lmall-customer.fifo m in 5s"),
        (3, "lmall-customer.fifo m in 30s"),
        (4, "lmall-customer.fifo m in 120s"),
    ] {
        let (again, said, _) = run(false, vec![record("m", "bob", receives)]).await;
        assert_eq!((&*again, &*said), (&["m".to_owned()][..], &[told.to_owned()][..]));
    }
    let (again, said, _) = run(false, vec![record("m", "bob", 5)]).await;
    assert_eq!(again.len(), 0, "it is out of the way");
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("m dead after 5: ") && said[0].ends_with(", false"), "{said:?}");
}

#[tokio::test]
async fn what_stands_behind_it_waits_and_others_do_not() {
    let records = vec![
        record("1", "ann", 1),
        record("2", "bob", 2),
        record("3", "bob", 1),
        record("4", "cid", 1),
    ];
    let (again, said, sent) = run(false, records).await;
    assert_eq!(again, ["2", "3"]);
    assert_eq!(said, ["lmall-customer.fifo 2 in 5s", "lmall-customer.fifo 3 in 0ns"]);
    assert_eq!(sent, ["ann", "cid"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_dead_at_once_and_says_why() {
    let mut unreadable = record("m", "ann", 1);
    unreadable["body"] = json!("{");
    let (again, said, sent) = run(false, vec![unreadable]).await;
    assert_eq!((again.len(), sent.len(), said.len()), (0, 0, 1));
    assert!(said[0].starts_with("m dead after 1: ") && said[0].ends_with(", true"), "{said:?}");
}

#[tokio::test]
async fn what_no_bus_takes_stays_where_it_is() {
    for receives in [1, 5] {
        let (again, said, _) = run(true, vec![record("m", "bob", receives)]).await;
        assert_eq!((again.len(), said.len()), (1, 1), "{said:?}");
    }
}
