//! Each use case, three ways: it succeeds; repeated, it changes nothing; and after a crash
//! before or after any of its port calls, repeating it ends where the first would have.

macro_rules! step {
    (|$world:ident| $body:expr) => {
        |$world| Box::pin(async move { $body })
    };
}

mod catalogue;
mod drift;
mod faults;
mod flash;
mod sale;
mod world;

use lmall_domain::{
    Money, OrderId, RefundId,
    event::{
        CancelReason, Event, InventoryRejected, InventoryReleased, InventoryReserved,
        OrderCancelRequested, OrderCanceled, PaymentCaptured, RefundDue, ReleaseReason,
    },
    payment::Progress,
    waiting::Outcome,
};

use self::{
    faults::{Crash, LEFT, Moment},
    world::{ORDER, World, confirmed, eur},
};

/// What is done, after what was done.
type Step = for<'a> fn(&'a World) -> futures_util::future::BoxFuture<'a, Result<(), String>>;

/// Runs `act` in a fresh world after `arrange`: undisturbed, repeated, and with a crash at every
/// port call. Every way must end in the same rows, with this outcome: the events in the
/// outboxes, then the stock.
async fn check(arrange: Step, act: Step, outcome: &[&str]) {
    let world = World::new().await;
    arrange(&world).await.expect("the stage is set");
    world.faults.arm(None);
    act(&world).await.expect("undisturbed, it succeeds");
    let calls = world.faults.calls();
    let expected = world.rows().await;
    assert_eq!(world.outcome().await, outcome, "it says this, and nothing else");
    act(&world).await.expect("repeated, it succeeds");
    assert_eq!(world.rows().await, expected, "repeated, it changes nothing");
    assert!(calls > 0, "it asks the world for something");

    for call in 1..=calls {
        for moment in [Moment::Before, Moment::After] {
            let mut world = World::new().await;
            arrange(&world).await.expect("the stage is set");
            world.faults.arm(Some(Crash { call, moment }));
            let crashed = act(&world).await;
            world.restart().await;
            act(&world).await.unwrap_or_else(|error| {
                panic!("after a crash {moment:?} call {call} ({crashed:?}): {error}")
            });
            let rows = world.rows().await;
            assert_eq!(rows, expected, "after a crash {moment:?} call {call} of {calls}");
            let audit = world.audit().await;
            assert_eq!(audit, Vec::<String>::new(), "after a crash {moment:?} call {call}");
        }
    }
}

fn reserved() -> Event {
    InventoryReserved { expires_at: world::now() }.into()
}

fn captured(amount: Money) -> Event {
    PaymentCaptured {
        provider: "demo".parse().expect("it is well-formed"),
        provider_event_id: "evt_1".parse().expect("it is well-formed"),
        payment_id: "pay_1".parse().expect("it is well-formed"),
        amount,
    }
    .into()
}

fn refund(amount: i64) -> RefundDue {
    RefundDue {
        refund_id: RefundId::of(OrderId::new(ORDER).expect("it is well-formed"), 1),
        amount: eur(amount),
    }
}

#[tokio::test]
async fn placing_with_an_idempotency_key() {
    check(
        step!(|world| world.stock(10).await),
        step!(|world| world.place().await),
        &["order.created", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn placing_in_a_flash_sale() {
    check(
        step!(|world| {
            world.stock(10).await?;
            world.begin_flash_sale().await
        }),
        step!(|world| world.place_admitted().await),
        &["order.created", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn ending_an_admission() {
    check(
        step!(|world| {
            world.stock(10).await?;
            world.begin_flash_sale().await
        }),
        step!(|world| world.end_admission(Outcome::Void).await),
        &["10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn ending_an_admission_that_was_used() {
    check(
        step!(|world| {
            world.stock(10).await?;
            world.begin_flash_sale().await?;
            world.place_admitted().await
        }),
        step!(|world| world.end_admission(Outcome::Ordered { quantity: 2 }).await),
        &["order.created", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn beginning_a_flash_sale() {
    check(
        step!(|world| world.stock(10).await),
        step!(|world| world.begin_flash_sale().await),
        &["10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn canceling_an_order() {
    check(
        step!(|world| world.placed(10).await),
        step!(|world| world.cancel_order(CancelReason::Customer).await),
        &["order.created", "order.cancel.requested", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn noting_that_stock_is_held() {
    check(
        step!(|world| world.placed(10).await),
        step!(|world| world.to_order(1, reserved()).await),
        &["order.created", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn confirming_a_paid_order() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.to_order(1, reserved()).await
        }),
        step!(|world| world.to_order(1, captured(eur(2_500))).await),
        &["order.created", "order.confirmed", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn canceling_what_cannot_be_held() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.to_order(1, captured(eur(2_000))).await
        }),
        step!(|world| world.to_order(1, InventoryRejected { sku: None }.into()).await),
        &["order.created", "order.canceled", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn ending_a_canceled_order() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.cancel_order(CancelReason::Customer).await
        }),
        step!(|world| {
            let released = InventoryReleased { reason: ReleaseReason::Canceled };
            world.to_order(1, released.into()).await
        }),
        &["order.created", "order.cancel.requested", "order.canceled", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn reserving() {
    check(
        step!(|world| world.placed(10).await),
        step!(|world| world.reserve().await),
        &["order.created", "inventory.reserved", "8/2/0"],
    )
    .await;
}

#[tokio::test]
async fn refusing_to_reserve() {
    check(
        step!(|world| world.placed(1).await),
        step!(|world| world.reserve().await),
        &["order.created", "inventory.rejected", "1/0/0"],
    )
    .await;
}

#[tokio::test]
async fn selling_what_is_reserved() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.reserve().await
        }),
        step!(|world| world.to_stock(2, confirmed()).await),
        &["order.created", "inventory.reserved", "inventory.confirmed", "8/0/2"],
    )
    .await;
}

#[tokio::test]
async fn selling_what_had_lapsed() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.reserve().await?;
            world.lapse().await
        }),
        step!(|world| world.to_stock(2, confirmed()).await),
        &[
            "order.created",
            "inventory.reserved",
            "inventory.released",
            "inventory.confirmed",
            "8/0/2",
        ],
    )
    .await;
}

#[tokio::test]
async fn refusing_to_sell_what_had_lapsed() {
    check(
        step!(|world| {
            world.placed(2).await?;
            world.reserve().await?;
            world.lapse().await?;
            world.adjust(-1).await
        }),
        step!(|world| world.to_stock(2, confirmed()).await),
        &[
            "order.created",
            "inventory.reserved",
            "inventory.released",
            "inventory.rejected",
            "1/0/0",
        ],
    )
    .await;
}

#[tokio::test]
async fn releasing() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.reserve().await
        }),
        step!(|world| {
            let reason = CancelReason::Customer;
            world.to_stock(2, OrderCancelRequested { reason }.into()).await
        }),
        &["order.created", "inventory.reserved", "inventory.released", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn releasing_before_reserving_leaves_a_tombstone() {
    check(
        step!(|world| world.placed(10).await),
        step!(|world| {
            let reason = CancelReason::Customer;
            world.to_stock(2, OrderCancelRequested { reason }.into()).await?;
            world.reserve().await
        }),
        &["order.created", "inventory.released", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn expiring() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.reserve().await
        }),
        step!(|world| world.lapse().await),
        &["order.created", "inventory.reserved", "inventory.released", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn receiving_stock() {
    check(step!(|world| world.stock(10).await), step!(|world| world.adjust(5).await), &["15/0/0"])
        .await;
}

#[tokio::test]
async fn taking_a_webhook() {
    check(
        step!(|world| world.placed(10).await),
        step!(|world| world.webhook("evt_1", "payment.captured", 2_000).await),
        &["order.created", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn settling_what_came_before_the_order_was_known() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.webhook("evt_1", "payment.captured", 1_000).await?;
            world.webhook("evt_2", "payment.failed", 0).await?;
            world.webhook("evt_3", "payment.captured", 1_000).await
        }),
        step!(|world| world.expect_payment().await),
        &["order.created", "payment.captured", "payment.failed", "payment.captured", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn refunding() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.expect_payment().await?;
            world.webhook("evt_1", "payment.captured", 1_000).await?;
            world.webhook("evt_2", "payment.captured", 1_000).await
        }),
        step!(|world| {
            let reason = CancelReason::PaymentTimeout;
            let canceled = OrderCanceled { reason, refund_due: Some(refund(2_000)) };
            world.to_payment(3, canceled.into()).await
        }),
        &["order.created", "payment.captured", "payment.captured", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn refunding_what_the_provider_had_given_back_in_part() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.expect_payment().await?;
            world.webhook("evt_1", "payment.captured", 2_000).await?;
            let reason = CancelReason::PaymentTimeout;
            let canceled = OrderCanceled { reason, refund_due: Some(refund(2_000)) };
            let refused = world.to_payment(3, canceled.into()).await.expect_err("less is left");
            assert!(refused.contains("the provider refuses"), "{refused}");
            Ok(())
        }),
        step!(|world| {
            let given_back = 2_000 - LEFT;
            world.webhook_of("pay_evt_1", "evt_2", "payment.refunded", given_back).await?;
            let progress = world.progress().await;
            assert_eq!(progress, [(2_000, Progress::Replaced), (LEFT, Progress::Requested)]);
            Ok(())
        }),
        &["order.created", "payment.captured", "payment.refunded", "10/0/0"],
    )
    .await;
}

#[tokio::test]
async fn refunding_what_is_left_when_the_provider_refuses() {
    fn canceled() -> Event {
        let reason = CancelReason::PaymentTimeout;
        OrderCanceled { reason, refund_due: Some(refund(2_000)) }.into()
    }
    check(
        step!(|world| {
            world.placed(10).await?;
            world.expect_payment().await?;
            world.webhook("evt_1", "payment.captured", 2_000).await?;
            // It is written down, and the process dies when it asks.
            world.faults.arm(Some(Crash { call: 4, moment: Moment::Before }));
            let died = world.to_payment(3, canceled()).await.expect_err("nobody answers");
            assert!(died.contains("the provider does not answer"), "{died}");
            world.faults.arm(None);
            let given_back = 2_000 - LEFT;
            world.webhook_of("pay_evt_1", "evt_2", "payment.refunded", given_back).await
        }),
        step!(|world| {
            world.to_payment(3, canceled()).await?;
            let progress = world.progress().await;
            assert_eq!(progress, [(2_000, Progress::Replaced), (LEFT, Progress::Accepted)]);
            Ok(())
        }),
        &["order.created", "payment.captured", "payment.refunded", "10/0/0"],
    )
    .await;
}
