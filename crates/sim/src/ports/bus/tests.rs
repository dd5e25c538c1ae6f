//! The port and the bus behind it, run by the kernel.

mod contract;
mod faults;
mod time;

use std::{future::Future, sync::Arc, time::Duration};

use lmall_app::{
    Trace as Ids,
    ports::{Bus, DeadLetter, DeadLetters, Delivery, Message, QueueDepth, Receipt},
    topology::Queue,
};
use lmall_domain::event::Topic;
use parking_lot::Mutex;

use super::*;
use crate::kernel::{Faults, Kernel, ProcessId, Run, Trace};

const QUEUE: Queue = Queue::Inventory;
const VISIBILITY: Duration = Duration::from_secs(30);

/// Longer than a topic takes to hand a message on.
const SETTLED: Duration = Duration::from_secs(3);

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    /// What was said of one queue.
    fn of(&self, queue: Queue) -> Vec<String> {
        let prefix = format!("{} ", queue.name());
        let lines = self.0.lock();
        lines.iter().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    fn say(&self, queue: Queue, what: &str, message: &Message) {
        self.0.lock().push(format!("{} {what} {}", queue.name(), message.dedup_id));
    }
}

impl BusObserver for Log {
    fn accepted(&self, queue: Queue, message: &Message, first_arrival: bool) {
        self.say(queue, if first_arrival { "first" } else { "again" }, message);
    }

    fn delivered(&self, _: ProcessId, queue: Queue, message: &Message, receive_count: u32) {
        self.say(queue, &format!("delivered {receive_count}"), message);
    }

    fn deleted(&self, queue: Queue, message: &Message) {
        self.say(queue, "deleted", message);
    }

    fn died(&self, queue: Queue, message: &Message, cause: &str) {
        self.say(queue, &format!("died ({cause})"), message);
    }

    fn lost(&self, queue: Queue, message: &Message, why: &'static str) {
        self.say(queue, &format!("lost ({why})"), message);
    }
}

/// A bus, and one process to call it from.
#[derive(Clone)]
struct World {
    kernel: Kernel,
    log: Arc<Log>,
    port: BusPort,
}

impl World {
    fn new(seed: u64, faults: Faults) -> Self {
        let kernel = Kernel::new(seed, faults, Trace::Off);
        let log = Arc::new(Log::default());
        let observer: Arc<dyn BusObserver> = Arc::<Log>::clone(&log);
        let options = BusOptions { observer: Some(observer), keeps_standard: true };
        let aws = Arc::new(SharedBus::new(&kernel, options));
        let port = BusPort { site: kernel.process("tested"), aws };
        Self { kernel, log, port }
    }

    /// The same bus, from another process.
    fn other(&self) -> BusPort {
        BusPort { site: self.kernel.process("other"), aws: Arc::clone(&self.port.aws) }
    }

    /// Publishes, and waits until it has arrived.
    async fn publish(&self, messages: &[(&str, &str)]) {
        let messages = messages.iter().map(|(group, id)| message(group, id)).collect();
        for result in self.port.publish(Topic::OrderEvents, messages).await {
            result.unwrap();
        }
        self.kernel.sleep(SETTLED).await;
    }

    /// Receives all that there is.
    async fn receive(&self) -> Vec<Delivery> {
        let mut all = Vec::new();
        loop {
            let more = receive(&self.port, 10).await;
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    fn depth(&self) -> (u64, u64, u64, u64) {
        let depths = self.port.aws.depths();
        let QueueDepth { visible, in_flight, dead, parked, .. } =
            *depths.iter().find(|depth| depth.queue == QUEUE).unwrap();
        (visible, in_flight, dead, parked)
    }
}

/// Runs a test in a world; a panic in it is one here.
fn run<F: Future<Output = ()> + Send + 'static>(
    seed: u64,
    faults: Faults,
    test: impl FnOnce(World) -> F,
) -> Run {
    let world = World::new(seed, faults);
    let kernel = world.kernel.clone();
    let run = kernel.run(Box::pin(test(world)), 1_000_000);
    assert_eq!(run.violation, None);
    run
}

/// The same without faults, for some schedules.
fn calmly<F: Future<Output = ()> + Send + 'static>(test: impl Fn(World) -> F) {
    for seed in 0..20 {
        run(seed, Faults::none(), &test);
    }
}

/// A message that inventory and payment hear.
fn message(group: &str, id: &str) -> Message {
    Message {
        group: group.into(),
        dedup_id: id.into(),
        event_type: "order.created".into(),
        body: format!(r#"{{"id":"{id}"}}"#).into(),
        trace: Ids { correlation_id: Some("req-1".into()), traceparent: None },
        replays: 0,
    }
}

async fn receive(port: &BusPort, max: usize) -> Vec<Delivery> {
    port.receive(QUEUE, max, Duration::ZERO, VISIBILITY).await.unwrap()
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    let mut ids: Vec<_> = deliveries.iter().map(|held| &*held.message.dedup_id).collect();
    ids.sort_unstable();
    ids
}

async fn delete(port: &BusPort, deliveries: &[Delivery]) {
    let receipts = deliveries.iter().map(|held| held.receipt.clone()).collect();
    port.delete(QUEUE, receipts).await.unwrap();
}
