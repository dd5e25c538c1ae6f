//! What happens by itself when time passes.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{Server, eur, temp_dir, text};

#[tokio::test]
async fn an_unpaid_order_is_canceled_and_gives_its_stock_back() {
    let times = [("LMALL_PAYMENT_TIMEOUT_S", "1"), ("LMALL_RESERVATION_GRACE_S", "1")];
    let shop = Server::start_with(&times).await;
    shop.stock_up("tea", 10).await;
    let order = shop.place("ann", &[("tea", 4)]).await;
    shop.level_becomes("tea", [6, 4, 0]).await;
    let order = shop.order_becomes(&order, "CANCELED").await;
    assert_eq!(text(&order, "cancel_reason"), "payment_timeout");
    assert_eq!(text(&order, "stock"), "released");
    shop.level_becomes("tea", [10, 0, 0]).await;
    // It can be sold again, and money that comes now goes back.
    let other = shop.place("bob", &[("tea", 10)]).await;
    assert_eq!(text(&other, "stock"), "held");
    shop.pay(&other).await;
    shop.order_becomes(&other, "CONFIRMED").await;
    shop.pay(&order).await;
    let order = shop
        .order_where(&order, "late money goes back", |order| order["refunded"] == order["total"]);
    assert_eq!(text(&order.await, "status"), "CANCELED");
    shop.level_becomes("tea", [0, 0, 10]).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn time_passes_for_a_server_that_is_down() {
    let data = temp_dir();
    let times = [("LMALL_PAYMENT_TIMEOUT_S", "1"), ("LMALL_RESERVATION_GRACE_S", "0")];
    let shop = Server::start_on(data.path(), &times).await;
    shop.stock_up("tea", 10).await;
    let orders = join_all((0..10).map(|_| shop.place("ann", &[("tea", 1)]))).await;
    shop.kill();

    // With no grace, reservation and order end at the same moment: either may be first.
    let shop = Server::start_on(data.path(), &times).await;
    for order in &orders {
        let order = shop.order_becomes(order, "CANCELED").await;
        let reason = text(&order, "cancel_reason");
        assert!(["payment_timeout", "reservation_expired"].contains(&reason), "{order}");
        assert_eq!(text(&order, "stock"), "released");
    }
    shop.level_becomes("tea", [10, 0, 0]).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn money_at_the_last_moment_buys_or_goes_back() {
    for grace in ["0", "1"] {
        let times = [("LMALL_PAYMENT_TIMEOUT_S", "1"), ("LMALL_RESERVATION_GRACE_S", grace)];
        let shop = Server::start_with(&times).await;
        shop.stock_up("tea", 100).await;
        let orders = join_all((0..100).map(|_| shop.place("ann", &[("tea", 1)]))).await;
        // Payments spread over the second before and the two after the end.
        let mut due = tokio::time::interval(Duration::from_millis(30));
        for order in &orders {
            due.tick().await;
            shop.pay(order).await;
        }
        let ended = join_all(orders.iter().map(|order| {
            shop.order_where(order, "it is sold or its money goes back", is_at_an_end)
        }));
        let ended = ended.await;
        let sold = ended.iter().filter(|order| order["status"] == "CONFIRMED").count();
        let sold = i64::try_from(sold).expect("a hundred at most");
        shop.level_becomes("tea", [100 - sold, 0, sold]).await;
        assert!((1..100).contains(&sold), "the payments came around the end: {sold} sold");
        shop.audit_is_green().await;
    }
}

fn is_at_an_end(order: &Value) -> bool {
    let (refunded, all, nothing) = (&order["refunded"], &order["total"], &eur(0));
    match text(order, "status") {
        "CONFIRMED" => refunded == nothing && order["captured"] == *all && order["stock"] == "sold",
        "CANCELED" => refunded == all && order["captured"] == *all,
        _ => false,
    }
}
