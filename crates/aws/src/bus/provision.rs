//! What there has to be for the bus: topics, queues and subscriptions, as data.
//!
//! `template.yaml` says the same for AWS; local stacks are made from here.

use std::collections::BTreeMap;

use lmall_app::{
    backoff::{RECEIVES_BACKSTOP, RECEIVES_MAX},
    failure::chain,
    topology::Queue,
};
use lmall_domain::event::{EventType, Topic};
use serde_json::json;

use super::message::EVENT_TYPE;
use crate::{Clients, Site, notices};

/// For how long a received message is invisible unless the receiver says otherwise.
pub const VISIBILITY_SECS: u32 = 30;

/// The longest that SQS keeps a message: 14 days.
pub const RETENTION_SECS: u32 = 14 * 24 * 60 * 60;

/// The largest message that a queue takes: what SNS can send.
pub const MESSAGE_BYTES_MAX: u32 = 256 * 1024;

/// The largest of a dead-letter queue: a cause comes on top.
pub const DEAD_MESSAGE_BYTES_MAX: u32 = MESSAGE_BYTES_MAX + 4 * 1024;

/// Something that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {name}: {cause}")]
pub struct ProvisionError {
    name: String,
    cause: String,
}

/// What AWS calls its settings, and their values.
pub type Settings = BTreeMap<&'static str, String>;

/// A topic or a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub settings: Settings,
}

/// A queue that hears a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topic.
    pub topic: Topic,
    /// The queue.
    pub queue: Queue,
    /// Its attributes.
    pub settings: Settings,
}

/// The topics: FIFO, with the throughput of each group for itself.
#[must_use]
pub fn topics(site: &Site) -> Vec<Resource> {
    let settings = Settings::from([
        ("FifoTopic", "true".to_owned()),
        ("ContentBasedDeduplication", "false".to_owned()),
        ("FifoThroughputScope", "MessageGroup".to_owned()),
    ]);
    let name = |topic| last(&site.topic_arn(topic), ':').to_owned();
    Topic::ALL.map(|topic| Resource { name: name(topic), settings: settings.clone() }).to_vec()
}

/// Dead-letter queues, then the queues, then the one of what the stream relay gave up on.
#[must_use]
pub fn queues(site: &Site) -> Vec<Resource> {
    let dead = Queue::ALL.map(|queue| Resource {
        name: last(&site.dead_queue_url(queue), '/').to_owned(),
        settings: basic(queue.is_fifo(), DEAD_MESSAGE_BYTES_MAX),
    });
    let live = Queue::ALL.map(|queue| Resource {
        name: last(&site.queue_url(queue), '/').to_owned(),
        settings: live(site, queue),
    });
    let relay_failures = Resource {
        name: last(&site.relay_failures_url(), '/').to_owned(),
        settings: basic(false, MESSAGE_BYTES_MAX),
    };
    dead.into_iter().chain(live).chain([relay_failures]).collect()
}

/// How often a message of the queue is received before SQS itself takes it for dead. Where our
/// own runtime consumes, that is only for consumers that die of it.
#[must_use]
pub const fn receives_max(queue: Queue) -> u32 {
    if queue.is_fifo() { RECEIVES_BACKSTOP } else { RECEIVES_MAX }
}

fn basic(is_fifo: bool, bytes_max: u32) -> Settings {
    let mut settings = Settings::from([
        ("VisibilityTimeout", VISIBILITY_SECS.to_string()),
        ("MaximumMessageSize", bytes_max.to_string()),
        ("MessageRetentionPeriod", RETENTION_SECS.to_string()),
    ]);
    if is_fifo {
        settings.insert("FifoQueue", "true".to_owned());
        settings.insert("ContentBasedDeduplication", "false".to_owned());
        settings.insert("DeduplicationScope", "messageGroup".to_owned());
        settings.insert("FifoThroughputLimit", "perMessageGroupId".to_owned());
    }
    settings
}

fn live(site: &Site, queue: Queue) -> Settings {
    let mut settings = basic(queue.is_fifo(), MESSAGE_BYTES_MAX);
    let redrive = json!({
        "deadLetterTargetArn": queue_arn(site, &site.dead_queue_url(queue)),
        "maxReceiveCount": receives_max(queue),
    });
    settings.insert("RedrivePolicy", redrive.to_string());
    let topics: Vec<_> = heard(queue).map(|(topic, _)| site.topic_arn(topic)).collect();
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": queue_arn(site, &site.queue_url(queue)),
            "Condition": { "ArnEquals": { "aws:SourceArn": topics } },
        }],
    });
    settings.insert("Policy", policy.to_string());
    settings
}

/// The topics that the queue hears, with the types that it hears of each.
fn heard(queue: Queue) -> impl Iterator<Item = (Topic, Vec<&'static str>)> {
    Topic::ALL.into_iter().filter_map(move |topic| {
        let types = queue.subscriptions().iter().filter(|kind| kind.topic() == topic);
        let types: Vec<_> = types.map(|kind: &EventType| kind.name()).collect();
        (!types.is_empty()).then_some((topic, types))
    })
}

/// The subscriptions: raw, each letting through what its queue consumes.
#[must_use]
pub fn subscriptions() -> Vec<Subscription> {
    let of = |queue| {
        heard(queue).map(move |(topic, types)| {
            let settings = Settings::from([
                ("RawMessageDelivery", "true".to_owned()),
                ("FilterPolicyScope", "MessageAttributes".to_owned()),
                ("FilterPolicy", json!({ EVENT_TYPE: types }).to_string()),
            ]);
            Subscription { topic, queue, settings }
        })
    };
    Queue::ALL.into_iter().flat_map(of).collect()
}

/// The ARN of the queue with this URL.
#[must_use]
pub fn queue_arn(site: &Site, url: &str) -> String {
    format!("arn:aws:sqs:{}:{}:{}", site.region, site.account, last(url, '/'))
}

fn last(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or(text)
}

/// Makes all of it, and the event bus of what operators are told. What is there already, and the
/// same, is left as it is.
///
/// # Errors
/// When AWS refuses one, or does not answer.
pub async fn create_messaging(clients: &Clients) -> Result<(), ProvisionError> {
    let site = &clients.site;
    for Resource { name, settings } in topics(site) {
        let attributes = settings.into_iter().map(|(key, value)| (key.to_owned(), value));
        let request = clients.sns.create_topic().name(&name);
        let made = request.set_attributes(Some(attributes.collect())).send().await;
        made.map_err(|error| ProvisionError { name, cause: chain(&error) })?;
    }
    for Resource { name, settings } in queues(site) {
        let attributes = settings.into_iter().map(|(key, value)| (key.into(), value));
        let request = clients.sqs.create_queue().queue_name(&name);
        let made = request.set_attributes(Some(attributes.collect())).send().await;
        made.map_err(|error| ProvisionError { name, cause: chain(&error) })?;
    }
    for Subscription { topic, queue, settings } in subscriptions() {
        let (name, endpoint) = (site.queue_url(queue), queue_arn(site, &site.queue_url(queue)));
        let attributes = settings.into_iter().map(|(key, value)| (key.to_owned(), value));
        let request = clients.sns.subscribe().topic_arn(site.topic_arn(topic)).protocol("sqs");
        let request = request.endpoint(endpoint).set_attributes(Some(attributes.collect()));
        let made = request.return_subscription_arn(true).send().await;
        made.map_err(|error| ProvisionError { name, cause: chain(&error) })?;
    }
    create_operations_bus(clients).await
}

async fn create_operations_bus(clients: &Clients) -> Result<(), ProvisionError> {
    let name = notices::bus_name(&clients.site);
    let Err(error) = clients.events.create_event_bus().name(&name).send().await else {
        return Ok(());
    };
    let is_there =
        error.as_service_error().is_some_and(|error| error.is_resource_already_exists_exception());
    if is_there { Ok(()) } else { Err(ProvisionError { name, cause: chain(&error) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site {
            region: "eu-central-1".to_owned(),
            account: "111122223333".to_owned(),
            prefix: "shop".to_owned(),
            endpoint: None,
        }
    }

    #[test]
    fn every_queue_has_a_dead_letter_queue_of_its_kind() {
        let queues = queues(&site());
        let by_name: BTreeMap<_, _> =
            queues.iter().map(|queue| (queue.name.as_str(), &queue.settings)).collect();
        for (name, dead, receives) in [
            ("shop-order.fifo", "shop-order-dead.fifo", 60),
            ("shop-inventory.fifo", "shop-inventory-dead.fifo", 60),
            ("shop-payment.fifo", "shop-payment-dead.fifo", 60),
            ("shop-analytics", "shop-analytics-dead", 5),
            ("shop-product.fifo", "shop-product-dead.fifo", 60),
            ("shop-customer.fifo", "shop-customer-dead.fifo", 60),
        ] {
            let redrive: serde_json::Value =
                serde_json::from_str(&by_name[name]["RedrivePolicy"]).expect("it is JSON");
            let arn = format!("arn:aws:sqs:eu-central-1:111122223333:{dead}");
            let expected = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives });
            assert_eq!(redrive, expected);
            assert_eq!(by_name[name].get("FifoQueue"), by_name[dead].get("FifoQueue"));
        }
        assert!(by_name.contains_key("shop-relay-failures"));
    }

    #[test]
    fn the_filters_let_through_what_the_queues_consume() {
        let subscriptions = subscriptions();
        let mut types = 0;
        for Subscription { topic, queue, settings } in &subscriptions {
            let filter: BTreeMap<String, Vec<String>> =
                serde_json::from_str(&settings["FilterPolicy"]).expect("it is JSON");
            for name in &filter[EVENT_TYPE] {
                let kind = EventType::from_name(name).expect("a type of ours");
                assert!(kind.topic() == *topic && queue.subscriptions().contains(&kind));
                types += 1;
            }
        }
        let consumed: usize = Queue::ALL.iter().map(|queue| queue.subscriptions().len()).sum();
        assert_eq!(types, consumed);
    }
}
