//! Waiting rooms on Redis: [`lmall_domain::waiting::Room`] as scripts.
//!
//! All that a SKU has is on one node, so every call is one script, on a single server as on a
//! cluster. Its keys, in the order in which scripts have them:
//!
//! | key | what |
//! |---|---|
//! | `…:room` | a hash: settings, counts, what is left of the rate, and the meter |
//! | `…:line` | those who wait, by place |
//! | `…:seen` | those who wait, by their last sign of life |
//! | `…:who` | a hash: `w` waits, `a:{place}:{quantity}:{end}` let through, `o` ordered, `l` lapsed |
//! | `…:open` | those who are let through, by when their admission has to be asked about |
//!
//! Time is the server's. A Redis that is lost takes the lines with it: nobody is let through
//! until their room is opened again, and tokens that were given stay good. Nothing is sold twice
//! for it, since neither tokens nor stock are kept here.

use async_trait::async_trait;
use lmall_app::ports::{Joined, WaitingError, WaitingRooms};
use lmall_domain::{
    CustomerId, Sku, Timestamp,
    waiting::{
        Estimate, Outcome, PLACES_MAX, Pace, ROUND_MAX, Settings, Standing, Summary, Ticket,
        settings::BEATS_MISSED_MAX,
    },
};
use redis::{Cmd, FromRedisValue, cmd};

use super::{
    connection::{CallError, Redis},
    script::{self, Script},
};

/// The set of all SKUs that have a room. It may name one that has none.
const ROOMS: &str = "lmall:waiting";

/// The waiting rooms.
#[derive(Debug, Clone)]
pub struct RedisRooms {
    redis: Redis,
}

impl RedisRooms {
    /// The rooms on this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        sku: &Sku,
        fill: impl Fn(&mut Cmd) + Send,
    ) -> Result<T, WaitingError> {
        let keys = ["room", "line", "seen", "who", "open"];
        let keys = keys.map(|name| format!("lmall:waiting:{{{sku}}}:{name}"));
        let keys = keys.each_ref().map(String::as_str);
        self.redis.run_on(script, &keys, fill).await.map_err(failed)
    }

    async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, WaitingError> {
        self.redis.call(command).await.map_err(failed)
    }
}

#[async_trait]
impl WaitingRooms for RedisRooms {
    async fn open(&self, sku: &Sku, settings: Settings) -> Result<bool, WaitingError> {
        // First: a room that nobody knows of would never let anybody through.
        self.call::<()>(cmd("SADD").arg(ROOMS).arg(sku.as_str())).await?;
        self.run(&script::ROOM_OPEN, sku, |call| {
            call.arg(settings.units).arg(settings.admitted_per_s).arg(settings.token_life_ms);
            call.arg(settings.heartbeat_ms).arg(settings.quantity_max);
        })
        .await
    }

    async fn close(&self, sku: &Sku) -> Result<bool, WaitingError> {
        let was_open = self.run(&script::ROOM_CLOSE, sku, |_| {}).await?;
        self.call::<()>(cmd("SREM").arg(ROOMS).arg(sku.as_str())).await?;
        Ok(was_open)
    }

    async fn rooms(&self) -> Result<Vec<Sku>, WaitingError> {
        let names: Vec<String> = self.call(cmd("SMEMBERS").arg(ROOMS)).await?;
        let skus = names.iter().map(|name| name.parse().map_err(|_| strange()));
        let mut skus: Vec<_> = skus.collect::<Result<_, _>>()?;
        skus.sort_unstable();
        Ok(skus)
    }

    async fn summary(&self, sku: &Sku) -> Result<Option<Summary>, WaitingError> {
        let found: Option<Vec<String>> = self.run(&script::ROOM_SUMMARY, sku, |_| {}).await?;
        found.map(|fields| summary(&fields).ok_or_else(strange)).transpose()
    }

    async fn join(&self, sku: &Sku, customer_id: &CustomerId) -> Result<Joined, WaitingError> {
        let answer: String = self
            .run(&script::ROOM_JOIN, sku, |call| {
                call.arg(customer_id.as_str()).arg(PLACES_MAX);
            })
            .await?;
        let is_new = match answer.as_str() {
            "new" => true,
            "known" => false,
            "sold_out" => return Ok(Joined::SoldOut),
            "full" => return Ok(Joined::Full),
            "none" => return Ok(Joined::NoRoom),
            _ => return Err(strange()),
        };
        Ok(match self.visit(sku, customer_id).await? {
            Some(standing) if is_new => Joined::New(standing),
            Some(standing) => Joined::Known(standing),
            // Closed, or left, in between.
            None => Joined::NoRoom,
        })
    }

    async fn visit(
        &self,
        sku: &Sku,
        customer_id: &CustomerId,
    ) -> Result<Option<Standing>, WaitingError> {
        let found: Option<Vec<String>> = self
            .run(&script::ROOM_VISIT, sku, |call| {
                call.arg(customer_id.as_str());
            })
            .await?;
        let Some(found) = found else { return Ok(None) };
        standing(sku, customer_id, &found).map(Some).ok_or_else(strange)
    }

    async fn leave(&self, sku: &Sku, customer_id: &CustomerId) -> Result<(), WaitingError> {
        self.run(&script::ROOM_LEAVE, sku, |call| {
            call.arg(customer_id.as_str());
        })
        .await
    }

    async fn admit(&self, sku: &Sku, pace: Pace) -> Result<usize, WaitingError> {
        self.run(&script::ROOM_ADMIT, sku, |call| {
            call.arg(pace.permille()).arg(ROUND_MAX).arg(BEATS_MISSED_MAX);
        })
        .await
    }

    async fn due(&self, sku: &Sku, limit: usize) -> Result<Vec<Ticket>, WaitingError> {
        let found: Vec<String> = self
            .run(&script::ROOM_DUE, sku, |call| {
                call.arg(limit);
            })
            .await?;
        let (opened_at, due) = found.split_first().ok_or_else(strange)?;
        let tickets = due.chunks_exact(4).map(|fields| {
            let customer_id = fields[0].parse().ok()?;
            ticket(sku, &customer_id, opened_at, &fields[1..])
        });
        tickets.map(|ticket| ticket.ok_or_else(strange)).collect()
    }

    async fn settle(&self, ticket: &Ticket, outcome: Outcome) -> Result<(), WaitingError> {
        let (kind, quantity) = match outcome {
            Outcome::Ordered { quantity } => ("o", quantity),
            Outcome::Void => ("l", 0),
        };
        self.run(&script::ROOM_SETTLE, &ticket.sku, |call| {
            call.arg(ticket.customer_id.as_str()).arg(ticket.opened_at.as_millis());
            call.arg(ticket.place).arg(kind).arg(quantity);
        })
        .await
    }
}

fn standing(sku: &Sku, customer_id: &CustomerId, found: &[String]) -> Option<Standing> {
    let (kind, fields) = found.split_first()?;
    match (kind.as_str(), fields) {
        ("waiting", [place, heartbeat_ms, now, meter]) => {
            let (place, now) = (place.parse().ok()?, millis(now)?);
            let estimate = Estimate::of(place, now, admitted(meter)?);
            Some(Standing::Waiting { place, estimate, heartbeat_ms: heartbeat_ms.parse().ok()? })
        }
        ("admitted", [opened_at, fields @ ..]) => {
            ticket(sku, customer_id, opened_at, fields).map(Standing::Admitted)
        }
        ("ordered", []) => Some(Standing::Ordered),
        ("lapsed", []) => Some(Standing::Lapsed),
        ("sold_out", []) => Some(Standing::SoldOut),
        _ => None,
    }
}

/// From the place, the quantity and the end.
fn ticket(
    sku: &Sku,
    customer_id: &CustomerId,
    opened_at: &str,
    fields: &[String],
) -> Option<Ticket> {
    let [place, quantity, expires_at] = fields else { return None };
    Some(Ticket {
        sku: sku.clone(),
        customer_id: customer_id.clone(),
        opened_at: millis(opened_at)?,
        place: place.parse().ok()?,
        quantity: quantity.parse().ok()?,
        expires_at: millis(expires_at)?,
    })
}

/// Seconds, and how many were let through in each.
fn admitted(meter: &str) -> Option<Vec<(i64, u32)>> {
    let parts = meter.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (second, count) = part.split_once(':')?;
            Some((second.parse().ok()?, count.parse().ok()?))
        })
        .collect()
}

fn summary(fields: &[String]) -> Option<Summary> {
    let (opened_at, counts) = fields.split_first()?;
    let counts: Vec<u32> = counts.iter().map(|count| count.parse().ok()).collect::<Option<_>>()?;
    let [
        units,
        admitted_per_s,
        token_life_ms,
        heartbeat_ms,
        quantity_max,
        places,
        promised,
        ordered,
        left,
        lapsed,
        waiting,
        admitted,
    ] = counts[..]
    else {
        return None;
    };
    let settings = Settings { units, admitted_per_s, token_life_ms, heartbeat_ms, quantity_max };
    let opened_at = millis(opened_at)?;
    Some(Summary {
        settings,
        opened_at,
        places,
        waiting,
        admitted,
        promised,
        ordered,
        left,
        lapsed,
    })
}

fn millis(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_millis)
}

fn failed(error: CallError) -> WaitingError {
    WaitingError(Box::new(error))
}

fn strange() -> WaitingError {
    failed(CallError::Strange)
}
