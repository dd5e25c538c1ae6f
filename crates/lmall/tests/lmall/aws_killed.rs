//! A service that is killed while it holds messages.

use std::time::Duration;

use crate::support::{Api, Call, Installation, text, within};

/// What a dead process held is invisible to others for 30 s; then it comes again.
const AGAIN_WITHIN: Duration = Duration::from_secs(90);

const ORDERS: i64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_service_held_is_done_by_the_next_one() {
    let mut shop = Installation::start(&[]).await;
    let api = Api::new(shop.gateway.url.clone());
    api.stock_up("tea", ORDERS + 5).await;
    let placing = async {
        let mut placed = Vec::new();
        for number in 0..ORDERS {
            let call = Call::place(&format!("customer-{number}"), &[("tea", 1)]);
            placed.push(api.send(call).await.json(201));
        }
        placed
    };
    let (placed, ()) = tokio::join!(placing, shop.inventory_dies_with_messages());
    for order in &placed {
        within(AGAIN_WITHIN, "the order gets its stock", async || {
            let order = api.order(text(order, "customer_id"), text(order, "id")).await;
            if order["stock"] == "held" { Ok(()) } else { Err(order.to_string()) }
        })
        .await;
        api.pay(order).await;
    }
    for order in &placed {
        api.order_becomes(order, "CONFIRMED").await;
    }
    api.level_becomes("tea", [5, 0, ORDERS]).await;
    api.audit_is_green().await;
    let letters = api.send(Call::get("/v1/ops/dead-letters").operator()).await.json(200);
    assert_eq!(letters["items"], serde_json::json!([]), "{letters:#}");
    shop.ends_well();
}
