//! The consumer runtime: the ladder, dead letters, heartbeats, groups, shutdown.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    OutboxRow, Trace,
    consumer::{self, Consumer, HandleError, Incoming, Options, Runtime},
    ports::Message,
    shutdown::{self, Trigger},
    topology::Queue,
};
use lmall_domain::{OrderId, event::InventoryConfirmed};
use parking_lot::Mutex;
use tokio::{task::JoinHandle, time::Instant};

use super::support::{
    TokioSpawn,
    bus::{Call, Dead, MemBus},
    clock::{START, TestClock},
};

const QUEUE: Queue = Queue::Order;

/// Group 1's third message is `1-inventory-3`.
fn message(group: u64, seq: u32) -> Message {
    let order_id = OrderId::new(group).expect("in range");
    OutboxRow::new(order_id, seq, InventoryConfirmed {}.into(), START, Trace::default()).message()
}

fn with_body(message: Message, body: &str) -> Message {
    Message { body: body.into(), ..message }
}

fn options() -> Options {
    Options {
        batch: 10,
        groups: 4,
        wait: Duration::from_secs(20),
        visibility: Duration::from_secs(30),
    }
}

type Handled = Pin<Box<dyn Future<Output = Result<(), HandleError>> + Send>>;
type Handler = dyn Fn(String) -> Handled + Send + Sync;

/// A consumer that a test scripts, and what it was given: which message, and when.
struct Script {
    queue: Queue,
    start: Instant,
    handler: Box<Handler>,
    handled: Mutex<Vec<(String, Duration)>>,
}

#[async_trait]
impl Consumer for Script {
    fn queue(&self) -> Queue {
        self.queue
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let id = incoming.envelope.event_id.to_string();
        self.handled.lock().push((id.clone(), self.start.elapsed()));
        (self.handler)(id).await
    }
}

struct Running {
    bus: Arc<MemBus>,
    script: Arc<Script>,
    trigger: Trigger,
    task: JoinHandle<()>,
}

impl Running {
    fn handled(&self) -> Vec<(String, u64)> {
        let handled = self.script.handled.lock();
        handled.iter().map(|(id, at)| (id.clone(), at.as_secs())).collect()
    }

    fn handled_ids(&self) -> Vec<String> {
        self.handled().into_iter().map(|(id, _)| id).collect()
    }

    /// Stops the consumer, and gives the seconds that took.
    async fn stop(self) -> u64 {
        let asked = Instant::now();
        self.trigger.fire();
        self.task.await.expect("the consumer does not panic");
        asked.elapsed().as_secs()
    }
}

fn run<F>(queue: Queue, options: Options, bus: MemBus, handler: F) -> Running
where
    F: Fn(String) -> Handled + Send + Sync + 'static,
{
    let (start, handler) = (Instant::now(), Box::new(handler));
    let script = Arc::new(Script { queue, start, handler, handled: Mutex::default() });
    let (trigger, shutdown) = shutdown::channel();
    let bus = Arc::new(bus);
    let runtime = Runtime {
        bus: bus.clone(),
        clock: Arc::new(TestClock::new()),
        spawn: Arc::new(TokioSpawn),
    };
    let task = tokio::spawn(consumer::run(script.clone(), runtime, options, shutdown));
    Running { bus, script, trigger, task }
}

fn bus_with(messages: impl IntoIterator<Item = Message>) -> MemBus {
    let bus = MemBus::new();
    for message in messages {
        bus.send(QUEUE, message);
    }
    bus
}

fn works(_: String) -> Handled {
    Box::pin(async { Ok(()) })
}

fn after(seconds: u64) -> impl Fn(String) -> Handled + Send + Sync {
    move |_| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(())
        })
    }
}

/// Tokio's paused clock jumps over this as soon as everything is idle.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn dead(id: &str, cause: &str, permanent: bool, receive_count: u32) -> Dead {
    Dead { dedup_id: id.into(), cause: cause.to_owned(), permanent, receive_count }
}

#[tokio::test(start_paused = true)]
async fn a_failing_message_climbs_the_ladder_and_dies_with_its_cause() {
    let fails = |_| -> Handled { Box::pin(async { Err(HandleError::Retry("no stock".into())) }) };
    let panics = |_| -> Handled { Box::pin(async { panic!("no {}", "stock") }) };
    let panics_at_once = |_| -> Handled { panic!("at once") };
    let handlers: [(Box<Handler>, &str); 3] = [
        (Box::new(fails), "no stock"),
        (Box::new(panics), "panicked: no stock"),
        (Box::new(panics_at_once), "panicked: at once"),
    ];
    for (handler, cause) in handlers {
        let running = run(QUEUE, options(), bus_with([message(1, 1)]), handler);
        pass(1_000).await;
        let times: Vec<_> = running.handled().into_iter().map(|(_, at)| at).collect();
        assert_eq!(times, [0, 1, 6, 36, 156], "1 s, 5 s, 30 s, 2 min: {cause}");
        assert_eq!(running.bus.dead(), [dead("1-inventory-1", cause, false, 5)]);
        assert_eq!(running.bus.waiting(QUEUE), []);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_recovers_is_acknowledged_once() {
    let tries = AtomicUsize::new(0);
    let running = run(QUEUE, options(), bus_with([message(1, 1)]), move |_| {
        let fails = tries.fetch_add(1, Ordering::Relaxed) < 2;
        Box::pin(
            async move { if fails { Err(HandleError::Retry("not yet".into())) } else { Ok(()) } },
        )
    });
    pass(1_000).await;
    assert_eq!(running.handled().len(), 3);
    let deleted = (Duration::from_secs(6), Call::Deleted("1-inventory-1".into()));
    assert_eq!(running.bus.calls().last(), Some(&deleted));
    assert_eq!((running.bus.waiting(QUEUE), running.bus.dead()), (vec![], vec![]));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_can_never_work_dies_at_once() {
    let known = message(1, 1).body.to_string();
    let major = known.replace(r#""schema_version":"1.0""#, r#""schema_version":"2.0""#);
    let unknown = known.replace("inventory.confirmed", "inventory.lost");
    for (body, cause) in [
        ("", "not a valid event envelope"),
        ("{}", "not a valid event envelope"),
        (&*major, "unsupported schema version `2.0`"),
        (&*unknown, "unknown event type `inventory.lost`"),
        (&*known, "never"),
    ] {
        let bus = bus_with([with_body(message(1, 1), body), message(1, 2)]);
        let running = run(QUEUE, options(), bus, |id| {
            let never = id == "1-inventory-1";
            Box::pin(async move {
                if never { Err(HandleError::Reject("never".into())) } else { Ok(()) }
            })
        });
        pass(1).await;
        let [dead] = &running.bus.dead()[..] else { panic!("one is dead: {body}") };
        assert_eq!(
            (&*dead.dedup_id, dead.permanent, dead.receive_count),
            ("1-inventory-1", true, 1)
        );
        assert!(dead.cause.starts_with(cause), "{} for {body}", dead.cause);
        // The next of its group is not kept waiting.
        assert_eq!(running.handled_ids().last().map(String::as_str), Some("1-inventory-2"));
        assert_eq!(running.bus.waiting(QUEUE), []);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_handler_keeps_its_message() {
    let running = run(QUEUE, options(), bus_with([message(1, 1)]), after(100));
    pass(200).await;
    assert_eq!(running.handled().len(), 1, "nobody else got it");
    let extended = |at| {
        let more = Call::Extended("1-inventory-1".into(), Duration::from_secs(30));
        (Duration::from_secs(at), more)
    };
    let deleted = (Duration::from_secs(100), Call::Deleted("1-inventory-1".into()));
    let mut calls: Vec<_> = [15, 30, 45, 60, 75, 90].map(extended).into();
    calls.push(deleted);
    assert_eq!(running.bus.calls(), calls);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_long_handler_is_kept_too() {
    let bus = bus_with([message(1, 1), message(1, 2), message(1, 3)]);
    let running = run(QUEUE, options(), bus, after(14));
    pass(200).await;
    let ids: Vec<_> = (1..=3).map(|seq| format!("1-inventory-{seq}")).collect();
    assert_eq!(running.handled_ids(), ids, "each once, in order");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_is_handled_one_after_another_and_groups_concurrently() {
    let messages = (1..=3).flat_map(|seq| (1..=3).map(move |group| message(group, seq)));
    let running = run(QUEUE, options(), bus_with(messages), after(2));
    pass(100).await;
    let mut by_group: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for (id, at) in running.handled() {
        let (group, seq) = id.split_once("-inventory-").expect("an event id");
        by_group.entry(group.to_owned()).or_default().push((seq.to_owned(), at));
    }
    let in_turn: Vec<_> = ["1", "2", "3"].into_iter().zip([0, 2, 4]).collect();
    let in_turn: Vec<_> = in_turn.into_iter().map(|(seq, at)| (seq.to_owned(), at)).collect();
    assert_eq!(by_group.into_values().collect::<Vec<_>>(), [&in_turn[..]; 3]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_a_standard_queue_are_on_their_own() {
    let bus = MemBus::new();
    for seq in 1..=3 {
        bus.send(Queue::Analytics, message(1, seq));
    }
    let running = run(Queue::Analytics, options(), bus, after(2));
    pass(10).await;
    let times: Vec<_> = running.handled().into_iter().map(|(_, at)| at).collect();
    assert_eq!(times, [0, 0, 0]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_groups_than_allowed_are_in_work() {
    let in_work = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (counter, peak) = (Arc::clone(&in_work), Arc::clone(&most));
    let bus = bus_with((1..=20).map(|group| message(group, 1)));
    let running = run(QUEUE, options(), bus, move |_| {
        let (counter, peak) = (Arc::clone(&counter), Arc::clone(&peak));
        Box::pin(async move {
            peak.fetch_max(counter.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            pass(3).await;
            counter.fetch_sub(1, Ordering::Relaxed);
            Ok(())
        })
    });
    pass(1).await;
    // What is not in work was not taken from others either.
    let held = running.bus.waiting(QUEUE).iter().filter(|(_, _, visible)| !visible).count();
    assert_eq!(held, 4);
    pass(100).await;
    assert_eq!(most.load(Ordering::Relaxed), 4);
    assert_eq!(running.handled().len(), 20);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_failure_waits_for_it() {
    let failed = AtomicUsize::new(0);
    let bus = bus_with((1..=4).map(|seq| message(1, seq)));
    let running = run(QUEUE, options(), bus, move |id| {
        let fails = id == "1-inventory-2" && failed.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move { if fails { Err(HandleError::Retry("once".into())) } else { Ok(()) } })
    });
    pass(100).await;
    let numbers =
        running.handled().into_iter().map(|(id, at)| (id.replace("1-inventory-", ""), at));
    let expected = [("1", 0), ("2", 0), ("2", 1), ("3", 1), ("4", 1)];
    let expected = expected.map(|(seq, at)| (seq.to_owned(), at));
    assert_eq!(numbers.collect::<Vec<_>>(), expected);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_finishes_what_is_in_flight_and_releases_the_rest() {
    let bus = bus_with([message(1, 1), message(1, 2), message(1, 3), message(2, 1)]);
    let running = run(QUEUE, options(), bus, after(10));
    pass(4).await;
    assert_eq!(running.handled_ids(), ["1-inventory-1", "2-inventory-1"]);
    let bus = Arc::clone(&running.bus);
    bus.send(QUEUE, message(3, 1));
    assert_eq!(running.stop().await, 6, "in flight is finished, and nothing more is begun");
    let waiting = bus.waiting(QUEUE);
    let expected = [("1-inventory-2", 1), ("1-inventory-3", 1), ("3-inventory-1", 0)];
    assert_eq!(waiting, expected.map(|(id, count)| (id.into(), count, true)), "visible to others");
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_a_wait_for_messages() {
    let running = run(QUEUE, options(), MemBus::new(), works);
    pass(3).await;
    assert_eq!(running.stop().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_was_away_is_asked_again() {
    let bus = bus_with([message(1, 1)]);
    bus.fail_receives(3);
    let running = run(QUEUE, options(), bus, works);
    pass(10).await;
    let handled = running.script.handled.lock().clone();
    assert_eq!(handled, [("1-inventory-1".to_owned(), Duration::from_millis(1_500))]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_acknowledgement_only_repeats() {
    let bus = bus_with([message(1, 1)]);
    bus.fail_deletes(1);
    let running = run(QUEUE, options(), bus, works);
    pass(100).await;
    let times: Vec<_> = running.handled().into_iter().map(|(_, at)| at).collect();
    assert_eq!(times, [0, 30], "after its visibility time-out");
    assert_eq!(running.bus.waiting(QUEUE), []);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_failing_message_has_all_its_tries() {
    let (first, second) = (message(1, 1), message(1, 2));
    let tries = Arc::new(AtomicUsize::new(0));
    let handler = move |id: String| -> Handled {
        let tries = Arc::clone(&tries);
        Box::pin(async move {
            // The second works when it is tried for the fifth time.
            let works = id.ends_with("-2") && tries.fetch_add(1, Ordering::Relaxed) == 4;
            if works { Ok(()) } else { Err(HandleError::Retry("not yet".to_owned())) }
        })
    };
    let running = run(QUEUE, options(), bus_with([first, second]), handler);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let ids = running.handled_ids();
    let count = |end: &str| ids.iter().filter(|id| id.ends_with(end)).count();
    assert_eq!((count("-1"), count("-2")), (5, 5));
    let dead: Vec<_> = running.bus.dead().into_iter().map(|dead| dead.dedup_id).collect();
    assert_eq!(dead, [Arc::<str>::from("1-inventory-1")]);
    running.stop().await;
}
