//! The gate and the ledger disagree: a call was lost, and nobody will make it again.

use lmall_domain::{
    event::{CancelReason, OrderCancelRequested},
    stock::State,
};

use super::{
    Step,
    faults::{Crash, Moment},
    world::{World, confirmed},
};

/// After `arrange` the reservation is in this state. A check heals the gate, which differed by so
/// many units; and once it is healed, the next check finds nothing.
async fn check(arrange: Step, state: Option<State>, differed: i64) {
    let world = World::new().await;
    arrange(&world).await.expect("the stage is set");
    assert_eq!(world.reservation_state().await, state);
    let [gate, ledger] = world.gate_and_ledger().await;
    assert_ne!(gate, ledger, "they disagree");
    assert_eq!(gate.0 - ledger.0, differed);
    assert_eq!(world.check_drift().await, Some(differed));
    let [gate, healed] = world.gate_and_ledger().await;
    assert_eq!((gate, healed), (ledger, ledger), "the ledger is not changed to please the gate");
    assert_eq!(world.check_drift().await, None);
}

async fn confirm(world: &World) -> Result<(), String> {
    world.to_stock(2, confirmed()).await
}

async fn cancel(world: &World) -> Result<(), String> {
    let reason = CancelReason::Customer;
    world.to_stock(2, OrderCancelRequested { reason }.into()).await
}

#[tokio::test]
async fn a_hold_of_what_was_released_is_healed() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.reserve().await?;
            world.unheard(cancel).await
        }),
        Some(State::Released),
        -2,
    )
    .await;
}

#[tokio::test]
async fn a_hold_of_what_lapsed_is_healed() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.reserve().await?;
            world.unheard(World::lapse).await
        }),
        Some(State::Released),
        -2,
    )
    .await;
}

#[tokio::test]
async fn a_hold_of_what_was_rejected_is_healed() {
    check(
        step!(|world| {
            world.placed(2).await?;
            world.hold().await?;
            world.adjust(-1).await?;
            world.unheard(World::reserve).await
        }),
        Some(State::Rejected),
        -2,
    )
    .await;
}

#[tokio::test]
async fn a_hold_of_what_was_sold_is_healed_though_as_much_can_be_had() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.reserve().await?;
            world.unheard(confirm).await
        }),
        Some(State::Sold),
        0,
    )
    .await;
}

#[tokio::test]
async fn a_hold_of_no_reservation_is_healed() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.hold().await
        }),
        None,
        -2,
    )
    .await;
}

#[tokio::test]
async fn a_hold_that_the_gate_has_forgotten_is_healed() {
    check(
        step!(|world| {
            world.placed(10).await?;
            world.reserve().await?;
            world.forget().await
        }),
        Some(State::Reserved),
        0,
    )
    .await;
}

#[tokio::test]
async fn a_hold_between_two_steps_is_left_alone() {
    let world = World::new().await;
    world.placed(10).await.expect("the stage is set");
    // The intent is the first call, the gate's hold the second; the ledger hears of neither.
    world.faults.arm(Some(Crash { call: 2, moment: Moment::After }));
    world.reserve().await.expect_err("the process dies");
    world.faults.arm(None);
    assert_eq!(world.reservation_state().await, Some(State::Trying));
    let between = [(8, 2), (10, 0)];
    assert_eq!(world.gate_and_ledger().await, between);
    assert_eq!(world.check_drift().await, None);
    assert_eq!(world.gate_and_ledger().await, between);
    world.reserve().await.expect("it goes on from there");
    assert_eq!(world.gate_and_ledger().await, [(8, 2); 2]);
    assert_eq!(world.check_drift().await, None);
}
