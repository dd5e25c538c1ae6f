//! The consumer runtime, on SQS.

use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    consumer::{self, Consumer, HandleError, Incoming, Options, Runtime},
    ports::{Bus, DeadLetterFilter, DeadLetters, Message},
    shutdown::{self, Trigger},
    topology::Queue,
};
use lmall_contract::bus::{QUEUE, assert_nothing, ids, message, receive};
use lmall_domain::event::Topic;
use lmall_runtime::{SystemClock, TokioSpawn};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};

use crate::world::{World, world};

const ENVELOPE: &str = include_str!("../../../../docs/events/examples/order.cancel.requested.json");

/// A message that decodes; its event is `7212345678901-order-{seq}`.
fn event(group: &str, seq: u32) -> Message {
    let id = format!("7212345678901-order-{seq}");
    let body = ENVELOPE.replace("7212345678901-order-2", &id);
    Message { body: body.into(), ..message(group, &id) }
}

type Handled = Pin<Box<dyn Future<Output = Result<(), HandleError>> + Send>>;

/// Tells what it is given, and does what a test says.
struct Script {
    given: UnboundedSender<u32>,
    handle: Box<dyn Fn(u32) -> Handled + Send + Sync>,
}

#[async_trait]
impl Consumer for Script {
    fn queue(&self) -> Queue {
        QUEUE
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let id = incoming.envelope.event_id.to_string();
        let seq = id.rsplit('-').next().and_then(|seq| seq.parse().ok()).expect("as it was made");
        self.given.send(seq).expect("the test listens");
        (self.handle)(seq).await
    }
}

struct Running {
    given: UnboundedReceiver<u32>,
    trigger: Trigger,
    task: JoinHandle<()>,
}

impl Running {
    async fn next(&mut self) -> u32 {
        let next = timeout(Duration::from_secs(20), self.given.recv()).await;
        next.expect("it comes soon").expect("the consumer runs")
    }

    async fn stop(self) {
        self.trigger.fire();
        timeout(Duration::from_secs(20), self.task).await.expect("soon").expect("no panic");
    }
}

fn run(it: &World, handle: impl Fn(u32) -> Handled + Send + Sync + 'static) -> Running {
    let (sender, given) = unbounded_channel();
    let consumer = Arc::new(Script { given: sender, handle: Box::new(handle) });
    let (trigger, shutdown) = shutdown::channel();
    let clock = Arc::new(SystemClock::default());
    let runtime = Runtime { bus: it.bus.clone(), clock, spawn: Arc::new(TokioSpawn) };
    let options = Options {
        batch: 10,
        groups: 4,
        wait: Duration::from_secs(1),
        visibility: Duration::from_secs(2),
    };
    let task = tokio::spawn(consumer::run(consumer, runtime, options, shutdown));
    Running { given, trigger, task }
}

async fn send(it: &World, messages: Vec<Message>) {
    let results = it.bus.publish(Topic::OrderEvents, messages).await;
    assert!(results.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_dead_at_once_and_its_group_goes_on() {
    let it = world().await;
    let unreadable = Message { body: "{".into(), ..message("g", "broken") };
    send(&it, vec![unreadable, event("g", 1), event("g", 2)]).await;
    let mut running = run(&it, |seq| {
        Box::pin(async move {
            if seq == 1 { Err(HandleError::Reject("never".to_owned())) } else { Ok(()) }
        })
    });
    assert_eq!((running.next().await, running.next().await), (1, 2));
    running.stop().await;
    let dead = it.book.list(&DeadLetterFilter::default(), 10).await.expect("the stack answers");
    assert_eq!(dead.len(), 2);
    assert!(dead.iter().all(|letter| letter.permanent && !letter.cause.is_empty()));
    assert_eq!(dead[1].cause, "never");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_keeps_a_message() {
    let it = world().await;
    send(&it, vec![event("g", 1)]).await;
    let mut running = run(&it, |_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Ok(())
        })
    });
    assert_eq!(running.next().await, 1);
    let again = timeout(Duration::from_secs(7), running.given.recv()).await;
    assert!(again.is_err(), "nobody else got it while it was handled, nor after");
    running.stop().await;
    assert_nothing(&*it.bus, &*it.time, "it is deleted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_in_flight_and_releases_the_rest() {
    let it = world().await;
    send(&it, vec![event("g", 1), event("g", 2), event("g", 3)]).await;
    let mut running = run(&it, |_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
    });
    assert_eq!(running.next().await, 1);
    running.stop().await;
    timeout(Duration::from_secs(25), it.bus.settled()).await.expect("nothing is under way");
    let rest = receive(&*it.bus, &*it.time, 10).await;
    assert_eq!(ids(&rest), ["7212345678901-order-2", "7212345678901-order-3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_behind_a_failing_message_is_tried_in_its_turn() {
    let it = world().await;
    send(&it, vec![event("g", 1), event("g", 2)]).await;
    let mut running = run(&it, |seq| {
        Box::pin(async move {
            if seq == 1 { Err(HandleError::Retry("not yet".to_owned())) } else { Ok(()) }
        })
    });
    assert_eq!((running.next().await, running.next().await), (1, 1), "after a second, again");
    running.stop().await;
    let dead = it.book.list(&DeadLetterFilter::default(), 10).await.expect("the stack answers");
    assert!(dead.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_twice_is_two_deliveries_of_one_event() {
    let it = world().await;
    let twice = |seq| {
        let first = event("g", seq);
        [first.clone(), Message { dedup_id: format!("again {seq}").into(), ..first }]
    };
    send(&it, (1..=3).flat_map(twice).collect()).await;
    let mut running = run(&it, |_| Box::pin(async { Ok(()) }));
    let mut seen = BTreeSet::new();
    for _ in 0..6 {
        seen.insert(running.next().await);
    }
    assert_eq!(seen, BTreeSet::from([1, 2, 3]));
    running.stop().await;
    assert_nothing(&*it.bus, &*it.time, "all are deleted").await;
}
