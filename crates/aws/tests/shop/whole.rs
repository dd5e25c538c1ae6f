//! Whole orders, with nothing going wrong.

use std::time::Duration;

use lmall_app::topology::Queue;
use lmall_domain::{
    event::EventType::{self, *},
    order::{Status, Stock},
};

use crate::{
    services::PAYMENT_TIMEOUT,
    setup::Setup,
    world::{World, soon},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_held_paid_and_confirmed() {
    let world = World::open(Setup::default()).await;
    let order = world.place("anna", 2).await;
    world.until(order.id, "held", |order| order.stock == Stock::Held).await;
    assert_eq!(world.level().await.reserved, 2);
    world.pay(&order).await;
    world.reaches(order.id, Status::Confirmed).await;
    world.ends_well(2).await;
    assert!(world.dead().await.is_empty());
    let seen = |queue| -> Vec<EventType> {
        let sights = world.shared.log.sights.lock();
        sights.iter().filter(|sight| sight.queue == queue).map(|sight| sight.event_type).collect()
    };
    let at_order = [InventoryReserved, PaymentCaptured, InventoryConfirmed];
    assert_eq!(seen(Queue::Order), at_order);
    assert_eq!(seen(Queue::Inventory), [OrderCreated, OrderConfirmed]);
    assert_eq!(seen(Queue::Payment), [OrderCreated, OrderConfirmed]);
    assert_eq!(seen(Queue::Product), [OrderConfirmed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_paid_goes_back_and_late_money_is_given_back() {
    let world = World::open(Setup::default()).await;
    let (late, never) = (world.place("anna", 2).await, world.place("bert", 3).await);
    for order in [&late, &never] {
        world.until(order.id, "held", |order| order.stock == Stock::Held).await;
    }
    world.shared.clock.advance(PAYMENT_TIMEOUT + Duration::from_secs(1));
    world.front.orders.cancel_overdue().await.expect("everything answers");
    for order in [&late, &never] {
        world.reaches(order.id, Status::Canceled).await;
    }
    assert_eq!(world.level().await.available, world.units);
    world.pay(&late).await;
    soon("the money is back", Duration::from_millis(50), async || {
        let payment = world.direct.payments.load(late.id).await.ok()??.value;
        (payment.refunded(late.total.currency) == late.total.amount).then_some(())
    })
    .await;
    world.ends_well(0).await;
    assert!(world.dead().await.is_empty());
}
