//! What should not happen, and does: garbage in a queue, things said again that mean nothing
//! any more, time-outs out of turn.

use futures_util::future::BoxFuture;
use lmall_app::{Trace, order::Orders, ports::Message, topology::Queue};
use lmall_domain::{
    EventId,
    event::{
        CancelReason, Envelope, Event, InventoryConfirmed, InventoryReleased, ReleaseReason,
        Service,
    },
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Shop;
use crate::kernel::Fault;

/// Events that a service has said of an order are never so many.
const STRAY_SEQ: u32 = 9_000;

/// A message that no consumer can read.
pub(super) fn poison(shop: &Shop, rng: &mut ChaCha8Rng) {
    if !shop.system.kernel.strikes(Fault::Poison) {
        return;
    }
    let body = match rng.random_range(0..3_u32) {
        0 => "not json",
        1 => r#"{"event_type":"order.created"}"#,
        _ => {
            r#"{"event_type":"order.invented","event_id":"1-order-1","occurred_at":"2026-01-14T10:30:00Z","aggregate_id":"1","schema_version":"7.0","payload":{}}"#
        }
    };
    let queue = [Queue::Order, Queue::Inventory, Queue::Payment][rng.random_range(0..3_usize)];
    let message = Message {
        group: "poison".into(),
        dedup_id: format!("poison-{}", rng.random_range(0..1_000_000_u32)).into(),
        event_type: "order.invented".into(),
        body: body.into(),
        trace: Trace::default(),
        replays: 0,
    };
    shop.system.bus.resend(queue, &message);
}

/// Inventory says of an order, under a new id, that it is released or sold: the order service has
/// to make nothing of it that does not come right.
pub(super) fn stray(shop: &Shop, rng: &mut ChaCha8Rng, number: u64) {
    let Some(order) = shop.oracle.order(rng.random()) else { return };
    if !shop.system.kernel.strikes(Fault::Stray) {
        return;
    }
    let event: Event = if rng.random() {
        InventoryReleased { reason: ReleaseReason::Expired }.into()
    } else {
        InventoryConfirmed {}.into()
    };
    let seq = STRAY_SEQ + u32::try_from(number).unwrap_or(0);
    let event_id = EventId::of(order.id, Service::Inventory, seq);
    shop.oracle.stray(&event_id);
    let event_type = event.event_type().name();
    let occurred_at = shop.system.kernel.now();
    let envelope =
        Envelope { event_id: event_id.clone(), occurred_at, aggregate_id: order.id.into(), event };
    let message = Message {
        group: order.id.to_string().into(),
        dedup_id: event_id.as_str().into(),
        event_type: event_type.into(),
        body: envelope.to_json().into(),
        trace: Trace::default(),
        replays: 0,
    };
    shop.system.bus.resend(Queue::Order, &message);
}

/// A timer goes off for an order: it may be early, late, or not the first one.
pub(super) async fn time_out(shop: &Shop, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..=10) {
        let Some(order) = shop.oracle.order(rng.random()) else { return };
        if !shop.system.kernel.strikes(Fault::TimeOut) {
            continue;
        }
        let work = move |orders: Orders| -> BoxFuture<'static, _> {
            let trace = Trace::default();
            Box::pin(
                async move { orders.cancel(order.id, CancelReason::PaymentTimeout, &trace).await },
            )
        };
        // Nobody waits for what comes of it.
        let _: Option<_> = shop.system.ask(work).await;
    }
}
