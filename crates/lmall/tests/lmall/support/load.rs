//! Buyers who keep a server busy, and remember what it promised them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::Value;

use super::{Answer, Api, Call, captured, eventually, text, within};

/// Buyers at a time.
const BUYERS: usize = 16;

/// The longest time for all orders to come to an end: a message may have been tried three times.
const END_WITHIN: Duration = Duration::from_secs(60);

/// A load; it ends for each buyer with the first request that is not answered, or with 503.
#[derive(Default)]
pub(crate) struct Load {
    placed: AtomicUsize,
}

/// An order that was answered 201.
pub(crate) struct Placed {
    order: Value,
    key: String,
    promised: Promised,
}

/// What else was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promised {
    Nothing,
    /// Its payment was answered 200.
    Payment,
    /// Its cancellation was answered 202.
    Cancellation,
    /// A payment or a cancellation was sent, and what became of it is not known.
    Unclear,
}

impl Load {
    /// Waits until so many orders were answered 201.
    pub(crate) async fn has_placed(&self, count: usize) {
        eventually("enough orders are placed", async || {
            let placed = self.placed.load(Ordering::Relaxed);
            if placed >= count { Ok(()) } else { Err(placed.to_string()) }
        })
        .await;
    }

    /// A third of the orders is paid, a third canceled, a third left alone.
    pub(crate) async fn run(&self, api: &Api, sku: &str) -> Vec<Placed> {
        let buyers = (0..BUYERS).map(|buyer| self.buyer(api, sku, format!("buyer-{buyer}")));
        join_all(buyers).await.into_iter().flatten().collect()
    }

    async fn buyer(&self, api: &Api, sku: &str, customer: String) -> Vec<Placed> {
        let mut answered = Vec::new();
        loop {
            let key = format!("{sku}-{}", answered.len());
            let call = Call::place(&customer, &[(sku, 1)]).header("idempotency-key", &key);
            let Some(answer) = answer(api, call).await else { return answered };
            let order = answer.json(201);
            let turn = self.placed.fetch_add(1, Ordering::Relaxed);
            let promised = promise(api, &order, turn).await;
            answered.push(Placed { order, key, promised });
            if promised == Promised::Unclear {
                return answered;
            }
        }
    }

    /// Everything that was answered is there, under its key, too.
    pub(crate) async fn is_there(&self, api: &Api, all: &[Placed]) {
        for Placed { order, key, .. } in all {
            let customer = text(order, "customer_id");
            let found = api.order(customer, text(order, "id")).await;
            for name in ["id", "lines", "total", "placed_at", "pay_by"] {
                assert_eq!(found[name], order[name], "{name}");
            }
            let sku = text(&order["lines"][0], "sku");
            let call = Call::place(customer, &[(sku, 1)]).header("idempotency-key", key);
            let again = api.send(call).await;
            assert_eq!(again.header("idempotent-replayed"), "true", "{key}");
            assert_eq!(again.json(201)["id"], order["id"], "{key}");
        }
    }

    /// What was paid is confirmed, what was canceled is canceled; the rest is canceled now.
    pub(crate) async fn comes_to_an_end(&self, api: &Api, all: &[Placed]) {
        for Placed { order, promised, .. } in all {
            if !matches!(promised, Promised::Payment | Promised::Cancellation) {
                let answer = api.send(cancellation(order)).await;
                assert!(matches!(answer.status, 202 | 409), "{}", answer.text());
            }
        }
        within(END_WITHIN, "every order comes to an end", async || {
            for Placed { order, promised, .. } in all {
                let now = api.order(text(order, "customer_id"), text(order, "id")).await;
                let good = match (text(&now, "status"), promised) {
                    ("CONFIRMED", Promised::Payment | Promised::Unclear) => true,
                    ("CANCELED", Promised::Payment) => false,
                    ("CANCELED", _) => true,
                    _ => false,
                };
                if !good {
                    return Err(format!("{promised:?}: {now}"));
                }
            }
            Ok(())
        })
        .await;
    }
}

/// Pays or cancels the order, or leaves it alone.
async fn promise(api: &Api, order: &Value, turn: usize) -> Promised {
    let id = text(order, "id");
    let (call, promised) = match turn % 3 {
        0 => {
            let event = captured(&format!("evt-{id}"), id, &order["total"]);
            (Call::demo_webhook(&event), Promised::Payment)
        }
        1 => (cancellation(order), Promised::Cancellation),
        _ => return Promised::Nothing,
    };
    match answer(api, call).await {
        Some(answer) => {
            assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
            promised
        }
        None => Promised::Unclear,
    }
}

fn cancellation(order: &Value) -> Call {
    let path = format!("/v1/orders/{}/cancel", text(order, "id"));
    Call::post(path).customer(text(order, "customer_id"))
}

/// The answer, unless there is none or it is 503.
async fn answer(api: &Api, call: Call) -> Option<Answer> {
    api.try_send(call).await.ok().filter(|answer| answer.status != 503)
}
