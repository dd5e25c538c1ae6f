//! Many buyers for few units: exactly the units are held.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Call, Server, eventually, text};

const BUYERS: usize = 400;

/// All buyers place these lines at once; `winners` of them may be served.
async fn check(lines: &[(&str, i64)], stock: &[(&str, i64)], winners: usize) {
    let shop = Server::start().await;
    for (sku, units) in stock {
        shop.stock_up(sku, *units).await;
    }
    let orders = join_all((0..BUYERS).map(async |buyer| {
        let call = Call::place(&format!("buyer-{buyer}"), lines);
        shop.send(call).await.json(201)
    }));
    let orders = orders.await;
    let answered = join_all(orders.iter().map(|order| {
        shop.order_where(order, "its stock is answered", |order| order["stock"] != "pending")
    }));
    let answered = answered.await;
    let count = |stock: &str| answered.iter().filter(|order| order["stock"] == stock).count();
    assert_eq!((count("held"), count("refused")), (winners, BUYERS - winners), "{lines:?}");
    let taken = |sku: &str| -> i64 {
        let each: i64 = lines.iter().filter(|line| line.0 == sku).map(|line| line.1).sum();
        each * i64::try_from(winners).expect("few winners")
    };
    for (sku, units) in stock {
        shop.level_becomes(sku, [units - taken(sku), taken(sku), 0]).await;
    }

    // Half of the winners pay, and the others change their minds: the rest is for sale again.
    let held = answered.iter().filter(|order| order["stock"] == "held");
    join_all(held.enumerate().map(async |(index, order)| {
        if index % 2 == 0 {
            shop.pay(order).await;
            shop.order_becomes(order, "CONFIRMED").await;
        } else {
            let path = format!("/v1/orders/{}/cancel", text(order, "id"));
            shop.send(Call::post(path).customer(text(order, "customer_id"))).await.json(202);
            shop.order_becomes(order, "CANCELED").await;
        }
    }))
    .await;
    for (sku, units) in stock {
        shop.level_becomes(sku, [units - taken(sku) / 2, 0, taken(sku) / 2]).await;
    }
    shop.audit_is_green().await;
    eventually("the summary counts the orders", async || {
        let call = Call::get("/v1/ops/summary").operator();
        let orders = shop.send(call).await.json(200)["orders"].clone();
        let expected = [json!(winners / 2), json!(BUYERS - winners / 2)];
        let seen = [orders["CONFIRMED"].clone(), orders["CANCELED"].clone()];
        if seen == expected { Ok(()) } else { Err(orders.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn single_units_are_sold_to_as_many_buyers() {
    check(&[("tea", 1)], &[("tea", 100)], 100).await;
}

#[tokio::test]
async fn the_scarcest_of_several_skus_decides() {
    check(&[("oil", 1), ("tea", 2), ("wax", 1)], &[("oil", 400), ("tea", 200), ("wax", 400)], 100)
        .await;
}

#[tokio::test]
async fn lines_with_one_sku_count_together() {
    check(&[("tea", 1), ("tea", 1), ("tea", 2)], &[("tea", 99)], 24).await;
}
