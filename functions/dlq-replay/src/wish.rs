//! What an operator wants replayed.

use lmall_app::{ports::DeadLetterFilter, topology::Queue};
use lmall_domain::{OrderId, event::EventType};
use serde::{Deserialize, Deserializer, de::Error};

/// What a caller gives. The filter is asked for, if only as `{}`: nobody replays everything by
/// leaving something out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    filter: Filter,
    /// Only counts.
    #[serde(default)]
    pub dry_run: bool,
    /// Messages sent a second at most.
    #[serde(default = "rate", deserialize_with = "checked_rate")]
    pub rate_per_s: u16,
}

/// Sent a second unless the caller says otherwise: the consumers have other work, too.
const RATE_PER_S: u16 = 50;

/// More than this a second is no replay but a load test.
const RATE_PER_S_MAX: u16 = 1_000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[serde(default, deserialize_with = "queue")]
    queue: Option<Queue>,
    #[serde(default, deserialize_with = "event_type")]
    event_type: Option<EventType>,
    #[serde(default)]
    order_id: Option<OrderId>,
}

impl Wish {
    /// Which dead letters.
    #[must_use]
    pub fn filter(&self) -> DeadLetterFilter {
        let Filter { queue, event_type, order_id } = &self.filter;
        DeadLetterFilter {
            queue: *queue,
            event_type: event_type.map(|kind| kind.name().to_owned()),
            group: order_id.map(|id| id.to_string()),
            after: None,
        }
    }
}

fn queue<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Queue>, D::Error> {
    let name = String::deserialize(input)?;
    let known = || Queue::ALL.map(Queue::name).join(", ");
    let queue = Queue::from_name(&name);
    queue.map(Some).ok_or_else(|| D::Error::custom(format!("not a queue; they are {}", known())))
}

fn event_type<'de, D: Deserializer<'de>>(input: D) -> Result<Option<EventType>, D::Error> {
    let name = String::deserialize(input)?;
    let kind = EventType::from_name(&name);
    kind.map(Some).ok_or_else(|| D::Error::custom("not an event type"))
}

const fn rate() -> u16 {
    RATE_PER_S
}

fn checked_rate<'de, D: Deserializer<'de>>(input: D) -> Result<u16, D::Error> {
    let rate = u16::deserialize(input)?;
    if (1..=RATE_PER_S_MAX).contains(&rate) {
        return Ok(rate);
    }
    Err(D::Error::custom(format!("it is 1 to {RATE_PER_S_MAX}")))
}
