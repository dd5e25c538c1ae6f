//! FIFO queues: of a group, one message at a time.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use lmall_app::{ports::Message, topology::Queue};
use lmall_aws::bus::message::EVENT_TYPE;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::string;

/// Those that one of the three services reads.
const READ: [Queue; 3] = [Queue::Order, Queue::Inventory, Queue::Payment];

#[derive(Clone)]
pub(crate) struct Queues {
    lines: Arc<HashMap<&'static str, Line>>,
}

#[derive(Default)]
struct Line {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

/// A message is known by its deduplication id; that is its receipt, too.
#[derive(Default)]
struct Waiting {
    messages: VecDeque<Value>,
    /// Those that somebody has.
    taken: HashMap<String, Value>,
    busy_groups: HashSet<String>,
}

impl Queues {
    pub(crate) fn new() -> Self {
        Self { lines: Arc::new(READ.iter().map(|queue| (queue.name(), Line::default())).collect()) }
    }

    fn line(&self, request: &Value) -> Option<&Line> {
        let url = request["QueueUrl"].as_str()?;
        self.lines.get(url.rsplit('/').next()?)
    }

    pub(crate) fn send(&self, queue: Queue, message: &Message) {
        let Some(line) = self.lines.get(queue.name()) else { return };
        line.waiting.lock().messages.push_back(received(message));
        line.arrived.notify_one();
    }

    /// The first messages of different groups; waits for one.
    pub(crate) async fn receive(&self, request: &Value) -> Vec<Value> {
        let Some(line) = self.line(request) else { return Vec::new() };
        let max = request["MaxNumberOfMessages"]
            .as_u64()
            .and_then(|max| max.try_into().ok())
            .unwrap_or(1);
        loop {
            let messages = line.waiting.lock().take(max);
            if !messages.is_empty() {
                return messages;
            }
            line.arrived.notified().await;
        }
    }

    pub(crate) fn delete(&self, request: &Value) -> Value {
        let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(line) = self.line(request) {
            let mut waiting = line.waiting.lock();
            for entry in entries {
                waiting.end(&entry["ReceiptHandle"]);
            }
            line.arrived.notify_one();
        }
        let done: Vec<_> = entries.iter().map(|entry| json!({ "Id": entry["Id"] })).collect();
        json!({ "Successful": done, "Failed": [] })
    }

    /// Back to where it came from, however long it was to be invisible.
    pub(crate) fn release(&self, request: &Value) -> Value {
        if let Some(line) = self.line(request) {
            let mut waiting = line.waiting.lock();
            if let Some(message) = waiting.end(&request["ReceiptHandle"]) {
                waiting.messages.push_front(message);
            }
            line.arrived.notify_one();
        }
        json!({})
    }
}

impl Waiting {
    fn take(&mut self, max: usize) -> Vec<Value> {
        let mut messages = Vec::new();
        let mut left = VecDeque::new();
        while let Some(message) = self.messages.pop_front() {
            let group = string(&message["Attributes"]["MessageGroupId"]);
            if messages.len() == max {
                self.messages.push_front(message);
                break;
            }
            if self.busy_groups.insert(group) {
                self.taken.insert(string(&message["ReceiptHandle"]), message.clone());
                messages.push(message);
            } else {
                left.push_back(message);
            }
        }
        while let Some(message) = left.pop_back() {
            self.messages.push_front(message);
        }
        messages
    }

    fn end(&mut self, receipt: &Value) -> Option<Value> {
        let message = self.taken.remove(receipt.as_str()?)?;
        self.busy_groups.remove(message["Attributes"]["MessageGroupId"].as_str()?);
        Some(message)
    }
}

/// As SQS gives it.
fn received(message: &Message) -> Value {
    let Message { group, dedup_id, event_type, body, trace, .. } = message;
    let attribute = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let mut attributes = json!({
        EVENT_TYPE: attribute(event_type),
        "group": attribute(group),
        "dedup_id": attribute(dedup_id),
    });
    for (name, value) in
        [("correlation_id", &trace.correlation_id), ("traceparent", &trace.traceparent)]
    {
        if let Some(value) = value {
            attributes[name] = attribute(value);
        }
    }
    json!({
        "MessageId": "5fea7756-0ea4-451a-a703-a558b933e274",
        "ReceiptHandle": &**dedup_id,
        "MD5OfBody": "fafb00f5732ab283681e124bf8747ed1",
        "Body": &**body,
        "Attributes": {
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1768386660000",
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1768386660000",
            "SequenceNumber": "18849496460467696128",
            "MessageDeduplicationId": &**dedup_id,
            "MessageGroupId": &**group,
        },
        "MD5OfMessageAttributes": "d25a6aea97eb8f585bfa92d314504a92",
        "MessageAttributes": attributes,
    })
}
