//! Whole shops while something goes wrong all the time: every order ends as it should, and the
//! audit finds nothing.

mod answers;
mod process;
mod redis;
mod relay;

use futures_util::future::join_all;
use lmall_app::{Trace, order::CancelOutcome};
use lmall_domain::{
    event::CancelReason,
    order::{Status, Stock},
};

use crate::world::{LOOK, World, soon};

/// So many customers order one unit or two at once. Every fourth changes their mind once the
/// stock is held, the others pay. Gives the units that are sold in the end.
async fn trade(world: &World, customers: u32) -> i64 {
    join_all((0..customers).map(|number| customer(world, number))).await.into_iter().sum()
}

async fn customer(world: &World, number: u32) -> i64 {
    let quantity = 1 + number % 2;
    let order = world.place(&format!("customer-{number}"), quantity).await;
    let answered = |stock: Stock| stock != Stock::Pending;
    let seen = world.until(order.id, "answered", |order| answered(order.stock)).await;
    if seen.stock == Stock::Refused {
        world.reaches(order.id, Status::Canceled).await;
        return 0;
    }
    if number % 4 == 3 {
        soon("a cancellation is taken", LOOK, async || {
            let (reason, trace) = (CancelReason::Customer, Trace::default());
            let canceled = world.front.orders.cancel(order.id, reason, &trace).await.ok()?;
            assert!(matches!(canceled, CancelOutcome::Canceling(_)), "{canceled:?}");
            Some(())
        })
        .await;
        world.reaches(order.id, Status::Canceled).await;
        return 0;
    }
    world.pay(&order).await;
    world.until(order.id, "sold", |order| order.stock == Stock::Sold).await;
    i64::from(quantity)
}
